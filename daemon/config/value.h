// Values of configuration keys: from text into a Settings field, and back.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/config/keys.h"
#include "daemon/config/settings.h"

namespace tandem {

// Parses `text` as the key's kind asks, checks the bounds, sets the field. INVALID_ARGUMENT with
// a text for the user, without the key's name. `kTargets` takes "name=path[=id],...".
[[nodiscard]] absl::Status SetFromText(const Key& key, absl::string_view text, Settings& settings);

// What SetFromText would take, the shortest exact form. Not for kTargets.
[[nodiscard]] std::string TextOf(const Key& key, const Settings& settings);

[[nodiscard]] absl::StatusOr<int64_t> ParseDurationMs(absl::string_view text);
[[nodiscard]] absl::StatusOr<uint64_t> ParseBytes(absl::string_view text);
[[nodiscard]] std::string FormatDurationMs(int64_t ms);
[[nodiscard]] std::string FormatBytes(uint64_t bytes);

// OK if `name` can name a target: 1 to 32 of a-z, 0-9, '-', '_', beginning with a letter.
[[nodiscard]] absl::Status CheckTargetName(absl::string_view name);

}  // namespace tandem
