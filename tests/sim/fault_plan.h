// What goes wrong in one simulated run, and when: drawn from the seed, printable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/sim_random.h"

namespace tandem {

enum class FaultKind : uint8_t {
  // What stops processes.
  kCrashMachine,  // everything stops; disks lose what was not synced
  kKillCore,
  kKillLane,
  kKillAll,      // the supervisor, and all with it
  kCrashAtStep,  // as kCrashMachine, after so many more steps of a disk
  kKillCoreAtStep,
  kKillLaneAtStep,
  kStopLane,  // SIGSTOP, later SIGCONT
  kDrain,     // SIGTERM
  // What happens to a target, for a time.
  kHangTarget,
  kHangAll,      // all targets at once
  kLoseAnswers,  // one-way loss: done, but nobody hears of it
  kSlowTarget,
  kLossyTarget,  // single operations stall
  kFlapTarget,   // hangs and goes on, again and again
  kServerRestarts,
  kTargetFull,
  kTargetQuota,
  kStaleHandles,  // the tree is replaced by an equal one
  kTargetReadOnly,
  kTargetErrors,     // EIO and short writes at random
  kTargetSyncFails,  // once, what was dirty is lost
  kTargetDenied,     // EACCES on one path
  kDirectoryDenied,  // EACCES on a directory that is there
  kForeignFile,      // a stranger's file or directory in the way; later an operator's doing
  kUnmounted,
  kWrongMount,
  // What happens to the machine.
  kNoDescriptors,  // a lane, or core, may open hardly any more files
  kSecondDaemon,   // another daemon of the same writer, with another journal
  kWallJump,
  kWallJumpHour,
  kDropCache,  // of all disks
  kJournalFull,
  kJournalFullInOutage,
  kJournalCapInOutage,
  kJournalSyncFails,
  kJournalWriteFails,
  kSlowJournal,
};
inline constexpr uint64_t kFaultKinds = 38;
inline constexpr uint64_t kProcessFaultKinds = 9;  // the first ones

[[nodiscard]] const char* FaultName(FaultKind kind);
// Stops processes, in one way or another.
[[nodiscard]] bool IsProcessFault(FaultKind kind);
// Happens to the journal's volume, or fills the journal.
[[nodiscard]] bool IsJournalFault(FaultKind kind);

struct PlannedFault {
  int64_t at_ms = 0;  // since the run's start
  FaultKind kind = FaultKind::kKillCore;
  size_t target = 0;        // which one
  int64_t duration_ms = 0;  // of what heals
  uint64_t steps = 0;       // kCrashAtStep and the like
  int64_t number = 0;       // a factor, a jump, a choice
  [[nodiscard]] std::string ToString() const;
};

struct FaultPlan {
  std::vector<PlannedFault> faults;  // by time
  bool remote_targets = false;       // like NFS
  bool detach = false;               // a small journal, and journal_full_policy: detach
  uint64_t max_missed_paths = 1'000;
  bool initialize_targets = true;  // lanes make them; else they are there
  bool require_mount = false;
  bool heavy = false;          // large writes
  bool small_journal = false;  // its cap is near
  bool many_states = false;    // core knows of every path what it is
  size_t requests = 0;
  size_t clients = 0;
  [[nodiscard]] std::string ToString() const;
};

// `targets`: how many there are. `detach`: the plan has to be one with that policy.
[[nodiscard]] FaultPlan MakeFaultPlan(SimRandom random, size_t targets, bool detach);

}  // namespace tandem
