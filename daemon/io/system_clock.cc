#include "daemon/io/system_clock.h"

#include <algorithm>
#include <ctime>

namespace tandem {
namespace {

// Far enough; sums of it do not overflow.
constexpr int64_t kMaxDelayNs = int64_t{1} << 61;

int64_t ReadClockNs(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

}  // namespace

int64_t SystemMonotonicNs() { return ReadClockNs(CLOCK_MONOTONIC); }

int64_t SystemWallMs() { return ReadClockNs(CLOCK_REALTIME) / 1'000'000; }

SystemClock::SystemClock(Executor executor) : timer_(std::move(executor)) {}

SystemClock::~SystemClock() { ++*arming_; }

Clock::TimerId SystemClock::Schedule(int64_t delay_ns, absl::AnyInvocable<void()> fire) {
  const TimerId id = next_id_++;
  const int64_t due_ns = MonotonicNs() + std::clamp<int64_t>(delay_ns, 0, kMaxDelayNs);
  waiting_.emplace(Key{due_ns, id}, std::move(fire));
  due_ns_.emplace(id, due_ns);
  Arm();
  return id;
}

void SystemClock::Cancel(TimerId timer) {
  const auto due = due_ns_.find(timer);
  if (due == due_ns_.end()) return;
  waiting_.erase(Key{due->second, timer});
  due_ns_.erase(due);
  Arm();
}

void SystemClock::Arm() {
  if (waiting_.empty()) {
    // Waiting for nothing would keep the io_context running.
    if (armed_ns_ != 0) timer_.cancel();
    armed_ns_ = 0;
    ++*arming_;
    return;
  }
  const int64_t due_ns = waiting_.begin()->first.first;
  // An alarm that comes too early does no harm, and setting it anew for each Cancel would cost.
  if (armed_ns_ != 0 && armed_ns_ <= due_ns) return;
  armed_ns_ = due_ns;
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due_ns)));
  timer_.async_wait([this, arming = arming_, mine = ++*arming_](boost::system::error_code) {
    if (*arming != mine) return;
    armed_ns_ = 0;
    FireDue();
  });
}

void SystemClock::FireDue() {
  const int64_t now_ns = MonotonicNs();
  // One by one: what fires may cancel what is due next.
  while (!waiting_.empty() && waiting_.begin()->first.first <= now_ns) {
    const auto first = waiting_.begin();
    absl::AnyInvocable<void()> fire = std::move(first->second);
    due_ns_.erase(first->first.second);
    waiting_.erase(first);
    fire();
  }
  Arm();
}

}  // namespace tandem
