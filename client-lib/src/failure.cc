#include "failure.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "convert.h"
#include "google/rpc/error_details.pb.h"

namespace tandem::client {
namespace {

// Lines "key=value", values C-escaped: legible where a status is printed whole.
constexpr absl::string_view kPayloadUrl = "tandem.client/detail";
constexpr absl::string_view kMetadataPrefix = "metadata.";
constexpr absl::string_view kServerDomain = "tandem";
constexpr char kPushBackKey[] = "grpc-retry-pushback-ms";

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

ErrorDetail Decode(const google::rpc::Status& status) {
  ErrorDetail detail;
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      if (info.domain() == kServerDomain) TakeServerInfo(info, &detail);
    } else if (any.UnpackTo(&retry)) {
      detail.retry_delay = FromWire(retry.retry_delay());
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

uint64_t ToNumber(absl::string_view text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

// One line of a status's payload, as MakeStatus wrote it.
void TakeField(absl::string_view key, const std::string& value, ErrorDetail* detail) {
  if (key == "reason") {
    detail->reason = value;
  } else if (key == "request_id") {
    detail->request_id = value;
  } else if (key == "sequence") {
    detail->sequence = ToNumber(value);
  } else if (key == "level_reached") {
    detail->level_reached = ParseLevel(value).value_or(Level::kUnspecified);
  } else if (key == "retry_delay_ns") {
    detail->retry_delay = absl::Nanoseconds(static_cast<int64_t>(ToNumber(value)));
  } else if (key == "retryable") {
    detail->retryable = true;
  } else if (key == "outcome_unknown") {
    detail->outcome_unknown = true;
  } else if (key == "attempts") {
    detail->attempts = static_cast<int>(ToNumber(value));
  } else if (absl::ConsumePrefix(&key, kMetadataPrefix)) {
    detail->metadata[std::string(key)] = value;
  }
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
  std::string payload;
  const auto add = [&payload](absl::string_view key, absl::string_view value) {
    absl::StrAppend(&payload, key, "=", absl::CEscape(value), "\n");
  };
  if (!detail.reason.empty()) add("reason", detail.reason);
  if (!detail.request_id.empty()) add("request_id", detail.request_id);
  if (detail.sequence.has_value()) add("sequence", absl::StrCat(*detail.sequence));
  if (detail.level_reached != Level::kUnspecified) {
    add("level_reached", LevelName(detail.level_reached));
  }
  if (detail.retry_delay.has_value()) {
    add("retry_delay_ns", absl::StrCat(absl::ToInt64Nanoseconds(*detail.retry_delay)));
  }
  if (detail.retryable) add("retryable", "1");
  if (detail.outcome_unknown) add("outcome_unknown", "1");
  add("attempts", absl::StrCat(detail.attempts));
  for (const auto& [key, value] : detail.metadata) add(absl::StrCat(kMetadataPrefix, key), value);
  absl::Status status(code, message);
  status.SetPayload(kPayloadUrl, absl::Cord(payload));
  return status;
}

ErrorDetail DetailOf(const absl::Status& status) {
  ErrorDetail detail;
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return detail;
  const std::string text(*payload);
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    std::string value;
    if (absl::CUnescape(field.second, &value)) TakeField(field.first, value, &detail);
  }
  return detail;
}

}  // namespace tandem::client
