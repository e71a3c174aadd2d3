#include "tests/sim/fault_plan.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

constexpr std::array<const char*, kFaultKinds> kNames = {"crash machine",
                                                         "kill core",
                                                         "kill lane",
                                                         "kill all",
                                                         "crash at step",
                                                         "kill core at step",
                                                         "kill lane at step",
                                                         "stop lane",
                                                         "drain",
                                                         "hang target",
                                                         "hang all targets",
                                                         "lose answers",
                                                         "slow target",
                                                         "lossy target",
                                                         "flapping target",
                                                         "server restarts",
                                                         "target full",
                                                         "target quota",
                                                         "stale handles",
                                                         "target read-only",
                                                         "target errors",
                                                         "target sync fails",
                                                         "target path denied",
                                                         "target directory denied",
                                                         "foreign file",
                                                         "target unmounted",
                                                         "wrong mount",
                                                         "no descriptors",
                                                         "second daemon",
                                                         "wall clock jumps",
                                                         "wall clock jumps an hour",
                                                         "drop caches",
                                                         "journal disk full",
                                                         "journal disk full in an outage",
                                                         "journal at its cap in an outage",
                                                         "journal sync fails",
                                                         "journal write fails",
                                                         "slow journal"};

// Only a file server does that.
bool NeedsServer(FaultKind kind) {
  return kind == FaultKind::kLoseAnswers || kind == FaultKind::kServerRestarts ||
         kind == FaultKind::kStaleHandles;
}

// Lasts, so that something may be killed meanwhile.
bool Lasts(FaultKind kind) {
  switch (kind) {
    case FaultKind::kTargetSyncFails:
    case FaultKind::kStaleHandles:
    case FaultKind::kWallJump:
    case FaultKind::kWallJumpHour:
    case FaultKind::kDropCache:
    case FaultKind::kJournalSyncFails:
    case FaultKind::kJournalWriteFails:
      return false;
    default:
      return !IsProcessFault(kind);
  }
}

FaultKind DrawKind(SimRandom& random) {
  // What stops processes is a third of it all: it is what recovery is for.
  if (random.Chance(0.33)) return static_cast<FaultKind>(random.Below(kProcessFaultKinds));
  return static_cast<FaultKind>(kProcessFaultKinds +
                                random.Below(kFaultKinds - kProcessFaultKinds));
}

PlannedFault DrawFault(SimRandom& random, size_t targets, int64_t span_ms) {
  PlannedFault fault;
  fault.at_ms = random.Between(1, span_ms);
  fault.kind = DrawKind(random);
  fault.target = random.Below(targets);
  fault.duration_ms = random.Chance(0.2) ? random.Between(1'000, 20'000) : random.Between(5, 800);
  fault.steps = 1 + random.Below(120);
  fault.number = random.Between(-5'000, 5'000);
  // These take a while before anybody feels them.
  if (fault.kind == FaultKind::kJournalCapInOutage) {
    fault.at_ms = random.Between(1, span_ms / 3);
    fault.duration_ms += 2'000;
  }
  if (fault.kind == FaultKind::kForeignFile) {
    fault.at_ms = random.Between(span_ms / 10, span_ms / 2);
    fault.duration_ms += 300;
  }
  if (fault.kind == FaultKind::kSecondDaemon) fault.duration_ms += 500;
  return fault;
}

}  // namespace

const char* FaultName(FaultKind kind) { return kNames.at(static_cast<size_t>(kind)); }

bool IsProcessFault(FaultKind kind) { return static_cast<uint64_t>(kind) < kProcessFaultKinds; }

bool IsJournalFault(FaultKind kind) {
  return kind == FaultKind::kJournalFull || kind == FaultKind::kJournalFullInOutage ||
         kind == FaultKind::kJournalCapInOutage || kind == FaultKind::kJournalSyncFails ||
         kind == FaultKind::kJournalWriteFails || kind == FaultKind::kSlowJournal;
}

std::string PlannedFault::ToString() const {
  return absl::StrCat(at_ms, " ms: ", FaultName(kind), " (target ", target, ", for ", duration_ms,
                      " ms, steps ", steps, ", number ", number, ")");
}

