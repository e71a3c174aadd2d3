// One failed attempt, and the status its caller gets.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "tandem/client/error.h"

namespace tandem::client {

// The reason of a daemon that knows the id no more: it may have been written, or not.
inline constexpr absl::string_view kIdExpired = "REQUEST_ID_EXPIRED";

struct Failure {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message;
  ErrorDetail detail;
  bool never_retry = false;  // the server pushed back for good
  bool never_sent = false;   // the daemon cannot have acted on this attempt
};

// What the call's status and trailing metadata say. `context` may be null.
[[nodiscard]] Failure FailureOf(const grpc::Status& status, const grpc::ClientContext* context);
// The same of an error inside a stream's reply.
[[nodiscard]] Failure FailureOf(const google::rpc::Status& status);

// Asking again under the same id can succeed.
[[nodiscard]] bool IsRetryable(const Failure& failure);
// After this failure alone: the write may have happened or may still happen.
[[nodiscard]] bool IsAmbiguous(const Failure& failure);

// A status that DetailOf can read.
[[nodiscard]] absl::Status MakeStatus(absl::StatusCode code, absl::string_view message,
                                      const ErrorDetail& detail);

}  // namespace tandem::client
