// What a lane counts for its status; since the process's start.
#pragma once

#include <array>
#include <cstdint>

#include "daemon/link/apply_buckets.h"

namespace tandem {

struct LaneCounters {
  uint64_t applied_writes = 0;
  uint64_t applied_bytes = 0;
  uint64_t failed_attempts = 0;
  uint64_t retries = 0;
  uint64_t merged_writes = 0;  // that needed no operation of their own
  double apply_seconds_sum = 0;
  std::array<uint64_t, kApplyBucketCount> apply_buckets{};

  void CountApply(int64_t duration_ns, uint64_t writes, uint64_t bytes) {
    applied_writes += writes;
    applied_bytes += bytes;
    merged_writes += writes - 1;
    apply_seconds_sum += static_cast<double>(duration_ns) / 1e9;
    ++apply_buckets[ApplyBucketOf(duration_ns / 1000)];
  }
};

}  // namespace tandem
