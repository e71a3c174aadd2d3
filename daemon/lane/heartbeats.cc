// Dispatcher, third part: heartbeats, which say that a target is as far as they are.
#include <utility>
#include <vector>

#include "daemon/lane/dispatcher.h"

namespace tandem {

// Everything before it is settled.
bool Dispatcher::IsDue(Sequence heartbeat) const {
  return entries_.empty() || heartbeat < entries_.begin()->first;
}

// One that is settled proves that the target took a write after the heartbeat was journaled: a
// mount that hangs still looks open.
Awaitable<void> Dispatcher::HeartbeatLoop() {
  while (!stopped_) {
    if (heartbeats_.empty() || !IsDue(heartbeats_.front())) {
      co_await beat_.Wait();
      continue;
    }
    const std::shared_ptr<Target> target = co_await parts_.keeper.Ready();
    if (target == nullptr) break;
    const Sequence newest = heartbeats_.back();
    const bool well = co_await parts_.keeper.IsWell();
    if (!well) continue;
    while (!heartbeats_.empty() && heartbeats_.front() <= newest && IsDue(heartbeats_.front())) {
      const Sequence sequence = heartbeats_.front();
      heartbeats_.pop_front();
      parts_.checkpointer.Settle(sequence);
      parts_.reporter.Durable(sequence);
    }
    Wake();
  }
  --running_;
  finished_.Notify();
}

}  // namespace tandem
