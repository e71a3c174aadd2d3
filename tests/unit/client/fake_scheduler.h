// A virtual clock for the client's retries: back-offs pass at once, long limits only when told.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/client/scheduler.h"

namespace tandem::client {

// Callable from any thread. Timers run on a thread of its own, one after the other.
class FakeScheduler : public Scheduler {
 public:
  // Timers shorter than this fire by themselves, moving the clock on; others wait for Advance.
  static constexpr absl::Duration kSelfFiring = absl::Seconds(30);

  FakeScheduler() : thread_([this] { Run(); }) {}
  ~FakeScheduler() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  absl::Time Now() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  void RunAfter(absl::Duration delay, absl::AnyInvocable<void()> fire) override {
    {
      const std::lock_guard lock(mutex_);
      delays_.push_back(delay);
      const absl::Time due = now_ + delay;
      timers_.emplace(due, Timer{std::move(fire), delay < kSelfFiring});
    }
    changed_.notify_all();
  }

  // What is due by then fires.
  void Advance(absl::Duration duration) {
    {
      const std::lock_guard lock(mutex_);
      now_ += duration;
    }
    changed_.notify_all();
  }

  // Pauses asked for so far that fire by themselves, in order.
  std::vector<absl::Duration> Pauses() {
    const std::lock_guard lock(mutex_);
    std::vector<absl::Duration> pauses;
    for (const absl::Duration delay : delays_) {
      if (delay < kSelfFiring) pauses.push_back(delay);
    }
    return pauses;
  }

  // No back-off ends until Resume.
  void Hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void Resume() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    changed_.notify_all();
  }
  // Returns when a self-firing timer waits.
  void AwaitPause() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return FirstReady(true) != timers_.end(); });
  }

 private:
  struct Timer {
    absl::AnyInvocable<void()> fire;
    bool self_firing;
  };
  using Timers = std::multimap<absl::Time, Timer>;

  Timers::iterator FirstReady(bool ignore_hold) {
    for (auto it = timers_.begin(); it != timers_.end(); ++it) {
      const bool self = it->second.self_firing && (ignore_hold || !held_);
      if (self || it->first <= now_) return it;
    }
    return timers_.end();
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const auto it = FirstReady(false);
      if (it == timers_.end()) {
        changed_.wait(lock);
        continue;
      }
      now_ = std::max(now_, it->first);
      absl::AnyInvocable<void()> fire = std::move(it->second.fire);
      timers_.erase(it);
      lock.unlock();
      fire();
      fire = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  Timers timers_;
  std::vector<absl::Duration> delays_;
  bool held_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::client
