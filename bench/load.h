// Drives a server of TandemService, whichever it is, as fast as it answers.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tandem/v1/tandem.pb.h"

namespace tandem::bench {

enum class Kind {
  kAppend,  // one file per worker
  kLedger,  // appends of all workers to one file
  kPut,     // a new file each time
};

struct LoadOptions {
  std::string socket;
  Kind kind = Kind::kAppend;
  v1::DurabilityLevel level = v1::DURABILITY_LEVEL_JOURNALED;
  int in_flight = 1;
  double seconds = 3;
  uint64_t max_writes = UINT64_MAX;  // ends earlier when so many were sent; streams only
  std::string run;                   // a directory in the tree, new for each run
};

struct LoadResult {
  double ops_per_s = 0;
  uint64_t operations = 0;
  int64_t p50_us = 0;
  int64_t p99_us = 0;
};

inline constexpr size_t kPayloadBytes = 4096;

// The operation number `count` of a worker.
[[nodiscard]] v1::Operation MakeOperation(const LoadOptions& options, int worker, uint64_t count);

// `in_flight` unary calls under way on one channel. Any failed write is an error.
[[nodiscard]] absl::StatusOr<LoadResult> RunUnary(const LoadOptions& options);
// One WriteStream with `in_flight` writes unanswered.
[[nodiscard]] absl::StatusOr<LoadResult> RunStream(const LoadOptions& options);

}  // namespace tandem::bench
