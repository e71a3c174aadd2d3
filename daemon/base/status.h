// The one error dialect: absl::Status with, where the kernel said why, its errno attached.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tandem {

// The status of a failed system call. `what` names the call and its object; errno_value > 0.
[[nodiscard]] absl::Status ErrnoStatus(int errno_value, absl::string_view what);

// The errno a status was made from; 0 if it came from elsewhere.
[[nodiscard]] int ErrnoOf(const absl::Status& status);

// Prefixes the message, keeping code and payloads.
[[nodiscard]] absl::Status Annotate(const absl::Status& status, absl::string_view where);

}  // namespace tandem

#define TANDEM_CONCAT_INNER(a, b) a##b
#define TANDEM_CONCAT(a, b) TANDEM_CONCAT_INNER(a, b)

// For functions that return a Status or StatusOr.
#define RETURN_IF_ERROR(expression)                                                         \
  do {                                                                                      \
    if (::absl::Status return_if_error_status = (expression); !return_if_error_status.ok()) \
        [[unlikely]]                                                                        \
      return return_if_error_status;                                                        \
  } while (false)

#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_IMPL(TANDEM_CONCAT(status_or_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) [[unlikely]]                               \
    return std::move(result).status();                         \
  declaration = *std::move(result)

// The same for coroutines. The expression is awaited first (`co_await f()` is passed in whole).
#define CO_RETURN_IF_ERROR(expression)                    \
  do {                                                    \
    ::absl::Status return_if_error_status = (expression); \
    if (!return_if_error_status.ok()) [[unlikely]]        \
      co_return return_if_error_status;                   \
  } while (false)

#define CO_ASSIGN_OR_RETURN(declaration, expression) \
  CO_ASSIGN_OR_RETURN_IMPL(TANDEM_CONCAT(status_or_, __LINE__), declaration, expression)
#define CO_ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) [[unlikely]]                                  \
    co_return std::move(result).status();                         \
  declaration = *std::move(result)
