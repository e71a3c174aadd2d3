// How fast a target is gaining on the journal, and when it will be there.
#pragma once

#include <cstdint>

namespace tandem {

// Owner: core's thread. Times are monotonic.
class CatchUpRate {
 public:
  // How many writes the lane has applied since it started, and how many the target lacks.
  void Note(uint64_t applied_writes, uint64_t lag_writes, int64_t now_ns);

  // Writes per second, averaged over the last seconds.
  [[nodiscard]] double AppliedPerS(int64_t now_ns) const;
  // Milliseconds until `lag_writes`, of which `parked_writes` wait for an operator, are caught up
  // with; 0 if there are none, -1 if the lag does not shrink.
  [[nodiscard]] int64_t LeftMs(uint64_t lag_writes, uint64_t parked_writes, int64_t now_ns) const;

 private:
  bool noted_ = false;
  int64_t noted_ns_ = 0;
  int64_t applied_ns_ = 0;  // when it was last more than before
  uint64_t applied_writes_ = 0;
  uint64_t lag_writes_ = 0;
  double applied_per_s_ = 0;
  double gained_per_s_ = 0;  // by how much the lag shrinks
};

}  // namespace tandem
