// What the journal's listener tells the metrics.
#pragma once

#include <cstdint>

namespace tandem {

// Owner: core's thread.
class JournalMetrics {
 public:
  virtual ~JournalMetrics() = default;
  // A group was committed: how much it held, and how long write and sync took.
  virtual void OnGroup(uint64_t records, uint64_t bytes, int64_t sync_ns) = 0;
};

}  // namespace tandem
