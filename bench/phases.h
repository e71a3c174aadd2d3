// The measurements.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/daemon.h"
#include "bench/report.h"

namespace tandem::bench {

struct PhaseOptions {
  std::string tandemd;
  std::string self;       // this program, to start the empty server
  std::string directory;  // everything goes below; exists
  double seconds = 3;     // of each run
  int repetitions = 3;    // of each pair
  double start_mib = 256;
  std::string only;  // what has this in its name: a comparison, or "start"; empty: all
};

// Comparisons and memory: fills those parts of the report.
[[nodiscard]] absl::Status MeasureComparisons(const PhaseOptions& options, Report* report);

// How soon a killed daemon serves that has `start_mib` of journal to follow on CoreBank.
[[nodiscard]] absl::StatusOr<StartTime> MeasureStart(const PhaseOptions& options);

}  // namespace tandem::bench
