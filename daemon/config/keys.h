// The one table of configuration keys: file, environment, flags, --help, --print-config, the
// README's table and the tests all follow it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/config/settings.h"

namespace tandem {

enum class ValueKind {
  kText,
  kName,      // one valid path component
  kPath,      // made absolute from the working directory; "" stays ""
  kDuration,  // "200ms", "60s", "15m", "1h"; milliseconds inside
  kBytes,     // "512", "64KiB", "1MiB", "8GiB", "1TiB"
  kCount,
  kMode,     // octal permission bits, "0660"
  kSwitch,   // true or false
  kChoice,   // one of `choices`
  kAddress,  // "host:port", "[v6]:port", or ""
  kTargets,
};

using SettingsField =
    std::variant<std::string Settings::*, int64_t Settings::*, uint64_t Settings::*,
                 bool Settings::*, std::vector<TargetSettings> Settings::*>;

struct Key {
  absl::string_view name;  // as in the file; TANDEM_<NAME> and --<name-with-dashes> follow
  ValueKind kind;
  SettingsField field;
  absl::string_view fallback;  // the default, as one would write it
  absl::string_view embedded;  // the default when there is no file and no target; "": the same
  int64_t min = 0;             // of durations (ms), bytes and counts
  int64_t max = std::numeric_limits<int64_t>::max();
  std::vector<absl::string_view> choices;
  bool reloadable = false;  // SIGHUP may change it
  absl::string_view doc;    // one line, without the unit and the default
};

// All keys, in the order in which they are printed.
[[nodiscard]] const std::vector<Key>& AllKeys();
// nullptr if there is none of that name.
[[nodiscard]] const Key* FindKey(absl::string_view name);

[[nodiscard]] std::string EnvironmentName(const Key& key);  // "TANDEM_BATCH_SIZE"
[[nodiscard]] std::string FlagName(const Key& key);         // "--batch-size"

// What to tell someone who gives a key that other dual writers have and Tandem does not need; "" if
// `name` is none of those.
[[nodiscard]] std::string NotNeeded(absl::string_view name);

// The candidate nearest to `text`, if it is near enough to be what was meant; "" otherwise.
[[nodiscard]] std::string Nearest(absl::string_view text,
                                  const std::vector<std::string>& candidates);

}  // namespace tandem
