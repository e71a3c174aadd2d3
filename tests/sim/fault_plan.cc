#include "tests/sim/fault_plan.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

constexpr std::array<const char*, kFaultKinds> kNames = {
    "crash machine",     "kill core",         "kill lane",          "crash at step",
    "kill core at step", "kill lane at step", "hang target",        "slow target",
    "target full",       "target errors",     "target sync fails",  "target path denied",
    "target gone",       "journal disk full", "journal sync fails", "journal write fails",
    "slow journal",      "wall clock jumps",  "drop caches"};

}  // namespace

std::string PlannedFault::ToString() const {
  return absl::StrCat(at_ms, " ms: ", kNames.at(static_cast<size_t>(kind)), " (target ", target,
                      ", for ", duration_ms, " ms, steps ", steps, ", number ", number, ")");
}

std::string FaultPlan::ToString() const {
  std::string text =
      absl::StrCat(requests, " requests of ", clients, " clients, targets ",
                   remote_targets ? "remote" : "on disks",
                   detach ? absl::StrCat(", detach, at most ", max_missed_paths) : "", "\n");
  for (const PlannedFault& fault : faults) absl::StrAppend(&text, "  ", fault.ToString(), "\n");
  return text;
}

namespace {

// Targets are away for so long that the journal comes to its cap, and things die on the way back.
void PlanDetachment(SimRandom& random, size_t targets, FaultPlan* plan) {
  plan->detach = true;
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
    const FaultKind kind = random.Chance(0.7) ? FaultKind::kHangTarget : FaultKind::kTargetGone;
    add(kind, random.Between(1, 2'000), random.Between(500, 8'000));
  }
  const uint64_t deaths = random.Chance(0.2) ? 0 : random.Below(6);
  for (uint64_t i = 0; i < deaths; ++i) {
    add(static_cast<FaultKind>(random.Below(6)), random.Between(500, 10'000), 0);
  }
}

}  // namespace

FaultPlan MakeFaultPlan(SimRandom random, size_t targets, bool detach) {
  FaultPlan plan;
  plan.remote_targets = random.Chance(0.3);
  plan.clients = 1 + random.Below(6);
  plan.requests = 10 + random.Below(50);
  const int64_t span_ms = static_cast<int64_t>(plan.requests) * 12;
  const uint64_t count = random.Chance(0.1) ? 0 : 1 + random.Below(7);
  for (uint64_t i = 0; i < count; ++i) {
    PlannedFault fault;
    fault.at_ms = random.Between(1, span_ms);
    // What stops processes is half of it all: it is what recovery is for.
    fault.kind =
        static_cast<FaultKind>(random.Chance(0.5) ? random.Below(6) : random.Below(kFaultKinds));
    fault.target = random.Below(targets);
    fault.duration_ms = random.Chance(0.2) ? random.Between(1'000, 20'000) : random.Between(5, 800);
    fault.steps = 1 + random.Below(120);
    fault.number = random.Between(-5'000, 5'000);
    plan.faults.push_back(fault);
  }
  if (random.Chance(0.06) || detach) PlanDetachment(random, targets, &plan);
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const PlannedFault& a, const PlannedFault& b) { return a.at_ms < b.at_ms; });
  return plan;
}

}  // namespace tandem
