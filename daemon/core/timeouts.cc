#include "daemon/core/timeouts.h"

#include <algorithm>

namespace tandem {

Timeouts::Timeouts(Clock& clock, absl::AnyInvocable<void(uint64_t id)> expired)
    : clock_(clock), expired_(std::move(expired)) {}

Timeouts::~Timeouts() {
  if (armed_) clock_.Cancel(timer_);
}

void Timeouts::Add(int64_t deadline_ns, uint64_t id) {
  deadlines_.emplace(deadline_ns, id);
  Arm();
}

// The timer stays: most deadlines are removed long before they are over.
void Timeouts::Remove(int64_t deadline_ns, uint64_t id) { deadlines_.erase({deadline_ns, id}); }

void Timeouts::Arm() {
  if (deadlines_.empty()) return;
  const int64_t first_ns = deadlines_.begin()->first;
  if (armed_ && armed_for_ns_ <= first_ns) return;
  if (armed_) clock_.Cancel(timer_);
  armed_ = true;
  armed_for_ns_ = first_ns;
  timer_ =
      clock_.Schedule(std::max<int64_t>(0, first_ns - clock_.MonotonicNs()), [this] { Fire(); });
}

void Timeouts::Fire() {
  armed_ = false;
  const int64_t now_ns = clock_.MonotonicNs();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_ns) {
    const uint64_t id = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    expired_(id);
  }
  Arm();
}

}  // namespace tandem
