// The bounds of LaneStatus.apply_buckets: a lane counts into them, the metrics export them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tandem {

// Upper bounds, inclusive, in microseconds.
inline constexpr std::array<int64_t, 15> kApplyBucketsUs = {
    500,     1'000,   2'500,     5'000,     10'000,    25'000,     50'000,    100'000,
    250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};

// LaneStatus.apply_buckets has this many entries, each with the count of its own bucket only (not
// cumulative); the last is for what took longer than every bound.
inline constexpr size_t kApplyBucketCount = kApplyBucketsUs.size() + 1;

// The entry that counts an apply of `duration_us` microseconds.
[[nodiscard]] inline size_t ApplyBucketOf(int64_t duration_us) {
  return static_cast<size_t>(
      std::lower_bound(kApplyBucketsUs.begin(), kApplyBucketsUs.end(), duration_us) -
      kApplyBucketsUs.begin());
}

}  // namespace tandem
