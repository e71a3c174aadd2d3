// Time, as the client's retries see it.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace tandem::client {

// Callable from any thread.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // Never goes back; only differences have a meaning.
  virtual absl::Time Now() = 0;
  // Calls `fire` once after `delay`, on a thread of the scheduler's, never inside this call. What
  // has not fired when the scheduler is destroyed is dropped.
  virtual void RunAfter(absl::Duration delay, absl::AnyInvocable<void()> fire) = 0;
};

// The real one, with a thread of its own.
[[nodiscard]] std::shared_ptr<Scheduler> MakeScheduler();

}  // namespace tandem::client
