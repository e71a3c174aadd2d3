#include "failure.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/rpc/error_details.pb.h"

namespace tandem::client {
namespace {

constexpr absl::string_view kPayloadUrl = "type.googleapis.com/google.rpc.Status";
constexpr absl::string_view kServerDomain = "tandem";
constexpr absl::string_view kClientDomain = "tandem.client";
constexpr char kPushBackKey[] = "grpc-retry-pushback-ms";

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void TakeServerInfo(const google::rpc::ErrorInfo& info, ErrorDetail* detail) {
  detail->reason = info.reason();
  detail->metadata.insert(info.metadata().begin(), info.metadata().end());
  if (const auto it = detail->metadata.find("sequence"); it != detail->metadata.end()) {
    uint64_t sequence = 0;
    if (absl::SimpleAtoi(it->second, &sequence)) detail->sequence = sequence;
  }
  if (const auto it = detail->metadata.find("level_reached"); it != detail->metadata.end()) {
    detail->level_reached = ParseLevel(absl::StripPrefix(it->second, "DURABILITY_LEVEL_"))
                                .value_or(Level::kUnspecified);
  }
}

void TakeClientInfo(const google::rpc::ErrorInfo& info, ErrorDetail* detail) {
  for (const auto& [key, value] : info.metadata()) {
    if (key == "request_id") detail->request_id = value;
    if (key == "retryable") detail->retryable = value == "1";
    if (key == "outcome_unknown") detail->outcome_unknown = value == "1";
    if (key == "attempts" && !absl::SimpleAtoi(value, &detail->attempts)) detail->attempts = 0;
    if (key == "sequence") {
      uint64_t sequence = 0;
      if (absl::SimpleAtoi(value, &sequence)) detail->sequence = sequence;
    }
    if (key == "level_reached") {
      detail->level_reached = ParseLevel(value).value_or(Level::kUnspecified);
    }
  }
}

ErrorDetail Decode(const google::rpc::Status& status) {
  ErrorDetail detail;
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      if (info.domain() == kServerDomain) TakeServerInfo(info, &detail);
      if (info.domain() == kClientDomain) TakeClientInfo(info, &detail);
    } else if (any.UnpackTo(&retry)) {
      detail.retry_delay = ToDuration(retry.retry_delay());
    }
  }
  return detail;
}

void TakePushBack(const grpc::ClientContext& context, Failure* failure) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto it = trailers.find(kPushBackKey);
  if (it == trailers.end()) return;
  int64_t delay_ms = 0;
  if (!absl::SimpleAtoi(absl::string_view(it->second.data(), it->second.size()), &delay_ms) ||
      delay_ms < 0) {
    failure->never_retry = true;
    return;
  }
  failure->detail.retry_delay = std::max(failure->detail.retry_delay.value_or(absl::ZeroDuration()),
                                         absl::Milliseconds(delay_ms));
}

absl::StatusCode ToCode(int code) { return static_cast<absl::StatusCode>(code); }

}  // namespace

Failure FailureOf(const google::rpc::Status& status) {
  Failure failure;
  failure.code = ToCode(status.code());
  failure.message = status.message();
  if (status.code() == 0) {  // an error must never turn into an OK
    failure.code = absl::StatusCode::kInternal;
    failure.message = "the daemon answered without an outcome";
  }
  failure.detail = Decode(status);
  return failure;
}

Failure FailureOf(const grpc::Status& status, const grpc::ClientContext* context) {
  Failure failure;
  if (google::rpc::Status details; details.ParseFromString(status.error_details())) {
    failure.detail = Decode(details);
  }
  failure.code = ToCode(static_cast<int>(status.error_code()));
  failure.message = status.error_message();
  // gRPC's own words for "no connection could be made"; should they change, the outcome is merely
  // called unknown.
  failure.never_sent = failure.code == absl::StatusCode::kUnavailable &&
                       absl::StartsWith(failure.message, "failed to connect to all addresses");
  if (context != nullptr) TakePushBack(*context, &failure);
  return failure;
}

bool IsRetryable(const Failure& failure) {
  switch (failure.code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return true;
    case absl::StatusCode::kAborted:  // TARGET_FAILED may heal, an upload can start again
      return !failure.detail.reason.empty();
    case absl::StatusCode::kResourceExhausted:
      return !failure.detail.reason.empty() || failure.detail.retry_delay.has_value();
    default:
      return false;
  }
}

bool IsAmbiguous(const Failure& failure) {
  if (failure.never_sent) return false;
  // Whatever is in the journal is not lost any more.
  if (failure.detail.level_reached != Level::kUnspecified) return false;
  if (failure.detail.sequence.has_value()) return true;
  if (!failure.detail.reason.empty()) {
    return failure.detail.reason == "OUTCOME_UNKNOWN" ||
           failure.detail.reason == "DURABILITY_NOT_REACHED";
  }
  switch (failure.code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      return true;
  }
}

absl::Status MakeStatus(absl::StatusCode code, absl::string_view message,
                        const ErrorDetail& detail) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!detail.reason.empty()) {
    info.set_domain(std::string(kServerDomain));
    info.set_reason(detail.reason);
    info.mutable_metadata()->insert(detail.metadata.begin(), detail.metadata.end());
    details.add_details()->PackFrom(info);
  }
  if (detail.retry_delay.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t nanos = absl::ToInt64Nanoseconds(*detail.retry_delay);
    retry.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
    details.add_details()->PackFrom(retry);
  }
  google::rpc::ErrorInfo own;
  own.set_domain(std::string(kClientDomain));
  auto& metadata = *own.mutable_metadata();
  metadata["request_id"] = detail.request_id;
  metadata["retryable"] = detail.retryable ? "1" : "0";
  metadata["outcome_unknown"] = detail.outcome_unknown ? "1" : "0";
  metadata["attempts"] = absl::StrCat(detail.attempts);
  metadata["level_reached"] = std::string(LevelName(detail.level_reached));
  if (detail.sequence.has_value()) metadata["sequence"] = absl::StrCat(*detail.sequence);
  details.add_details()->PackFrom(own);
  absl::Status status(code, message);
  status.SetPayload(kPayloadUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

ErrorDetail DetailOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  google::rpc::Status details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return {};
  return Decode(details);
}

}  // namespace tandem::client
