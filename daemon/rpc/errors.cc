#include "daemon/rpc/errors.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "google/rpc/error_details.pb.h"

namespace tandem {
namespace {

std::string ShortText(absl::string_view text) {
  constexpr absl::string_view kCut = "...";
  std::string printable = PrintableText(text);
  if (printable.size() <= kMaxErrorTextBytes) return printable;
  printable.resize(kMaxErrorTextBytes - kCut.size());
  return printable.append(kCut.data(), kCut.size());
}

}  // namespace

std::string PrintableText(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) return absl::CEscape(text);
  }
  return std::string(text);
}

int64_t RetryAdviceMs(const absl::Status& error) {
  if (!ReasonOf(error).has_value()) return 0;
  if (const int64_t advised_ms = DetailOf(error).retry_after_ms; advised_ms > 0) return advised_ms;
  const bool promised = error.code() == absl::StatusCode::kUnavailable ||
                        error.code() == absl::StatusCode::kResourceExhausted;
  return promised ? kDefaultRetryMs : 0;
}

google::rpc::Status ToRpcStatus(const absl::Status& error) {
  google::rpc::Status status;
  const std::optional<Reason> reason = ReasonOf(error);
  if (!reason.has_value()) {
    const bool cancelled = error.code() == absl::StatusCode::kCancelled;
    status.set_code(static_cast<int>(cancelled ? error.code() : absl::StatusCode::kInternal));
    status.set_message(cancelled ? "the call was cancelled"
                                 : "internal error; the daemon's log says more");
    return status;
  }
  status.set_code(static_cast<int>(error.code()));
  status.set_message(ShortText(error.message()));
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(ReasonName(*reason)));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : DetailOf(error).metadata) {
    (*info.mutable_metadata())[ShortText(key)] = ShortText(value);
  }
  status.add_details()->PackFrom(info);
  if (const int64_t retry_ms = RetryAdviceMs(error); retry_ms > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_ms / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(retry_ms % 1000) * 1'000'000);
    status.add_details()->PackFrom(retry);
  }
  return status;
}

}  // namespace tandem
