// What happens to a stream: answers, breaks, ends of connections.
#include <utility>

#include "convert.h"
#include "stream_core.h"
#include "stream_session.h"

namespace tandem::client {
namespace {

bool MayReconnect(const Failure& failure) {
  if (failure.never_retry) return false;
  return failure.code == absl::StatusCode::kUnavailable ||
         failure.code == absl::StatusCode::kCancelled ||  // a server that is shut down cancels
         (failure.code == absl::StatusCode::kResourceExhausted &&
          failure.detail.retry_delay.has_value());
}

}  // namespace

bool EndsTheConnection(const Failure& failure) {
  return failure.detail.reason == "SHUTTING_DOWN" || failure.detail.reason == "OUTCOME_UNKNOWN";
}

void StreamCore::OnSent() {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  Pump();
}

void StreamCore::OnBreak() {
  const std::lock_guard lock(mutex_);
  session_broken_ = true;
  session_->Release();
}

void StreamCore::OnAnswer(const v1::WriteStreamResponse& response) {
  std::unique_lock lock(mutex_);
  const auto it = pending_.find(response.tag());
  if (it == pending_.end()) return;  // it was given up
  switch (response.outcome_case()) {
    case v1::WriteStreamResponse::kSingle:
      Settle(it, FromWire(response.single(), it->second.request_id));
      break;
    case v1::WriteStreamResponse::kBatch:
      Settle(it, FromWire(response.batch(), it->second.request_id));
      break;
    default: {
      const Failure failure = FailureOf(response.error());
      if (EndsTheConnection(failure)) {
        last_failure_ = failure;
        AbandonSession();
        return;
      }
      Settle(it, ErrorOf(it->first, it->second, failure));
    }
  }
  failures_in_row_ = 0;
  Deliver(std::move(lock));
}

void StreamCore::OnSessionDone(const grpc::Status& status) {
  std::unique_lock lock(mutex_);
  Failure failure = last_failure_;
  if (!session_abandoned_) {
    failure = FailureOf(status, nullptr);
    if (status.ok()) {
      failure.code = absl::StatusCode::kUnavailable;
      failure.message = "the daemon ended the stream";
    }
  }
  if (!failure.never_sent) {
    for (auto& [tag, pending] : pending_) {
      if (tag < next_to_send_) pending.maybe_sent = true;
    }
  }
  session_->DropContext();
  session_ = nullptr;
  writing_ = false;
  changed_.notify_all();
  if (!pending_.empty()) {
    last_failure_ = failure;
    ++failures_in_row_;
    const int max_attempts = state_->options().retry.max_attempts;
    if (MayReconnect(failure) && (max_attempts == 0 || failures_in_row_ < max_attempts)) {
      PlanReconnect(failure);
    } else {
      SettleAll(failure);
    }
  }
  Deliver(std::move(lock));
}

}  // namespace tandem::client
