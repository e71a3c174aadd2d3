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
  std::string text = absl::StrCat(requests, " requests of ", clients, " clients, targets ",
                                  remote_targets ? "remote" : "on disks", "\n");
  for (const PlannedFault& fault : faults) absl::StrAppend(&text, "  ", fault.ToString(), "\n");
  return text;
}

FaultPlan MakeFaultPlan(SimRandom random, size_t targets) {
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
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const PlannedFault& a, const PlannedFault& b) { return a.at_ms < b.at_ms; });
  return plan;
}

}  // namespace tandem
