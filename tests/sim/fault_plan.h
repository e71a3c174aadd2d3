// What goes wrong in one simulated run, and when: drawn from the seed, printable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/sim_random.h"

namespace tandem {

enum class FaultKind : uint8_t {
  kCrashMachine,  // everything stops; disks lose what was not synced
  kKillCore,
  kKillLane,
  kCrashAtStep,  // as kCrashMachine, after so many more steps of a disk
  kKillCoreAtStep,
  kKillLaneAtStep,
  kHangTarget,  // for a time
  kSlowTarget,
  kTargetFull,
  kTargetErrors,     // EIO and short writes at random
  kTargetSyncFails,  // once, what was dirty is lost
  kTargetDenied,     // EACCES on one path
  kTargetGone,       // the mount fell off
  kJournalFull,
  kJournalSyncFails,
  kJournalWriteFails,
  kSlowJournal,
  kWallJump,
  kDropCache,  // of all disks
};
inline constexpr uint64_t kFaultKinds = 19;

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
  size_t requests = 0;
  size_t clients = 0;
  [[nodiscard]] std::string ToString() const;
};

// `targets`: how many there are. `detach`: the plan has to be one with that policy.
[[nodiscard]] FaultPlan MakeFaultPlan(SimRandom random, size_t targets, bool detach);

}  // namespace tandem
