#include "retry.h"

#include <algorithm>
#include <cmath>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace tandem::client {

absl::Duration PauseAfter(const RetryPolicy& policy, int failures, const Failure& failure) {
  absl::BitGen random;
  if (failure.detail.retry_delay.has_value()) {
    // Never earlier than asked; spread, so that all who were turned away do not return at once.
    return *failure.detail.retry_delay * absl::Uniform(random, 1.0, 1.2);
  }
  const double grown = std::pow(policy.multiplier, std::clamp(failures - 1, 0, 30));
  absl::Duration longest = policy.max_backoff;
  if (failure.never_sent) longest = std::min(longest, kLongestPauseUnsent);
  return std::min(longest, policy.initial_backoff * grown) * absl::Uniform(random, 0.5, 1.0);
}

bool RetryState::MayRetry(const Failure& failure) const {
  if (failure.never_retry) return false;
  if (limits_.policy.max_attempts > 0 && attempts_ >= limits_.policy.max_attempts) return false;
  switch (failure.code) {
    case absl::StatusCode::kUnavailable:
    // A server that shuts down cancels its calls; a caller that cancels does not come here.
    case absl::StatusCode::kCancelled:
      return true;
    case absl::StatusCode::kResourceExhausted:
      return failure.detail.retry_delay.has_value();
    case absl::StatusCode::kDeadlineExceeded:
      return limits_.keep_waiting && failure.detail.reason == "DURABILITY_NOT_REACHED";
    default:
      return false;
  }
}

std::optional<absl::Duration> RetryState::OnFailure(const Failure& failure, absl::Time now) {
  ++attempts_;
  ambiguous_ |= IsAmbiguous(failure);
  if (failure.detail.sequence.has_value()) sequence_ = failure.detail.sequence;
  level_reached_ = std::max(level_reached_, failure.detail.level_reached);
  if (!MayRetry(failure)) return std::nullopt;

  const absl::Duration delay = PauseAfter(limits_.policy, attempts_, failure);
  if (now + delay >= limits_.deadline) return std::nullopt;
  return delay;
}

absl::Status RetryState::Final(const Failure& failure) const {
  ErrorDetail detail = failure.detail;
  detail.request_id = limits_.request_id;
  detail.attempts = std::max(attempts_, 1);
  detail.retryable = IsRetryable(failure);
  if (!detail.sequence.has_value()) detail.sequence = sequence_;
  detail.level_reached = std::max(detail.level_reached, level_reached_);
  if (limits_.writes && detail.level_reached == Level::kUnspecified) {
    // The last answer may be a plain refusal of this attempt while an earlier one was accepted. A
    // refusal that asking again cannot change was made with the earlier attempt in view, except
    // that an expired id is not looked up any more.
    const bool last_word = !failure.never_sent && !detail.retryable && !IsAmbiguous(failure);
    if (detail.reason == kIdExpired) {
      detail.outcome_unknown = ambiguous_ || limits_.callers_id;
    } else {
      detail.outcome_unknown = !last_word && (ambiguous_ || IsAmbiguous(failure));
    }
  }
  std::string message = failure.message;
  if (attempts_ > 1) absl::StrAppend(&message, " (after ", attempts_, " attempts)");
  if (detail.outcome_unknown) absl::StrAppend(&message, "; the outcome is unknown");
  return MakeStatus(failure.code, message, detail);
}

}  // namespace tandem::client
