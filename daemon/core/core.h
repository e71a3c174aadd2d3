// Core: where a write is admitted, sequenced, journaled and acknowledged. No gRPC, no HTTP, no
// sockets here: rpc, the control listener and the simulator all stand on this interface.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "daemon/core/options.h"
#include "daemon/io/env.h"
#include "daemon/journal/journal.h"
#include "daemon/link/channel.h"
#include "daemon/model/operation.h"

namespace tandem {

struct WriteRequest {
  Uuid request_id;
  std::vector<Operation> operations;  // paths not yet validated; one, or a batch's
  Level level = Level::kLocal;        // what the answer waits for, at least kJournaled
  int64_t wait_timeout_ms = 60'000;   // how long it waits
};

// At most so many parked writes of one target are shown.
inline constexpr size_t kMaxParkedShown = 100;

struct TargetOutcome {
  std::string target;
  TargetWriteState state = TargetWriteState::kPending;
  std::string reason;
};

struct WriteReply {
  std::vector<OperationResult> results;
  Level level_reached = Level::kNone;
  std::vector<TargetOutcome> targets;
  bool earlier_attempt = false;
};

using WriteDone = absl::AnyInvocable<void(absl::StatusOr<WriteReply>)>;

// Which write: its sequence (of a batch, any of its operations') or its request id.
using WriteKey = std::variant<Sequence, Uuid>;

struct WriteInfo {
  Uuid request_id;
  WriteReply reply;
  int64_t journaled_ms = 0;  // wall time, since 1970
};

// What an operator asks of writes that are parked on one target.
struct PendingRequest {
  std::string target;
  std::string path;                 // those of a path; "": of any
  std::vector<Sequence> sequences;  // these; empty: all
  bool skip = false;                // give them up; else try them again
  std::string reason;               // of a skip, for the record
  std::string caller;
  int64_t wait_timeout_ms = 10'000;
};
using PendingDone = absl::AnyInvocable<void(absl::StatusOr<internal::v1::PendingResult>)>;

// Where a page of parked and skipped writes begins: behind this one.
struct PendingPlace {
  size_t target = 0;  // in the order of the configuration
  Sequence sequence = 0;
};
struct PendingPage {
  struct Entry {
    std::string target;
    internal::v1::ParkedWrite write;
  };
  std::vector<Entry> entries;        // by target, then sequence
  std::optional<PendingPlace> next;  // there are more
  std::vector<std::string> unknown;  // targets whose lane has said nothing since core's start
};

using UploadId = uint64_t;

struct UploadRequest {
  Uuid request_id;
  std::string path;
  uint32_t mode = 0640;
  bool if_absent = false;
  Level level = Level::kLocal;
  int64_t wait_timeout_ms = 60'000;
  std::optional<uint64_t> size;    // bytes, if known
  std::optional<uint32_t> crc32c;  // of the whole file, if known
  // How long what is answered before the content came may take; else wait_timeout_ms.
  std::optional<int64_t> open_timeout_ms;
};

// Of a target that was detached because the journal was at its cap (journal_full_policy: detach).
struct MissedView {
  bool detached = false;    // the journal does not wait for it
  bool incomplete = false;  // it misses paths, or did so below its checkpoint: INCONSISTENT
  int64_t since_ms = 0;     // wall time of the detachment
  uint64_t missed_paths = 0;
  uint64_t copied_paths = 0;  // since core's start
  uint64_t copied_bytes = 0;
  std::string reason;  // "" unless one of the two
};

// What is known of one lane, for status, metrics and health.
struct TargetView {
  std::string name;
  std::string path;
  internal::v1::LaneStatus status;
  std::string target_id;
  std::string io_engine;
  Sequence checkpoint = 0;
  Sequence applied = 0;  // contiguous prefix that is durable on the target or parked
  uint64_t lag_writes = 0;
  uint64_t lag_bytes = 0;
  int64_t lag_ms = 0;  // age of the oldest record (heartbeats too) not durable there; 0 if none
  double applied_per_s = 0;       // writes, over the last seconds
  int64_t catch_up_left_ms = -1;  // until the lag is gone at this rate; -1: it does not shrink
  std::vector<internal::v1::ParkedWrite> parked;  // at most kMaxParkedShown
  uint64_t parked_count = 0;
  std::vector<internal::v1::ParkedWrite> skipped;  // at most kMaxParkedShown
  uint64_t skipped_count = 0;                      // of paths that are not equal again since
  uint64_t diverged_paths = 0;
  MissedView missed;  // incomplete: `checkpoint` and `applied` are what it is complete through
};

struct CoreView {
  JournalState journal_state = JournalState::kServing;
  std::string journal_reason;
  Sequence appended = 0;
  Sequence durable = 0;
  Sequence retired = 0;
  uint64_t journal_bytes = 0;
  uint64_t epoch = 0;
  bool rpo_at_risk = false;  // a target other than local lags beyond the limit
  bool rpo_refuse = false;   // new writes are refused then
  int64_t rpo_limit_ms = 0;
  std::vector<TargetView> targets;
};

using LaneChannel = Channel<internal::v1::CoreMessage, internal::v1::LaneMessage>;

// Owner: core's thread, which runs env.executor. Every call and every callback is on it; no
// callback comes inside the call that it was handed to.
class Core {
 public:
  struct Listener {
    virtual ~Listener() = default;
    virtual void OnGroup(uint64_t records, uint64_t bytes, int64_t sync_ns) = 0;
    // A target's health or the journal's state changed.
    virtual void OnHealth() = 0;
  };

