// Keeps a detached target's missed paths durable: `<journal>/detached/<target>`.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "daemon/core/missed_set.h"
#include "daemon/io/env.h"
#include "daemon/io/event.h"

namespace tandem {

// What the journal's disk refuses is tried again after this.
inline constexpr int64_t kMissedRetryNs = 250 * kNsPerMs;

// Happy path: what changes in the set is noted here too and appended, one entry for all that was
// noted since the last. Failure modes: after a failed write or sync, and when the log is much
// longer than the set, a new file with the whole set replaces it. Owner: core's thread, while it
// holds the journal's lock.
class MissedLog {
 public:
  // `set` outlives it.
  MissedLog(Env& env, std::string journal_directory, std::string target, MissedSet& set);

  // Fills the set; leaves it empty if there is no file. DATA_LOSS: damage. What it found may be in
  // the page cache only: it counts once Sync is OK.
  Awaitable<absl::Status> Load();

  // To be appended: the set has it already.
  std::string& noted() {
    ++noted_;
    return body_;
  }
  // Durable when OK: all that was noted before the call.
  Awaitable<absl::Status> Sync();
  // Syncs, again and again until it holds; nobody waits for it.
  void SyncSoon();
  // The set is empty: the file goes, durably.
  Awaitable<absl::Status> Remove();

 private:
  Awaitable<void> SyncLoop();
  Awaitable<absl::Status> OpenDirectory();
  Awaitable<absl::Status> WriteOnce();
  Awaitable<absl::Status> Replace();
  Awaitable<absl::Status> RemoveOnce();
  Awaitable<void> CloseFile();

  Env& env_;
  std::string journal_directory_;
  std::string target_;
  MissedSet& set_;
  FileHandle directory_ = kNoFile;
  FileHandle file_ = kNoFile;   // kNoFile: the next write makes a new one
  uint64_t end_ = 0;            // of the file
  uint64_t compact_bytes_ = 0;  // of the file when it was made
  uint32_t entries_ = 0;
  std::string body_;      // noted, not yet being written
  uint64_t noted_ = 0;    // changes
  uint64_t written_ = 0;  // of these, durably
  bool busy_ = false;     // an operation is under way
  bool looping_ = false;
  Event idle_;
};

}  // namespace tandem
