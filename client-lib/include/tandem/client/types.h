// What a caller asks of Tandem and what it is told: plain data, no gRPC and no protobuf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tandem::client {

// How far a write got, or has to get before it is answered. A higher level includes the lower ones.
enum class Level : uint8_t {
  // In a request: the client's default, else the daemon's. In a reply: not durable anywhere yet.
  kUnspecified = 0,
  // Durable in the daemon's journal. Lives and dies with the journal's volume: if that is lost
  // before the targets have the write, so is the write.
  kJournaled = 1,
  // And durable on the target `local`.
  kLocal = 2,
  // And durable on every target.
  kAll = 3,
};

// "JOURNALED", "LOCAL", "ALL"; "NONE" for kUnspecified.
[[nodiscard]] absl::string_view LevelName(Level level);
// The inverse, in any case of letters; nullopt if `name` is none of the three levels.
[[nodiscard]] std::optional<Level> ParseLevel(absl::string_view name);

enum class OperationType : uint8_t { kPut, kAppend, kWriteAt, kTruncate, kDelete, kRename };

// One change of one file. Paths are relative to the writer's root and '/'-separated; parent
// directories are created.
struct Operation {
  // Replaces the whole file atomically. `mode`: permission bits, 0 for the daemon's default (0640).
  // With `if_absent`, PATH_EXISTS if a file is there.
  [[nodiscard]] static Operation Put(std::string path, std::string data, uint32_t mode = 0,
                                     bool if_absent = false);
  // Adds to the file's end; creates it if it is not there.
  [[nodiscard]] static Operation Append(std::string path, std::string data, uint32_t mode = 0);
  // Writes `data` at `offset` bytes from the start; creates the file; a gap reads as zeros.
  [[nodiscard]] static Operation WriteAt(std::string path, uint64_t offset, std::string data,
                                         uint32_t mode = 0);
  // Sets the size in bytes; grows with zeros. PATH_NOT_FOUND if the file is not there.
  [[nodiscard]] static Operation Truncate(std::string path, uint64_t size);
  // Removes the file; that it is not there is no error.
  [[nodiscard]] static Operation Delete(std::string path);
  // Moves a file; replaces one at `new_path` unless `if_absent`.
  [[nodiscard]] static Operation Rename(std::string path, std::string new_path,
                                        bool if_absent = false);

  OperationType type = OperationType::kPut;
  std::string path;
  std::string new_path;    // kRename
  std::string data;        // kPut, kAppend, kWriteAt; at most the daemon's max_write_bytes (1 MiB)
  uint64_t offset = 0;     // kWriteAt: bytes from the start
  uint64_t size = 0;       // kTruncate: bytes
  uint32_t mode = 0;       // permission bits of a file that this creates or replaces
  bool if_absent = false;  // kPut, kRename
};

enum class TargetState : uint8_t { kUnspecified = 0, kPending = 1, kDurable = 2, kFailed = 3 };

// "PENDING", "DURABLE", "FAILED"; "UNKNOWN" for kUnspecified.
[[nodiscard]] absl::string_view TargetStateName(TargetState state);

// Where one target is with one write.
struct TargetOutcome {
  std::string target;  // its name, e.g. "corebank"
  TargetState state = TargetState::kUnspecified;
  std::string reason;  // of kFailed, for a person
};

// What one operation did, fixed when it was sequenced.
struct OperationResult {
  uint64_t sequence = 0;     // its place in the journal
  uint32_t data_crc32c = 0;  // of the data as journaled
  uint64_t offset = 0;       // where the data went, bytes from the file's start
  uint64_t size = 0;         // of the file afterwards, bytes
  bool existed = false;      // there was a file at the path before
};

struct WriteResult {
  // The write's last sequence; 0 if there is none.
  [[nodiscard]] uint64_t sequence() const { return results.empty() ? 0 : results.back().sequence; }

  std::string request_id;
  std::vector<OperationResult> results;  // one for each operation, in their order
  Level level_reached = Level::kUnspecified;
  std::vector<TargetOutcome> targets;
  bool earlier_attempt = false;  // this answers an earlier attempt with the same request_id
};

struct WriteInfo {
  WriteResult write;
  absl::Time journaled_time;  // by the daemon's clock
};

// Which write: by the sequence of any of its operations, or by its request id.
using WriteKey = std::variant<uint64_t, std::string>;

enum class TargetHealth : uint8_t {
  kUnspecified = 0,
  kStarting = 1,
  kHealthy = 2,
  kSlow = 3,
  kStalled = 4,
  kDown = 5,
  kCatchingUp = 6,
};