std::string FaultPlan::ToString() const {
  std::string text = absl::StrCat(
      requests, " requests of ", clients, " clients, targets ",
      remote_targets ? "remote" : "on disks", initialize_targets ? "" : ", initialized",
      require_mount ? ", mounts required" : "", heavy ? ", large writes" : "",
      small_journal ? ", small journal" : "", many_states ? ", all path states" : "",
      detach ? absl::StrCat(", detach, at most ", max_missed_paths) : "", "\n");
  for (const PlannedFault& fault : faults) absl::StrAppend(&text, "  ", fault.ToString(), "\n");
  return text;
}

namespace {

// Targets are away for so long that the journal comes to its cap, and things die on the way back.
void PlanDetachment(SimRandom& random, size_t targets, FaultPlan* plan) {
  plan->detach = true;
  plan->heavy = plan->small_journal = false;
  plan->initialize_targets = false;
  // What an operator skips on one target is not there to be copied to the other, until somebody
  // writes it as a whole: the clients here wait for less than that.
  plan->many_states = false;
  std::erase_if(plan->faults,
                [](const auto& fault) { return fault.kind == FaultKind::kForeignFile; });
  plan->requests = 150 + random.Below(350);
  plan->clients = 2 + random.Below(3);
  if (random.Chance(0.15)) plan->max_missed_paths = 1 + random.Below(4);
  const auto add = [&](FaultKind kind, int64_t at_ms, int64_t duration_ms) {
    plan->faults.push_back({.at_ms = at_ms,
                            .kind = kind,
                            .target = random.Below(targets),
                            .duration_ms = duration_ms,
                            .steps = 1 + random.Below(400),
                            .number = random.Between(-5'000, 5'000)});
  };
  const uint64_t absences = 1 + random.Below(3);
  for (uint64_t i = 0; i < absences; ++i) {
    const FaultKind kind = random.Chance(0.7) ? FaultKind::kHangTarget : FaultKind::kUnmounted;
    add(kind, random.Between(1, 2'000), random.Between(500, 8'000));
  }
  const uint64_t deaths = random.Chance(0.2) ? 0 : random.Below(6);
  for (uint64_t i = 0; i < deaths; ++i) {
    add(static_cast<FaultKind>(random.Below(kProcessFaultKinds)), random.Between(500, 10'000),
        random.Between(5, 800));
  }
}

}  // namespace

FaultPlan MakeFaultPlan(SimRandom random, size_t targets, bool detach) {
  FaultPlan plan;
  plan.remote_targets = random.Chance(0.3);
  plan.initialize_targets = random.Chance(0.3);
  plan.require_mount = random.Chance(0.5);
  plan.many_states = random.Chance(0.2);
  plan.clients = 1 + random.Below(6);
  plan.requests = 10 + random.Below(50);
  const int64_t span_ms = static_cast<int64_t>(plan.requests) * 12;
  const uint64_t count = random.Chance(0.1) ? 0 : 1 + random.Below(7);
  for (uint64_t i = 0; i < count; ++i) {
    const PlannedFault fault = DrawFault(random, targets, span_ms);
    plan.faults.push_back(fault);
    if (!Lasts(fault.kind) || !random.Chance(0.35)) continue;
    // Something dies, or is stopped, while it lasts.
    PlannedFault during = DrawFault(random, targets, span_ms);
    during.kind = static_cast<FaultKind>(random.Below(kProcessFaultKinds));
    during.at_ms = fault.at_ms + random.Between(0, fault.duration_ms);
    plan.faults.push_back(during);
  }
  for (const PlannedFault& fault : plan.faults) {
    plan.remote_targets = plan.remote_targets || NeedsServer(fault.kind);
    if (fault.kind == FaultKind::kJournalCapInOutage) plan.small_journal = true;
    // Only who writes much fills a disk, or a journal.
    if (fault.kind == FaultKind::kJournalCapInOutage ||
        fault.kind == FaultKind::kJournalFullInOutage || fault.kind == FaultKind::kJournalFull) {
      plan.heavy = true;
      plan.requests = 60;
    }
    if (fault.kind == FaultKind::kForeignFile) plan.many_states = true;
    // A target that nobody knows yet may be made of any empty directory: that is what it means.
    if (fault.kind == FaultKind::kUnmounted || fault.kind == FaultKind::kWrongMount) {
      plan.initialize_targets = false;
    }
  }
  const bool detaches = !plan.heavy && !plan.many_states && random.Chance(0.06);
  if (detaches || detach) PlanDetachment(random, targets, &plan);
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const PlannedFault& a, const PlannedFault& b) { return a.at_ms < b.at_ms; });
  return plan;
}

}  // namespace tandem
