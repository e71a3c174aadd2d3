// How fast a target is gaining on the journal, and when it will be there.
#pragma once

#include <cstdint>

#include "daemon/base/sequence_set.h"

namespace tandem {

// Owner: core's thread.
class CatchUpRate {
 public:
  // What is applied on the target and what was ever appended, now (monotonic).
  void Note(Sequence applied, Sequence appended, int64_t now_ns);

  // Writes per second, averaged over the last seconds.
  [[nodiscard]] double applied_per_s() const { return applied_per_s_; }
  // Milliseconds until `lag_writes` are caught up with; 0 if there are none, -1 if the lag grows.
  [[nodiscard]] int64_t LeftMs(uint64_t lag_writes) const;

 private:
  int64_t noted_ns_ = 0;
  Sequence applied_ = 0;
  Sequence appended_ = 0;
  double applied_per_s_ = 0;
  double appended_per_s_ = 0;
};

}  // namespace tandem
