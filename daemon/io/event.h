// Waiting for something another coroutine of the same thread does.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "daemon/base/async.h"
#include "daemon/io/clock.h"

namespace tandem {

// Wakes all who wait now; nothing is remembered, so a waiter re-checks its condition in a loop.
// Owner: one thread.
class Event {
 public:
  explicit Event(Executor executor) : executor_(std::move(executor)) {}

  void Notify() {
    for (const std::shared_ptr<Waiter>& waiter : std::exchange(waiters_, {})) Wake(waiter, true);
  }

  // Returns at the next Notify.
  Awaitable<void> Wait() {
    co_await AwaitCallback<bool>([this](absl::AnyInvocable<void(bool)> done) {
      waiters_.push_back(std::make_shared<Waiter>(std::move(done)));
    });
  }

  // True at the next Notify, false if `limit_ns` passes first.
  Awaitable<bool> WaitFor(Clock& clock, int64_t limit_ns) {
    Clock::TimerId timer = 0;
    const bool notified =
        co_await AwaitCallback<bool>([&, this](absl::AnyInvocable<void(bool)> done) {
          auto waiter = std::make_shared<Waiter>(std::move(done));
          waiters_.push_back(waiter);
          timer = clock.Schedule(limit_ns, [this, waiter] {
            std::erase(waiters_, waiter);
            Wake(waiter, false);
          });
        });
    if (notified) clock.Cancel(timer);
    co_return notified;
  }

 private:
  struct Waiter {
    explicit Waiter(absl::AnyInvocable<void(bool)> callback) : done(std::move(callback)) {}
    absl::AnyInvocable<void(bool)> done;
  };

  // Posts: the waker goes on first, so that nobody is re-entered.
  void Wake(const std::shared_ptr<Waiter>& waiter, bool notified) {
    if (!waiter->done) return;
    boost::asio::post(executor_, [done = std::exchange(waiter->done, nullptr), notified]() mutable {
      done(notified);
    });
  }

  Executor executor_;
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace tandem
