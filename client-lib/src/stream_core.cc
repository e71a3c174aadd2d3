#include "stream_core.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "call.h"
#include "check.h"
#include "convert.h"
#include "retry.h"
#include "stream_session.h"

namespace tandem::client {
namespace {

// After everything is answered, how long the server may take to end the stream.
constexpr auto kEndLimit = std::chrono::seconds(5);

std::chrono::nanoseconds Limited(absl::Duration limit) {
  return absl::ToChronoNanoseconds(std::min(limit, absl::Hours(24 * 365)));
}

Failure ClosedFailure() {
  Failure failure;
  failure.code = absl::StatusCode::kCancelled;
  failure.message = "the stream was closed";
  return failure;
}

}  // namespace

StreamCore::StreamCore(ClientState* state, WriteStreamOptions options)
    : state_(state), options_(std::move(options)) {}

void StreamCore::Start() {
  const bool registered = state_->Register(shared_from_this());
  const std::lock_guard lock(mutex_);
  registered_ = registered;
  if (!registered) phase_ = Phase::kCancelled;
}

bool StreamCore::HasRoom(size_t bytes) const {
  return pending_.empty() || (pending_.size() < options_.max_pending_writes &&
                              pending_bytes_ + bytes <= options_.max_pending_bytes);
}

absl::StatusOr<std::string> StreamCore::Send(std::vector<Operation> operations, WriteCallback done,
                                             std::string request_id, bool wait) {
  if (operations.empty()) return absl::InvalidArgumentError("no operations");
  if (absl::Status status = CheckPaths(operations, request_id); !status.ok()) return status;
  size_t bytes = 0;
  for (const Operation& operation : operations) bytes += operation.data.size();
  std::unique_lock lock(mutex_);
  if (wait) {
    changed_.wait(lock, [&] { return phase_ != Phase::kOpen || HasRoom(bytes); });
  }
  if (phase_ == Phase::kCancelled) return absl::CancelledError("the client was closed");
  if (phase_ != Phase::kOpen) return absl::FailedPreconditionError("the stream is closed");
  if (!HasRoom(bytes)) {
    return absl::ResourceExhaustedError("the stream's window is full: wait for answers");
  }
  const bool callers_id = !request_id.empty();
  if (!callers_id) request_id = state_->ids().Next();
  Enqueue(std::move(operations), bytes, std::move(done), request_id).callers_id = callers_id;
  Pump();
  return request_id;
}

StreamCore::Pending& StreamCore::Enqueue(std::vector<Operation> operations, size_t bytes,
                                         WriteCallback done, const std::string& request_id) {
  const ClientOptions& defaults = state_->options();
  const Level level = options_.level != Level::kUnspecified ? options_.level : defaults.level;
  const absl::Duration wait =
      options_.wait_timeout > absl::ZeroDuration() ? options_.wait_timeout : defaults.wait_timeout;
  const absl::Duration timeout =
      options_.timeout > absl::ZeroDuration() ? options_.timeout : defaults.timeout;
  const absl::Time now = state_->scheduler().Now();
  const absl::Duration planned = PlanAttempt(now, now + timeout, wait, defaults.answer_grace).wait;

  auto request = std::make_shared<v1::WriteStreamRequest>();
  const uint64_t tag = next_tag_++;
  request->set_tag(tag);
  const auto set_wait = [planned](auto* message) {
    if (planned <= absl::ZeroDuration()) return;
    const int64_t nanos = absl::ToInt64Nanoseconds(planned);
    message->mutable_wait_timeout()->set_seconds(nanos / 1'000'000'000);
    message->mutable_wait_timeout()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  };
  if (operations.size() == 1) {
    *request->mutable_single() =
        ToWriteRequest(std::move(operations.front()), request_id, level, defaults.checksum);
    set_wait(request->mutable_single());
  } else {
    *request->mutable_batch() = ToBatchRequest(std::move(operations), request_id, level);
    set_wait(request->mutable_batch());
  }
  Pending pending;
  pending.request = std::move(request);
  pending.request_id = request_id;
  pending.done = std::move(done);
  pending.bytes = bytes;
  pending.deadline = now + timeout;
  pending_bytes_ += bytes;
  const auto added = pending_.emplace_hint(pending_.end(), tag, std::move(pending));
  ArmExpiry();
  return added->second;
}

void StreamCore::Pump() {
  if (pending_.empty() || phase_ == Phase::kFinished || phase_ == Phase::kCancelled) return;
  if (session_ == nullptr) {
    if (reconnect_planned_) return;
    next_to_send_ = 0;
    session_broken_ = session_abandoned_ = writing_ = false;
    auto session = std::make_unique<Session>(shared_from_this());
    session_ = session.release();  // until its OnDone
    session_->Start(state_->writes());
  }
  if (session_broken_ || writing_) return;
  const auto it = pending_.lower_bound(next_to_send_);
  if (it == pending_.end()) return;
  next_to_send_ = it->first + 1;
  ++it->second.attempts;
  writing_ = true;
  session_->Send(it->second.request);
}

void StreamCore::PlanReconnect(const Failure& failure) {
  reconnect_planned_ = true;
  state_->scheduler().RunAfter(PauseAfter(state_->options().retry, failures_in_row_, failure),
                               [weak = weak_from_this()] {
                                 if (const auto self = weak.lock()) self->Reconnect();
                               });
}

void StreamCore::Reconnect() {
  const std::lock_guard lock(mutex_);
  reconnect_planned_ = false;
  Pump();
}

void StreamCore::ArmExpiry() {
  if (expiry_armed_ || pending_.empty() || !registered_) return;
  expiry_armed_ = true;
  const absl::Duration left = pending_.begin()->second.deadline - state_->scheduler().Now();
  state_->scheduler().RunAfter(std::max(left, absl::ZeroDuration()), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Expire();
  });
}

void StreamCore::Expire() {
  std::unique_lock lock(mutex_);
  expiry_armed_ = false;
  if (!registered_) return;
  const absl::Time now = state_->scheduler().Now();
  // All have the same timeout: the oldest is the first.
  while (!pending_.empty() && pending_.begin()->second.deadline <= now) {
    Failure failure;
    failure.code = absl::StatusCode::kDeadlineExceeded;
    failure.message = "no answer in time";
    if (session_ == nullptr && !last_failure_.message.empty()) {
      failure = last_failure_;
      failure.message = absl::StrCat("no answer in time: ", last_failure_.message);
    }
    Settle(pending_.begin(), ErrorOf(pending_.begin()->first, pending_.begin()->second, failure));
  }
  ArmExpiry();
  Deliver(std::move(lock));
}

void StreamCore::AbandonSession() {
  if (session_ == nullptr || session_abandoned_) return;
  session_abandoned_ = session_broken_ = true;
  session_->Abandon();
}

bool StreamCore::MaybeSent(uint64_t tag, const Pending& pending) const {
  return pending.maybe_sent || (session_ != nullptr && tag < next_to_send_);
}

absl::Status StreamCore::ErrorOf(uint64_t tag, const Pending& pending,
                                 const Failure& failure) const {
  ErrorDetail detail = failure.detail;
  detail.request_id = pending.request_id;
  detail.attempts = pending.attempts;
  detail.retryable = IsRetryable(failure);
  if (detail.level_reached == Level::kUnspecified) {
    // A refusal that asking again cannot change is the last word; else what any connection may
    // have carried counts.
    detail.outcome_unknown = detail.reason.empty() || EndsTheConnection(failure)
                                 ? MaybeSent(tag, pending)
                                 : IsAmbiguous(failure);
    if (detail.retryable && pending.maybe_sent) detail.outcome_unknown = true;
    // What came of the id before is not looked up any more.
    if (detail.reason == kIdExpired) {
      detail.outcome_unknown = pending.maybe_sent || pending.callers_id;
    }
  }
  return MakeStatus(failure.code, failure.message, detail);
}

void StreamCore::Settle(PendingMap::iterator it, absl::StatusOr<WriteResult> result) {
  pending_bytes_ -= it->second.bytes;
  answers_.push_back({std::move(it->second.done), std::move(result)});
  ++undelivered_;
  pending_.erase(it);
  changed_.notify_all();
}

void StreamCore::SettleAll(const Failure& failure) {
  while (!pending_.empty()) {
    const auto it = pending_.begin();
    Settle(it, ErrorOf(it->first, it->second, failure));
  }
}

void StreamCore::Deliver(std::unique_lock<std::mutex> lock) {
  if (!delivering_) {
    delivering_ = true;
    while (!answers_.empty()) {
      Answer answer = std::move(answers_.front());
      answers_.pop_front();
      lock.unlock();
      answer.done(std::move(answer.result));
      answer.done = nullptr;  // what it holds goes before Flush returns
      lock.lock();
      --undelivered_;
    }
    delivering_ = false;
  }
  const bool over = phase_ == Phase::kFinished || phase_ == Phase::kCancelled;
  const bool leave = registered_ && over && session_ == nullptr && Idle();
  if (leave) registered_ = false;
  changed_.notify_all();
  lock.unlock();
  if (leave) state_->Unregister(this);  // the client may be gone from here on
}

absl::Status StreamCore::Flush(absl::Duration limit) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, Limited(limit), [this] { return Idle(); })) {
    return absl::DeadlineExceededError(absl::StrCat(pending_.size(), " writes are unanswered"));
  }
  return absl::OkStatus();
}

absl::Status StreamCore::Close(absl::Duration limit) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kOpen) phase_ = Phase::kClosing;
    changed_.notify_all();  // who waits in Send
  }
  if (absl::Status status = Flush(limit); !status.ok()) return status;
  std::unique_lock lock(mutex_);
  if (phase_ == Phase::kClosing) {
    phase_ = Phase::kFinished;
    if (session_ != nullptr && !session_broken_) {
      session_broken_ = true;
      session_->End();
    }
    if (!changed_.wait_for(lock, kEndLimit, [this] { return session_ == nullptr; })) {
      AbandonSession();
      changed_.wait(lock, [this] { return session_ == nullptr; });
    }
  }
  Deliver(std::move(lock));
  return absl::OkStatus();
}

void StreamCore::Cancel() {
  std::unique_lock lock(mutex_);
  if (phase_ != Phase::kCancelled) {
    phase_ = Phase::kCancelled;
    SettleAll(ClosedFailure());
    AbandonSession();
  }
  Deliver(std::move(lock));
}

void StreamCore::Destroy() {
  Cancel();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return session_ == nullptr && Idle() && !registered_; });
}

}  // namespace tandem::client
