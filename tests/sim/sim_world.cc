#include "tests/sim/sim_world.h"

#include <algorithm>

namespace tandem {

int64_t SimClock::MonotonicNs() { return world_.now_ns(); }

int64_t SimClock::WallMs() { return world_.wall_ms(); }

Clock::TimerId SimClock::Schedule(int64_t delay_ns, absl::AnyInvocable<void()> fire) {
  if (dead_) return 0;
  // The timer removes itself by its id, which is known only after it was made.
  auto id = std::make_shared<TimerId>(0);
  *id = world_.After(std::max<int64_t>(delay_ns, 0),
                     [this, id, fire = std::move(fire)]() mutable { Fire(*id, std::move(fire)); });
  timers_.emplace(*id, true);
  return *id;
}

void SimClock::Fire(TimerId timer, absl::AnyInvocable<void()> fire) {
  if (frozen_) {
    held_.emplace(timer, std::move(fire));
    return;
  }
  timers_.erase(timer);
  fire();
}

void SimClock::Thaw() {
  frozen_ = false;
  // Each in its turn: one may cancel another, and a callback may own this clock's process.
  for (const auto& [timer, unused] : held_) {
    world_.After(0, [this, timer = timer, alive = std::weak_ptr<bool>(alive_)] {
      if (alive.expired()) return;
      auto due = held_.extract(timer);
      if (!due.empty()) Fire(timer, std::move(due.mapped()));
    });
  }
}

void SimClock::Cancel(TimerId timer) {
  if (timers_.erase(timer) == 0) return;
  const auto held = held_.extract(timer);  // destroyed when the tables are in order again
  if (held.empty()) world_.Cancel(timer);
}

void SimClock::CancelAll() {
  const auto held = std::exchange(held_, {});
  const auto timers = std::exchange(timers_, {});
  for (const auto& [id, unused] : timers) world_.Cancel(id);
}

void SimClock::Kill() {
  dead_ = true;
  CancelAll();
}

SimWorld::SimWorld(uint64_t seed) : seed_(seed), random_(seed ^ 0x74616e64656d0000ull) {}

SimWorld::~SimWorld() {
  // A dropped callback may destroy a coroutine, whose frames are destroyed on the executor and
  // may drop more.
  clock_.CancelAll();
  while (!events_.empty()) {
    event_times_.clear();
    const auto dropped = std::exchange(events_, {});
    Poll();
  }
  Poll();
}

SimWorld::EventId SimWorld::After(int64_t delay_ns, absl::AnyInvocable<void()> fire) {
  const EventId id = next_event_++;
  const int64_t at_ns = now_ns_ + std::max<int64_t>(delay_ns, 0);
  events_.emplace(Key{at_ns, id}, std::move(fire));
  event_times_.emplace(id, at_ns);
  return id;
}

void SimWorld::Cancel(EventId event) {
  const auto time = event_times_.find(event);
  if (time == event_times_.end()) return;
  const auto at = events_.find(Key{time->second, event});
  event_times_.erase(time);
  // Destroyed after the tables are in order again: the callback may own more timers.
  const absl::AnyInvocable<void()> dropped = std::move(at->second);
  events_.erase(at);
}

void SimWorld::Poll() {
  context_.restart();
  while (context_.poll() > 0) {
  }
}

bool SimWorld::Step() {
  Poll();
  if (events_.empty()) return false;
  const auto first = events_.begin();
  TANDEM_CHECK(first->first.at_ns >= now_ns_);
  now_ns_ = first->first.at_ns;
  absl::AnyInvocable<void()> fire = std::move(first->second);
  event_times_.erase(first->first.id);
  events_.erase(first);
  ++steps_;
  boost::asio::post(context_, std::move(fire));
  Poll();
  return true;
}

bool SimWorld::RunUntil(absl::FunctionRef<bool()> done, int64_t limit_ns) {
  const int64_t end_ns = now_ns_ + limit_ns;
  Poll();
  while (!done()) {
    if (events_.empty() || events_.begin()->first.at_ns > end_ns) return false;
    Step();
  }
  return true;
}

void SimWorld::RunFor(int64_t duration_ns) {
  const int64_t end_ns = now_ns_ + duration_ns;
  Poll();
  while (!events_.empty() && events_.begin()->first.at_ns <= end_ns) Step();
  now_ns_ = end_ns;
}

void SimWorld::Trace(absl::string_view what) {
  for (const char c : what) Trace(static_cast<unsigned char>(c));
}

}  // namespace tandem
