#include "daemon/rpc/inbox.h"

#include <utility>

namespace tandem {

void Inbox::State::Push(const std::shared_ptr<State>& state, Task task) {
  std::unique_lock lock(state->mutex);
  if (state->core == nullptr) {
    lock.unlock();
    task(nullptr);  // closed
    return;
  }
  const bool wake = state->tasks.empty();
  state->tasks.push_back(std::move(task));
  lock.unlock();
  if (wake) boost::asio::post(state->executor, [state] { state->Drain(); });
}

void Inbox::State::Drain() {
  Core* to = nullptr;
  {
    const std::lock_guard lock(mutex);
    to = core;
    draining.swap(tasks);
  }
  for (Task& task : draining) task(to);
  draining.clear();
}

void Inbox::State::Close() {
  std::vector<Task> dropped;
  {
    const std::lock_guard lock(mutex);
    core = nullptr;
    dropped.swap(tasks);
  }
  for (Task& task : dropped) task(nullptr);
}

}  // namespace tandem
