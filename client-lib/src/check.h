// What cannot be sent at all, and would end a whole stream if it were tried.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tandem/client/types.h"

namespace tandem::client {

[[nodiscard]] bool IsUtf8(absl::string_view text);

// INVALID_ARGUMENT, PATH_BAD_CHARACTER: text on the wire is UTF-8, so are all paths.
[[nodiscard]] absl::Status CheckPath(absl::string_view path, const std::string& request_id);
[[nodiscard]] absl::Status CheckOperation(const Operation& operation,
                                          const std::string& request_id);
[[nodiscard]] absl::Status CheckPaths(const std::vector<Operation>& operations,
                                      const std::string& request_id);

}  // namespace tandem::client
