// The real clock, on one timer of the executor.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "daemon/io/clock.h"

namespace tandem {

// CLOCK_MONOTONIC in nanoseconds. Any thread.
[[nodiscard]] int64_t SystemMonotonicNs();

// Milliseconds since 1970, CLOCK_REALTIME. Any thread.
[[nodiscard]] int64_t SystemWallMs();

// Timers that wait keep the io_context's run() from returning. Owner: the executor's thread.
class SystemClock final : public Clock {
 public:
  explicit SystemClock(Executor executor);
  ~SystemClock() override;
  SystemClock(const SystemClock&) = delete;
  SystemClock& operator=(const SystemClock&) = delete;

  int64_t MonotonicNs() override { return SystemMonotonicNs(); }
  int64_t WallMs() override { return SystemWallMs(); }
  TimerId Schedule(int64_t delay_ns, absl::AnyInvocable<void()> fire) override;
  void Cancel(TimerId timer) override;

 private:
  using Key = std::pair<int64_t, TimerId>;  // when it is due, then in the order of Schedule
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

  void Arm();
  void FireDue();

  Timer timer_;
  TimerId next_id_ = 1;
  absl::btree_map<Key, absl::AnyInvocable<void()>> waiting_;
  absl::flat_hash_map<TimerId, int64_t> due_ns_;
  // When timer_ will call FireDue; 0 while it is idle.
  int64_t armed_ns_ = 0;
  // Tells a handler that is still on its way whether this object, and the arming, still stands.
  std::shared_ptr<uint64_t> arming_ = std::make_shared<uint64_t>(0);
};

}  // namespace tandem
