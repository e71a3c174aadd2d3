// Writes that one target cannot take now, kept durably so that they do not pin the journal; and
// what is left of those that an operator has skipped there: their paths are DIVERGED.
//
// Who goes first (p: the path of the skipped write S; a rename has two, and each is a path of its
// own here; what else is parked waits as if nobody had skipped anything):
//   after S, of p            | and then
//   -------------------------+---------------------------------------------------------------------
//   Append, WriteAt,         | parked until p is equal again: never applied onto unknown content
//   Truncate                 |
//   Rename from or onto p    | parked likewise, and with it what comes after it on either path
//   Put, UploadCommit,       | applied, though edits of p are parked: replaces these, and makes p
//   Delete                   | equal again. One parked rename of p, or an earlier member of its
//                            | batch that is parked on another path, it still waits for
//   before S, of p           | tried again like any other; p stays DIVERGED
//   a later member of S's    | goes on: skipping S gives up its place in the batch too
//   batch, on another path   |
//   beneath p, above p       | not concerned
// Of a skipped rename each path becomes equal again for itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/journal/record.h"
#include "daemon/lane/content.h"
#include "daemon/lane/directories.h"
#include "daemon/lane/diverged_paths.h"
#include "daemon/lane/path_locks.h"
#include "daemon/lane/size_range.h"
#include "tandem/internal/v1/parked.pb.h"

namespace tandem {

// An operator gave a parked write up.
struct SkipNote {
  std::string reason;
  std::string caller;
  int64_t time_ms = 0;                // wall time, since 1970
  std::vector<std::string> diverged;  // of the write's paths, those not equal again since
};

struct ParkedWrite {
  RecordHeader header;
  uint64_t payload_bytes = 0;  // the payload's, or an upload's content's
  std::string error;           // why, for a person
  int64_t since_ms = 0;        // wall time, since 1970
  bool done = false;           // on the target; only its removal is owed
  uint64_t attempts = 0;       // that failed, as far as this process knows
  // Sizes that tries of it may have left; nullopt: any. See PathRun.
  std::optional<SizeRange> sizes;
  bool skipping = false;  // its skip has begun: nothing else may be done with it
  std::optional<SkipNote> skip;
};

// May a write be applied now?
enum class Standing {
  kFree,
  kWaits,  // no: it has to be parked, or stay parked
  kHeals,  // yes, a full write of a DIVERGED path: nothing but what it replaces is in its way
};

// Files `<sequence>.rec` (and `.data` for an upload) in a directory of the lane, on the journal's
// volume. In memory: everything but payloads. Owner: the lane that holds the target's lock.
class ParkedStore {
 public:
  // Limits in writes (as many again may be skipped) and bytes of payload.
  ParkedStore(Env& env, DirectoryRef directory, uint64_t max_writes, uint64_t max_bytes)
      : env_(env),
        directory_(std::move(directory)),
        max_writes_(max_writes),
        max_bytes_(max_bytes) {}

  // Reads what is there. DATA_LOSS: a file is damaged, its name is in the message.
  Awaitable<absl::Status> Load();

  // Durable when OK. Over the limits (IsOverParkedLimit) nothing is written; after any other error
  // the record may be there or not: Park it again until it is. `content`: an upload's, else null.
  // `sizes`: see ParkedWrite.
  Awaitable<absl::Status> Park(const Record& record, Content* content, absl::Status error,
                               uint64_t attempts = 0,
                               std::optional<SizeRange> sizes = std::nullopt);

  // The record with its payload (an upload's content: OpenContent).
  Awaitable<absl::StatusOr<Record>> Read(Sequence sequence);
  Awaitable<absl::StatusOr<FileHandle>> OpenContent(Sequence sequence);

  // A parked write is on the target now, or replaced there: forgotten durably when OK. After an
  // error the record may be gone already: do not apply it again, only Remove it again.
  Awaitable<absl::Status> Remove(Sequence sequence);

  // Gives a parked write up: durable when OK. After an error nobody knows: Skip it again until it
  // holds. `note`: all but `diverged`.
  Awaitable<absl::Status> Skip(Sequence sequence, SkipNote note);
  // `path` has what was skipped, or something newer: durable when OK; else do it again.
  Awaitable<absl::Status> Heal(Sequence skipped, std::string path);

  // Does `header` have to wait behind something parked: the same path, an ancestor or descendant,
  // an end of a rename, an earlier member of its batch; or is its path DIVERGED?
  [[nodiscard]] Standing StandingOf(const RecordHeader& header) const {
    return StandingOf(header, keys_);
  }
  // As if of what is parked there were only `before`.
  [[nodiscard]] Standing StandingOf(const RecordHeader& header, const KeyUses& before) const;
  // Why it waits, for a person.
  [[nodiscard]] std::string WhyWaits(const RecordHeader& header) const;
  // What the full write `header`, once applied, has replaced: parked, or skipped.
  [[nodiscard]] std::vector<Sequence> ReplacedBy(const RecordHeader& header) const;
  [[nodiscard]] std::vector<RecordHeader> ParkedReplacedBy(const RecordHeader& header) const;

  [[nodiscard]] const std::map<Sequence, ParkedWrite>& writes() const { return writes_; }
  [[nodiscard]] bool Contains(Sequence sequence) const { return writes_.contains(sequence); }
  [[nodiscard]] const std::map<Sequence, ParkedWrite>& skipped() const { return skipped_; }
  [[nodiscard]] uint64_t max_writes() const { return max_writes_; }
  // It was tried, in vain; or it waits, and this is why.
  void CountAttempt(Sequence sequence) { ++writes_.at(sequence).attempts; }
  void SetError(Sequence sequence, std::string error) {
    writes_.at(sequence).error = std::move(error);
  }

 private:
  Awaitable<absl::StatusOr<std::string>> ReadFile(std::string name);
  Awaitable<absl::Status> WriteFile(std::string name, const std::string& bytes);
  Awaitable<absl::StatusOr<uint64_t>> CopyContent(std::string name, Content& content);
  Awaitable<absl::StatusOr<Record>> Decode(std::string name, ParkedWrite& write);
  Awaitable<absl::Status> Save(const Record& record, const ParkedWrite& write);
  Awaitable<absl::Status> Unlink(const ParkedWrite& write);
  void Loaded(ParkedWrite write);
  Awaitable<absl::Status> RemoveLeftovers(std::vector<std::string> names);

  Env& env_;
  DirectoryRef directory_;
  uint64_t max_writes_;
  uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  std::map<Sequence, ParkedWrite> writes_;
  std::map<Sequence, ParkedWrite> skipped_;
  KeyUses keys_;  // of writes_
  DivergedPaths diverged_;
};

// As it is stored, and goes to core.
void ToMessage(const SkipNote& skip, internal::v1::Skip* message);

[[nodiscard]] bool IsOverParkedLimit(const absl::Status& status);

}  // namespace tandem
