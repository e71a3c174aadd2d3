#include "daemon/core/catch_up_rate.h"

#include <algorithm>
#include <cmath>

namespace tandem {
namespace {

constexpr double kMemorySeconds = 3;
constexpr double kMaxLeftMs = 1e15;
// Averages never quite get to nothing: without anything applied for so long there is no rate.
constexpr int64_t kStillNs = 10'000'000'000;
// What is applied within this time of being written is no backlog.
constexpr double kTailSeconds = 1;

}  // namespace

void CatchUpRate::Note(uint64_t applied_writes, uint64_t lag_writes, int64_t now_ns) {
  const double seconds = static_cast<double>(now_ns - noted_ns_) / 1e9;
  if (noted_ && seconds <= 0) return;
  if (noted_) {
    // A lane that starts again begins to count at 0.
    const uint64_t done = applied_writes - (applied_writes < applied_writes_ ? 0 : applied_writes_);
    const double gained = static_cast<double>(lag_writes_) - static_cast<double>(lag_writes);
    // What is older counts less and less.
    const double weight = 1 - std::exp(-seconds / kMemorySeconds);
    applied_per_s_ += weight * (static_cast<double>(done) / seconds - applied_per_s_);
    gained_per_s_ += weight * (gained / seconds - gained_per_s_);
    if (done > 0) applied_ns_ = now_ns;
  } else {
    applied_ns_ = now_ns - kStillNs;
  }
  noted_ = true;
  noted_ns_ = now_ns;
  applied_writes_ = applied_writes;
  lag_writes_ = lag_writes;
}

double CatchUpRate::AppliedPerS(int64_t now_ns) const {
  return now_ns - applied_ns_ >= kStillNs ? 0 : applied_per_s_;
}

int64_t CatchUpRate::LeftMs(uint64_t lag_writes, uint64_t parked_writes, int64_t now_ns) const {
  if (lag_writes == 0) return 0;
  const double applied_per_s = AppliedPerS(now_ns);
  const auto waiting = static_cast<double>(lag_writes - std::min(lag_writes, parked_writes));
  if (applied_per_s <= 0 || waiting <= 0) return -1;
  const bool at_tail = waiting <= applied_per_s * kTailSeconds;
  const double rate = at_tail ? applied_per_s : gained_per_s_;
  if (rate <= 0) return -1;
  return static_cast<int64_t>(std::min(kMaxLeftMs, std::ceil(waiting / rate * 1e3)));
}

}  // namespace tandem
