#include "tandem/client/scheduler.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace tandem::client {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Owner: whoever holds it; its thread runs the timers one after the other.
class ThreadScheduler : public Scheduler {
 public:
  ThreadScheduler() : thread_([this] { Run(); }) {}

  ~ThreadScheduler() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  absl::Time Now() override {
    return absl::UnixEpoch() + absl::FromChrono(SteadyClock::now().time_since_epoch());
  }

  void RunAfter(absl::Duration delay, absl::AnyInvocable<void()> fire) override {
    {
      const std::lock_guard lock(mutex_);
      timers_.emplace(Now() + delay, std::move(fire));
    }
    changed_.notify_all();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (timers_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto first = timers_.begin();
      const absl::Duration left = first->first - Now();
      if (left > absl::ZeroDuration()) {
        // Capped: an endless delay must not overflow the clock.
        changed_.wait_for(lock, absl::ToChronoNanoseconds(std::min(left, absl::Hours(1))));
        continue;
      }
      absl::AnyInvocable<void()> fire = std::move(first->second);
      timers_.erase(first);
      lock.unlock();
      fire();
      fire = nullptr;  // what it holds is destroyed outside the lock
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<absl::Time, absl::AnyInvocable<void()>> timers_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

std::shared_ptr<Scheduler> MakeScheduler() { return std::make_shared<ThreadScheduler>(); }

}  // namespace tandem::client
