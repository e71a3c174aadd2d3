// Time and chance, as the logic sees them.
#pragma once

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "daemon/base/async.h"

namespace tandem {

inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerSecond = 1'000'000'000;

// Owner: the thread that runs the executor.
class Clock {
 public:
  using TimerId = uint64_t;

  virtual ~Clock() = default;
  // Nanoseconds since some fixed point; never goes back.
  virtual int64_t MonotonicNs() = 0;
  // Milliseconds since 1970; may jump either way.
  virtual int64_t WallMs() = 0;
  // Calls `fire` once, `delay_ns` from now, on the executor, never inside this call.
  virtual TimerId Schedule(int64_t delay_ns, absl::AnyInvocable<void()> fire) = 0;
  // The timer will not fire any more; one that has fired or never was is ignored.
  virtual void Cancel(TimerId timer) = 0;
};

// Suspends for `delay_ns`.
inline Awaitable<void> Sleep(Clock& clock, int64_t delay_ns) {
  co_await AwaitCallback<int>([&clock, delay_ns](absl::AnyInvocable<void(int)> done) {
    clock.Schedule(delay_ns, [resume = std::move(done)]() mutable { resume(0); });
  });
}

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;
};

}  // namespace tandem
