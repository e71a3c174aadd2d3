// The one way from gRPC's threads to core's.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "daemon/base/async.h"
#include "daemon/core/core.h"

namespace tandem {

// Many producers, one consumer: core's thread is woken only when the inbox turns non-empty, and
// takes all that is in it in one turn. Order of Push is order of running.
class Inbox {
 public:
  // Called with core on core's thread; with nullptr, on any thread, once the inbox is closed.
  using Task = absl::AnyInvocable<void(Core*)>;

  // Owner of the executor's thread is core's.
  Inbox(Executor executor, Core& core) : state_(std::make_shared<State>(executor, &core)) {}
  ~Inbox() { Close(); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Any thread.
  void Push(Task task) { State::Push(state_, std::move(task)); }

  // Core's thread. What is in it, and whatever comes later, is called with nullptr.
  void Close() { state_->Close(); }

 private:
  // Outlives the inbox as long as a wake-up is on its way.
  struct State {
    State(Executor core_executor, Core* the_core) : executor(core_executor), core(the_core) {}

    static void Push(const std::shared_ptr<State>& state, Task task);
    void Drain();
    void Close();

    Executor executor;
    std::mutex mutex;
    Core* core;  // nullptr: closed
    std::vector<Task> tasks;
    std::vector<Task> draining;  // core's thread only; keeps its capacity
  };

  std::shared_ptr<State> state_;
};

}  // namespace tandem
