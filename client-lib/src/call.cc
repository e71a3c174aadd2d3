#include "call.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tandem::client {
namespace {

// gRPC's clock overflows on endless deadlines.
constexpr absl::Duration kLongest = absl::Hours(24 * 365);

}  // namespace

AttemptTimes PlanAttempt(absl::Time now, absl::Time call_deadline, absl::Duration wait,
                         absl::Duration grace) {
  // What the daemon's default is cannot be known here; its usual value.
  constexpr absl::Duration kUsualWait = absl::Seconds(60);
  const absl::Duration left = call_deadline - now;
  const absl::Duration room = left > 2 * grace ? left - grace : left / 2;
  if (wait <= absl::ZeroDuration()) {
    return {call_deadline, room < kUsualWait ? room : absl::ZeroDuration()};
  }
  wait = std::min(wait, room);
  return {std::min(call_deadline, now + wait + grace), wait};
}

void SetDeadline(grpc::ClientContext* context, absl::Duration left) {
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMicroseconds(std::min(left, kLongest)));
}

Call::Call(Setup setup) : setup_(std::move(setup)), retry_(setup_.limits) {}

void Call::Start() {
  if (!setup_.state->Register(shared_from_this())) {
    Cancel();
    return;
  }
  Begin();
}

void Call::Cancel() {
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || cancelled_) return;
    cancelled_ = true;
    if (context_ != nullptr) {
      context_->TryCancel();  // AttemptDone follows
      return;
    }
    finished_ = true;
  }
  Failure failure;
  failure.code = absl::StatusCode::kCancelled;
  failure.message = "the client was closed";
  failure.never_sent = true;
  Finish(retry_.Final(failure));
}

void Call::Begin() {
  grpc::ClientContext* context = nullptr;
  AttemptTimes times;
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || cancelled_) return;
    const absl::Time now = setup_.state->scheduler().Now();
    const RetryState::Limits& limits = retry_.limits();
    times = PlanAttempt(now, limits.deadline, setup_.wait, setup_.state->options().answer_grace);
    if (!setup_.wait_bounds_attempt) times = {limits.deadline, setup_.wait};
    context_ = std::make_unique<grpc::ClientContext>();
    SetDeadline(context_.get(), times.deadline - now);
    context = context_.get();
  }
  Attempt(context, times.wait);
}

void Call::AttemptDone(const grpc::Status& status) {
  absl::Status final_status;
  {
    const std::lock_guard lock(mutex_);
    if (!status.ok()) {
      const Failure failure = FailureOf(status, context_.get());
      context_ = nullptr;
      const auto delay = retry_.OnFailure(failure, setup_.state->scheduler().Now());
      if (delay.has_value() && !cancelled_) {
        setup_.state->scheduler().RunAfter(*delay, [self = shared_from_this()] { self->Begin(); });
        return;
      }
      final_status = retry_.Final(failure);
    }
    // Before the client can go: a context keeps the channel, and a channel must not end on gRPC's
    // own thread, for which it would wait.
    context_ = nullptr;
    // Under one lock with that: who finds no attempt under way must not take this for a pause.
    if (std::exchange(finished_, true)) return;
  }
  Finish(final_status);
}

void Call::AttemptFailedHere(const absl::Status& status) {
  Failure failure;
  failure.code = status.code();
  failure.message = std::string(status.message());
  failure.detail = DetailOf(status);
  failure.never_sent = true;
  {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    if (std::exchange(finished_, true)) return;
  }
  Finish(retry_.Final(failure));
}

void Call::Finish(const absl::Status& status) {
  Deliver(status);
  setup_.state->Unregister(this);  // the client may be gone from here on
}

}  // namespace tandem::client
