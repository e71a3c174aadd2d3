#include "daemon/core/catch_up_rate.h"

#include <algorithm>
#include <cmath>

namespace tandem {
namespace {

constexpr double kMemorySeconds = 3;
constexpr double kMaxLeftMs = 1e15;

}  // namespace

void CatchUpRate::Note(Sequence applied, Sequence appended, int64_t now_ns) {
  const double seconds = static_cast<double>(now_ns - noted_ns_) / 1e9;
  if (noted_ns_ != 0 && seconds <= 0) return;
  if (noted_ns_ != 0) {
    // What is older counts less and less.
    const double weight = 1 - std::exp(-seconds / kMemorySeconds);
    // A lane that starts again may say less than the one before.
    const auto done = static_cast<double>(std::max(applied, applied_) - applied_);
    const auto added = static_cast<double>(std::max(appended, appended_) - appended_);
    applied_per_s_ += weight * (done / seconds - applied_per_s_);
    appended_per_s_ += weight * (added / seconds - appended_per_s_);
  }
  noted_ns_ = now_ns;
  applied_ = applied;
  appended_ = appended;
}

int64_t CatchUpRate::LeftMs(uint64_t lag_writes) const {
  if (lag_writes == 0) return 0;
  const double gain = applied_per_s_ - appended_per_s_;
  if (gain <= 0) return -1;
  return static_cast<int64_t>(
      std::min(kMaxLeftMs, std::ceil(static_cast<double>(lag_writes) / gain * 1e3)));
}

}  // namespace tandem
