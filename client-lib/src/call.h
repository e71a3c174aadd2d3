// One call of the caller's: its attempts, their deadlines, the pauses between them.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <mutex>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retry.h"
#include "state.h"

namespace tandem::client {

// When an attempt is given up, and how long the daemon may wait before it answers.
struct AttemptTimes {
  absl::Time deadline;  // by the scheduler's clock
  absl::Duration wait;  // zero: not said, the daemon's default
};

// `wait`: what the caller asked for, zero for the daemon's default. The daemon's wait ends `grace`
// before the attempt's deadline, so that its own answer arrives; less if time is short.
[[nodiscard]] AttemptTimes PlanAttempt(absl::Time now, absl::Time call_deadline,
                                       absl::Duration wait, absl::Duration grace);

// The gRPC deadline of an attempt, on the real clock.
void SetDeadline(grpc::ClientContext* context, absl::Duration left);

// Lives in shared pointers: of the running attempt, of the timer between attempts, of the client's
// registry. Its callback comes once.
class Call : public Cancellable, public std::enable_shared_from_this<Call> {
 public:
  struct Setup {
    ClientState* state;  // outlives the call while it is registered there
    RetryState::Limits limits;
    absl::Duration wait = absl::ZeroDuration();
    bool wait_bounds_attempt = true;  // false: sending takes time of its own (uploads)
  };

  explicit Call(Setup setup);

  // Begins the first attempt.
  void Start();
  // Ends the call with CANCELLED, now or when gRPC lets go of its attempt.
  void Cancel() final;

 protected:
  // Starts an attempt that ends in one AttemptDone; `wait` is zero or for the request's
  // wait_timeout.
  virtual void Attempt(grpc::ClientContext* context, absl::Duration wait) = 0;
  // Hands the result to the caller; OK means that the response is valid.
  virtual void Deliver(const absl::Status& status) = 0;

  // The attempt is over and nothing of gRPC refers to its context and messages any more.
  void AttemptDone(const grpc::Status& status);
  // The attempt failed on this side of the connection: not tried again.
  void AttemptFailedHere(const absl::Status& status);

  [[nodiscard]] ClientState& state() { return *setup_.state; }
  [[nodiscard]] const std::string& request_id() const { return setup_.limits.request_id; }

 private:
  void Begin();
  // Whoever has set finished_.
  void Finish(const absl::Status& status);

  const Setup setup_;
  std::mutex mutex_;
  std::unique_ptr<grpc::ClientContext> context_;  // of the running attempt
  RetryState retry_;
  bool cancelled_ = false;
  bool finished_ = false;  // somebody brings it to its end
};

// A call with one request and one response. `Fill` adapts the request to the attempt's wait.
template <typename Request, typename Response>
class UnaryCall final : public Call {
 public:
  using Send = std::function<void(grpc::ClientContext*, const Request*, Response*,
                                  std::function<void(grpc::Status)>)>;
  using Done = absl::AnyInvocable<void(const absl::Status&, const Response&)>;

  UnaryCall(Setup setup, Request request, Send send, Done done)
      : Call(std::move(setup)),
        request_(std::move(request)),
        send_(std::move(send)),
        done_(std::move(done)) {}

 private:
  void Attempt(grpc::ClientContext* context, absl::Duration wait) override {
    response_.Clear();
    if constexpr (requires { request_.mutable_wait_timeout(); }) {
      if (wait > absl::ZeroDuration()) {
        const int64_t nanos = absl::ToInt64Nanoseconds(wait);
        request_.mutable_wait_timeout()->set_seconds(nanos / 1'000'000'000);
        request_.mutable_wait_timeout()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
      } else {
        request_.clear_wait_timeout();
      }
    }
    auto self = std::static_pointer_cast<UnaryCall>(shared_from_this());
    send_(context, &request_, &response_,
          [self](const grpc::Status& status) { self->AttemptDone(status); });
  }
  void Deliver(const absl::Status& status) override { done_(status, response_); }

  Request request_;
  Response response_;
  Send send_;
  Done done_;
};

}  // namespace tandem::client
