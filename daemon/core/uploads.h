// Uploads under way: chunks become journal records as they come, a commit makes them one write
// (rule 9).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "daemon/base/digest.h"
#include "daemon/core/core.h"
#include "daemon/core/intake.h"
#include "daemon/core/timeouts.h"
#include "daemon/model/upload_manifest.h"

namespace tandem {

// Owner: core's thread. Memory per open upload: one chunk, one piece of the caller's, and 32 bytes
// for each chunk journaled.
class Uploads {
 public:
  using Opened = absl::AnyInvocable<void(absl::StatusOr<std::variant<UploadId, WriteReply>>)>;
  using ChunkDone = absl::AnyInvocable<void(absl::Status)>;

  Uploads(Env& env, const CoreOptions& options, Intake& intake, const Progress& progress);
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  // At the start: every record kept, then the journal. SetPin may come before Journal::Start;
  // what was open is aborted by AbortRecovered, after it.
  void Recover(const RecordHeader& record);
  void Begin(Journal& journal);
  void AbortRecovered();

  // As in Core; the request is valid.
  void Open(UploadRequest request, Opened opened);
  void AddChunk(UploadId id, std::string data, ChunkDone done);
  void Commit(UploadId id, WriteDone done);
  void Abort(UploadId id);
  void AbortAll(const absl::Status& why);

  void OnDurable();
  void OnCheckpoint();
  void OnJournalFailed();

  [[nodiscard]] size_t open_count() const { return uploads_.size(); }

 private:
  struct Upload {
    UploadRequest request;
    std::vector<UploadChunk> chunks;  // the first `placed` of them are durable, their places known
    size_t placed = 0;
    std::string buffer;  // not journaled yet
    uint64_t size = 0;   // of all that came, bytes
    uint64_t journaled = 0;
    uint32_t crc32c = 0;
    Digester digester;
    ChunkDone chunk_done;  // a caller who waits for room
    WriteDone commit_done;
    int64_t deadline_ns = 0;  // of its life; once it is committed, of the caller's patience
    bool committing = false;
    bool sequencing = false;  // the commit is with intake
    // An earlier attempt committed it: nothing is journaled, what comes is only compared with that.
    bool known = false;
  };

  UploadId Register(UploadRequest request, bool known);
  [[nodiscard]] absl::Status CheckPiece(const Upload& upload, const std::string& data) const;
  // Journals what can be journaled, answers who waits for that.
  void Pump(UploadId id);
  // All that are not with intake, once the places of what became durable are known.
  void PumpAll();
  [[nodiscard]] std::vector<UploadId> NotSequencing() const;
  // When the journal took nothing and nothing is under way that would come back.
  void PumpSoon();
  static Awaitable<void> PumpLater(Uploads* uploads, std::weak_ptr<bool> alive);
  // As Pump, of one that is known.
  void Compare(UploadId id, Upload& upload);
  absl::Status AppendChunk(Upload& upload, std::string data);
  absl::Status CollectPlaces(Upload& upload);
  void FinishCommit(UploadId id, Upload& upload);
  void OnCommitLeft(UploadId id, Sequence sequence);
  // Ends the upload: the callers who wait get `why`, the journal gets an abort.
  void Fail(UploadId id, const absl::Status& why);
  void Forget(UploadId id);
  // False while the journal takes none: they are tried again when it moves on.
  bool PayAborts();
  void UpdatePin();
  [[nodiscard]] absl::Status WhyNotOpen() const;
  [[nodiscard]] std::optional<UploadId> FindOpen(const Uuid& request_id) const;
  void Later(ChunkDone done, absl::Status status);
  [[nodiscard]] static Record AbortOf(const Uuid& request_id, const std::string& path);

  Env& env_;
  const CoreOptions& options_;
  Intake& intake_;
  const Progress& progress_;
  const size_t chunk_bytes_;
  Journal* journal_ = nullptr;
  UploadId next_id_ = 1;
  uint64_t open_bytes_ = 0;
  size_t opening_ = 0;
  absl::btree_map<UploadId, std::unique_ptr<Upload>> uploads_;
  absl::btree_map<Uuid, std::pair<Sequence, std::string>> recovered_;  // open: first chunk, path
  absl::btree_map<Sequence, Sequence> committed_;  // not applied everywhere: commit -> first chunk
  std::vector<Record> owed_aborts_;
  Sequence pin_ = 0;
  absl::Status stopped_;  // not OK: no upload begins any more
  bool pumping_soon_ = false;
  Timeouts lifetimes_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tandem
