// What every call has, whatever its kind.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "daemon/metrics/rpc_metrics.h"
#include "daemon/rpc/budget.h"
#include "daemon/rpc/convert.h"
#include "daemon/rpc/inbox.h"

namespace tandem {

// The calls of ours that gRPC has not let go of. Any thread.
class LiveCalls {
 public:
  LiveCalls() = default;
  LiveCalls(const LiveCalls&) = delete;
  LiveCalls& operator=(const LiveCalls&) = delete;
  // There must be none, and all that they did has happened.
  ~LiveCalls();

  void Enter();
  void Leave();
  // Calls `idle` once, when there is none: now, or on the thread of the last one's end.
  void WhenIdle(absl::AnyInvocable<void()> idle);

 private:
  std::mutex mutex_;
  uint64_t count_ = 0;
  absl::AnyInvocable<void()> idle_;
};

class Call;

// The calls that end only when their client wants them to: on a shutdown they have to be asked.
// Any thread.
class OpenStreams {
 public:
  void Add(Call* call);
  void Remove(Call* call);
  // Asks each to end (Call::Drain).
  void Drain();

 private:
  std::mutex mutex_;
  absl::flat_hash_set<Call*> calls_;
};

// May change while calls are served. Any thread.
class RequestDefaults {
 public:
  explicit RequestDefaults(const ConvertOptions& options) { Set(options); }
  void Set(const ConvertOptions& options) {
    level_.store(options.default_level, std::memory_order_relaxed);
    wait_ms_.store(options.default_wait_ms, std::memory_order_relaxed);
  }
  [[nodiscard]] ConvertOptions Get() const {
    return {.default_level = level_.load(std::memory_order_relaxed),
            .default_wait_ms = wait_ms_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<Level> level_;
  std::atomic<int64_t> wait_ms_;
};

// What the calls of one server share; outlives them all.
struct RpcShared {
  RequestDefaults convert;
  StatusInfo status;
  uint64_t max_write_bytes;   // payload of a request, or of an upload's one message
  size_t max_stream_pending;  // writes of one stream that are not answered yet
  Executor executor;          // core's
  Inbox& inbox;
  // Unanswered writes. Core may let go of one when the server is gone.
  const std::shared_ptr<Budget> calls;
  Budget& queued_bytes;  // payloads on the way to core
  RpcMetrics& metrics;
  Logger& log;
  OpenStreams streams = {};
  std::atomic<bool> draining = false;  // streams and uploads that begin now are refused
  std::atomic<bool> closing = false;   // so are all calls
  LiveCalls live = {};  // last: its end comes first, and after the calls' use of the rest
};

// PAYLOAD_TOO_LARGE, before a too large payload takes room that others could have.
[[nodiscard]] absl::Status CheckPayload(uint64_t bytes, const RpcShared& shared);
[[nodiscard]] absl::Status QueueFull();
[[nodiscard]] absl::Status ShuttingDown();
// Core let go of a write without an answer.
[[nodiscard]] absl::Status OutcomeUnknown();

// "unix:" or the certificate's subject: for logs only.
[[nodiscard]] std::string CallerOf(const grpc::CallbackServerContext& context);

// References: gRPC holds one until OnDone, core one until it has answered. Whoever claims the call
// first answers it; the others see that and leave it alone.
class Call {
 public:
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // The daemon shuts down: takes nothing more, and ends as soon as nothing is owed. Any thread.
  virtual void Drain() {}

 protected:
  // Holds one reference: gRPC's.
  Call(RpcShared& shared, grpc::CallbackServerContext* context, RpcMethod method);
  virtual ~Call() = default;

  // gRPC has let go of it.
  void Done() {
    shared_.live.Leave();
    Unref();
  }

  // A call that is open until its client ends it: from before it is claimed until Done.
  void EnterStreams() { shared_.streams.Add(this); }
  void LeaveStreams() { shared_.streams.Remove(this); }

  // True for the one who may, and must, answer.
  [[nodiscard]] bool Claim() { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  [[nodiscard]] bool claimed() const { return claimed_.load(std::memory_order_acquire); }

  // What the claimer passes to Finish. Counts the call, adds trailers, logs what is a bug.
  [[nodiscard]] grpc::Status Conclude(const absl::Status& status);

  // Time left until the caller's deadline; nullopt without one.
  [[nodiscard]] std::optional<int64_t> LeftMs() const;

  RpcShared& shared() const { return shared_; }
  grpc::CallbackServerContext* context() const { return context_; }

 private:
  RpcShared& shared_;
  grpc::CallbackServerContext* const context_;  // valid until the call is finished
  const RpcMethod method_;
  // By a clock that does not jump; nullopt: none.
  const std::optional<std::chrono::steady_clock::time_point> deadline_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<int> references_{1};
  std::atomic<bool> claimed_{false};
};

// A counted reference to a call (or a part of one).
template <typename CallType>
class CallRef {
 public:
  explicit CallRef(CallType* call) : call_(call) { call_->Ref(); }
  CallRef(CallRef&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  CallRef& operator=(CallRef&&) = delete;
  ~CallRef() {
    if (call_ != nullptr) call_->Unref();
  }
  CallType* operator->() const { return call_; }
  explicit operator bool() const { return call_ != nullptr; }

 private:
  CallType* call_;
};

}  // namespace tandem