  // Opens the journal (recovery) and starts. Errors as Journal::Open's.
  static Awaitable<absl::StatusOr<std::unique_ptr<Core>>> Start(Env& env, CoreOptions options,
                                                                Listener* listener);
  virtual ~Core() = default;

  // Admits, sequences, journals; `done` comes once: at the level asked for, at the timeout
  // (DURABILITY_NOT_REACHED), or with the refusal. Validates everything in the request.
  virtual void Write(WriteRequest request, WriteDone done) = 0;

  // An upload: open, chunks one after the other (each answered when there is room for the next),
  // then commit or abort. The id is forgotten after either, and on every error.
  // `opened` may answer with the reply of an earlier attempt instead: then there is nothing to
  // send.
  virtual void OpenUpload(
      UploadRequest request,
      absl::AnyInvocable<void(absl::StatusOr<std::variant<UploadId, WriteReply>>)> opened) = 0;
  virtual void AddChunk(UploadId upload, std::string data,
                        absl::AnyInvocable<void(absl::Status)> done) = 0;
  virtual void CommitUpload(UploadId upload, WriteDone done) = 0;
  virtual void AbortUpload(UploadId upload) = 0;

  // Answers when the write has reached `level`; WRITE_NOT_FOUND, DURABILITY_NOT_REACHED.
  virtual void WaitDurable(WriteKey key, Level level, int64_t wait_timeout_ms, WriteDone done) = 0;

  // WRITE_NOT_FOUND if no such write is known (any more).
  [[nodiscard]] virtual absl::StatusOr<WriteInfo> GetWrite(WriteKey key) = 0;

  // What is parked or skipped on `target` ("": on any), at most `limit`, from memory: no lane is
  // asked. ARGUMENT_INVALID: there is no such target.
  [[nodiscard]] virtual absl::StatusOr<PendingPage> ListPending(const std::string& target,
                                                                PendingPlace after,
                                                                size_t limit) = 0;
  // Relayed to the target's lane. PENDING_NOT_FOUND; TARGET_UNAVAILABLE: no lane, the target is
  // down, or no answer within the wait (then it may still be done); DIVERGED_FULL; QUEUE_FULL.
  virtual void ResolvePending(PendingRequest request, PendingDone done) = 0;

  // A lane connected (again): replaces the channel of that target.
  virtual void AttachLane(const std::string& target, std::unique_ptr<LaneChannel> channel) = 0;

  [[nodiscard]] virtual CoreView View() = 0;
  [[nodiscard]] virtual const JournalCounters journal_counters() const = 0;
  [[nodiscard]] virtual const RecoveryReport& recovery() const = 0;

  // Refuses new writes (SHUTTING_DOWN), gives lanes until `deadline_ms` from now to apply what
  // there is, answers who still waits, closes the journal.
  virtual Awaitable<absl::Status> Drain(int64_t deadline_ms) = 0;
};

}  // namespace tandem
