// One simulated run: a node, clients and a fault plan, all from one seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/faults.h"

namespace tandem {

struct RunOptions {
  uint64_t seed = 0;
  bool verbose = false;  // log everything, in virtual time, to stderr
  bool detach = false;   // with journal_full_policy: detach, whatever is drawn
};

struct RunResult {
  std::string failure;  // "": passed
  std::string plan;     // what was to happen
  uint64_t trace = 0;   // equal for equal runs
  uint64_t steps = 0;
  uint64_t accepted = 0;
  uint64_t refused = 0;
  uint64_t detached = 0;  // targets that were, as far as it was seen
  int64_t virtual_ms = 0;
  std::vector<FaultOutcome> faults;  // what happened, and whether anybody felt it
};

[[nodiscard]] RunResult RunSeed(const RunOptions& options);

}  // namespace tandem
