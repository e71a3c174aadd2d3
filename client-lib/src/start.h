// How the client's calls begin.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "call.h"
#include "state.h"
#include "tandem/client/client.h"

namespace tandem::client {

// Runs an asynchronous call and waits for it.
template <typename T, typename Start>
absl::StatusOr<T> Blocking(Start start) {
  std::promise<absl::StatusOr<T>> promise;
  std::future<absl::StatusOr<T>> future = promise.get_future();
  start([&promise](absl::StatusOr<T> result) { promise.set_value(std::move(result)); });
  return future.get();
}

inline Level LevelOf(const ClientState& state, const CallOptions& options) {
  return options.level != Level::kUnspecified ? options.level : state.options().level;
}

// kOnce: waits, and is never tried again by itself.
enum class Kind { kWrite, kWait, kRead, kOnce };

inline Call::Setup SetupOf(ClientState& state, const CallOptions& options, Kind kind) {
  const ClientOptions& defaults = state.options();
  Call::Setup setup;
  setup.state = &state;
  setup.limits.policy = defaults.retry;
  setup.limits.deadline =
      state.scheduler().Now() +
      (options.timeout > absl::ZeroDuration() ? options.timeout : defaults.timeout);
  setup.limits.keep_waiting = options.keep_waiting;
  if (kind == Kind::kOnce) setup.limits.policy.max_attempts = 1;
  if (kind == Kind::kWrite) {
    setup.limits.writes = true;
    setup.limits.callers_id = !options.request_id.empty();
    setup.limits.request_id = setup.limits.callers_id ? options.request_id : state.ids().Next();
  }
  if (kind != Kind::kRead) {
    setup.wait =
        options.wait_timeout > absl::ZeroDuration() ? options.wait_timeout : defaults.wait_timeout;
  } else {
    setup.wait_bounds_attempt = false;
  }
  return setup;
}

// What was found before anything was sent. Its callback comes once, and before the client is gone.
template <typename Done>
class Refusal final : public Cancellable, public std::enable_shared_from_this<Refusal<Done>> {
 public:
  Refusal(ClientState& state, absl::Status status, Done done)
      : state_(state), status_(std::move(status)), done_(std::move(done)) {}

  void Start() {
    if (!state_.Register(this->shared_from_this())) {
      Cancel();
      return;
    }
    state_.scheduler().RunAfter(absl::ZeroDuration(),
                                [self = this->shared_from_this()] { self->Cancel(); });
  }
  // Now; or it is being told already.
  void Cancel() override {
    if (told_.exchange(true)) return;
    done_(std::move(status_));
    state_.Unregister(this);  // the client may be gone from here on
  }

 private:
  ClientState& state_;  // until told_
  absl::Status status_;
  Done done_;
  std::atomic<bool> told_ = false;
};

// Not inside the caller's call.
template <typename Done>
void FailLater(ClientState& state, absl::Status status, Done done) {
  std::make_shared<Refusal<Done>>(state, std::move(status), std::move(done))->Start();
}

// Starts a call whose response FromWire turns into the caller's result.
template <typename Request, typename Response, typename Stub, typename Method, typename Convert,
          typename Done>
void StartUnary(Call::Setup setup, Request request, Stub& stub, Method method, Convert convert,
                Done done) {
  auto send = [&stub, method](grpc::ClientContext* context, const Request* wire, Response* response,
                              std::function<void(grpc::Status)> finished) {
    method(stub, context, wire, response, std::move(finished));
  };
  auto deliver = [done = std::move(done), convert = std::move(convert)](
                     const absl::Status& status, const Response& response) mutable {
    if (status.ok()) {
      done(convert(response));
    } else {
      done(status);
    }
  };
  std::make_shared<UnaryCall<Request, Response>>(std::move(setup), std::move(request),
                                                 std::move(send), std::move(deliver))
      ->Start();
}

}  // namespace tandem::client
