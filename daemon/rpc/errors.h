// How a refusal looks on the wire: the error model of AIP-193.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/base/reason.h"
#include "google/rpc/status.pb.h"

namespace tandem {

inline constexpr absl::string_view kErrorDomain = "tandem";

// Advice where a reason promises a delay and core named none, milliseconds.
inline constexpr int64_t kDefaultRetryMs = 100;

// Longest text of a message or of one metadata value that is sent, bytes: trailers are bounded.
inline constexpr size_t kMaxErrorTextBytes = 512;

// `error` (not OK) with ErrorInfo and, where waiting helps, RetryInfo. A status without a Reason is
// nothing the caller can act on, and may name files of this machine: it becomes a bare INTERNAL
// (CANCELLED stays what it is).
[[nodiscard]] google::rpc::Status ToRpcStatus(const absl::Status& error);

// The delay ToRpcStatus advises, milliseconds; 0: none.
[[nodiscard]] int64_t RetryAdviceMs(const absl::Status& error);

// `text` as it may stand in a protobuf string: what is not printable ASCII is escaped.
[[nodiscard]] std::string PrintableText(absl::string_view text);

}  // namespace tandem