// "HEALTHY", "CATCHING_UP", ...; "UNKNOWN" for kUnspecified.
[[nodiscard]] absl::string_view TargetHealthName(TargetHealth health);

struct JournalStatus {
  std::string directory;
  std::string state;  // "SERVING", "FULL", "DISK_FULL", "FAILED"
  uint64_t appended_sequence = 0;
  uint64_t durable_sequence = 0;
  uint64_t retired_sequence = 0;
  uint64_t used_bytes = 0;
  uint64_t max_bytes = 0;
  uint64_t epoch = 0;
  std::string reason;  // why it is not SERVING, for a person; empty if it is
};

// A write that waits because its path is quarantined on one target.
struct ParkedWrite {
  uint64_t sequence = 0;
  std::string path;
  std::string error;
  absl::Time since;
};

// Of a target that was detached because the journal was at its cap.
struct DetachedStatus {
  bool detached = false;  // the journal does not wait for it now; else paths are being copied
  absl::Time since;
  uint64_t missed_paths = 0;  // still to be copied
  uint64_t copied_paths = 0;  // since the daemon's start
  uint64_t copied_bytes = 0;
};

struct TargetStatus {
  std::string name;
  std::string path;
  TargetHealth health = TargetHealth::kUnspecified;
  std::string reason;  // why it is not kHealthy
  absl::Time since;
  std::string target_id;  // of its identity file; empty before that was read
  std::string io_engine;
  uint64_t checkpoint_sequence = 0;
  uint64_t applied_sequence = 0;  // durable there up to here, parked writes excepted
  uint64_t lag_writes = 0;
  uint64_t lag_bytes = 0;
  absl::Duration lag_time;        // age of the oldest write that is not there; 0 if none
  double applied_per_second = 0;  // writes, over the last seconds
  // Until the lag is gone at this rate; infinite while it does not shrink.
  absl::Duration catch_up_left = absl::InfiniteDuration();
  std::vector<ParkedWrite> parked;
  uint64_t parked_writes = 0;  // all of them; `parked` may hold fewer
  // Skipped writes of paths that are not equal again; `error`: the reason given for the skip.
  std::vector<ParkedWrite> skipped;
  uint64_t skipped_writes = 0;  // all of them; `skipped` may hold fewer
  uint64_t diverged_paths = 0;
  std::optional<DetachedStatus> detached;  // set: it is INCONSISTENT
};

// What `tandemctl status` shows.
struct DaemonStatus {
  std::string version;
  std::string writer;
  absl::Time started;
  std::string io_engine;     // of the journal
  bool rpo_at_risk = false;  // a target other than "local" lags by more than rpo_limit
  bool rpo_refuse = false;   // new writes are refused while it does
  absl::Duration rpo_limit;
  JournalStatus journal;
  std::vector<TargetStatus> targets;
};

// Which parked writes of a target are meant: all if nothing else is set.
struct PendingChoice {
  std::string target;
  std::string path;                 // those of a path, either end of a rename
  std::vector<uint64_t> sequences;  // these, at most 1000
};

enum class PendingState : uint8_t { kUnspecified = 0, kParked = 1, kDiverged = 2 };

// "PARKED", "DIVERGED"; "UNKNOWN" for kUnspecified.
[[nodiscard]] absl::string_view PendingStateName(PendingState state);

// A write that one target lacks: it waits there (kParked), or was given up, and its path is not
// equal again (kDiverged).
struct PendingWrite {
  std::string target;
  uint64_t sequence = 0;
  std::string path;
  std::string new_path;  // of a rename
  std::string type;      // "PUT", "APPEND", "WRITE_AT", "TRUNCATE", "DELETE", "RENAME", "UPLOAD"
  PendingState state = PendingState::kUnspecified;
  std::string error;  // why the target refuses it, or why it waits
  absl::Time since;
  uint64_t attempts = 0;  // that failed
  // Of kDiverged.
  std::string skip_reason;
  std::string skipped_by;
  absl::Time skipped_time;
  std::vector<std::string> diverged_paths;
};

struct PendingList {
  std::vector<PendingWrite> writes;  // by target, then sequence
  std::string next_page_token;       // "": that was all
  // Targets whose lane has not connected since the daemon's start: what they lack is not known.
  std::vector<std::string> unknown_targets;
};

struct PendingOutcome {
  uint64_t sequence = 0;
  std::string path;
  bool done = false;  // applied, or skipped
  std::string error;  // why it still waits
};

// What became of a retry or a skip.
struct PendingResult {
  std::vector<PendingOutcome> outcomes;  // the first 100
  uint64_t done = 0;                     // applied, or skipped
  uint64_t left = 0;                     // asked for, and still parked
};

}  // namespace tandem::client
