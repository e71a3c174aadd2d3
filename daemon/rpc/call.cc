#include "daemon/rpc/call.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/reason.h"
#include "daemon/rpc/errors.h"

namespace tandem {
namespace {

using std::chrono::steady_clock;

std::optional<steady_clock::time_point> SteadyDeadline(const grpc::CallbackServerContext& context) {
  using std::chrono::system_clock;
  const system_clock::time_point deadline = context.deadline();
  if (deadline == system_clock::time_point::max()) return std::nullopt;
  return steady_clock::now() +
         std::chrono::duration_cast<steady_clock::duration>(deadline - system_clock::now());
}

}  // namespace

absl::Status CheckPayload(uint64_t bytes, const RpcShared& shared) {
  if (bytes <= shared.max_write_bytes) return absl::OkStatus();
  return Refuse(Reason::kPayloadTooLarge,
                absl::StrCat("over ", shared.max_write_bytes, " bytes; use an upload"));
}

void LiveCalls::Enter() {
  const std::lock_guard lock(mutex_);
  ++count_;
}

void LiveCalls::Leave() {
  absl::AnyInvocable<void()> idle;
  {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) idle = std::exchange(idle_, nullptr);
  }
  if (idle) idle();
}

void LiveCalls::WhenIdle(absl::AnyInvocable<void()> idle) {
  {
    const std::lock_guard lock(mutex_);
    if (count_ > 0) {
      idle_ = std::move(idle);
      return;
    }
  }
  idle();
}

LiveCalls::~LiveCalls() {
  const std::lock_guard lock(mutex_);
  TANDEM_CHECK(count_ == 0);
}

void OpenStreams::Add(Call* call) {
  const std::lock_guard lock(mutex_);
  calls_.insert(call);
}

void OpenStreams::Remove(Call* call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
}

void OpenStreams::Drain() {
  std::vector<CallRef<Call>> calls;
  {
    const std::lock_guard lock(mutex_);
    for (Call* call : calls_) calls.emplace_back(call);
  }
  for (const CallRef<Call>& call : calls) call->Drain();
}

absl::Status QueueFull() {
  return Refuse(Reason::kQueueFull, "too many writes are waiting",
                {.retry_after_ms = kDefaultRetryMs});
}

absl::Status ShuttingDown() { return Refuse(Reason::kShuttingDown, "the daemon is shutting down"); }

absl::Status OutcomeUnknown() {
  return Refuse(Reason::kOutcomeUnknown, "the daemon stopped before the write's outcome was known");
}

std::string CallerOf(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    const std::vector<grpc::string_ref> identity = auth->GetPeerIdentity();
    if (!identity.empty()) return std::string(identity.front().data(), identity.front().size());
  }
  return context.peer();
}

Call::Call(RpcShared& shared, grpc::CallbackServerContext* context, RpcMethod method)
    : shared_(shared), context_(context), method_(method), deadline_(SteadyDeadline(*context)) {
  shared_.live.Enter();
  shared_.metrics.OnStarted(method_);
}

grpc::Status Call::Conclude(const absl::Status& status) {
  const auto elapsed = std::chrono::steady_clock::now() - started_;
  const int64_t elapsed_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count();
  if (status.ok()) {
    shared_.metrics.OnHandled(method_, grpc::StatusCode::OK, elapsed_ns);
    return grpc::Status::OK;
  }
  if (!ReasonOf(status).has_value() && !absl::IsCancelled(status)) {
    shared_.log.Error("rpc_internal_error", {{"error", status}, {"caller", CallerOf(*context_)}});
  }
  const google::rpc::Status message = ToRpcStatus(status);
  if (const int64_t retry_ms = RetryAdviceMs(status); retry_ms > 0) {
    context_->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(retry_ms));
  }
  shared_.metrics.OnHandled(method_, message.code(), elapsed_ns);
  return grpc::Status(static_cast<grpc::StatusCode>(message.code()), message.message(),
                      message.SerializeAsString());
}

std::optional<int64_t> Call::LeftMs() const {
  if (!deadline_.has_value()) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(*deadline_ - steady_clock::now())
      .count();
}

}  // namespace tandem
