// Times and durations as people read them, and what JSON says of what is not known.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "absl/time/time.h"

namespace tandem::ctl {

// 2024-05-01T17:03:00.000Z, or "unknown" for 1970.
[[nodiscard]] std::string TimeText(absl::Time time);

// Cut to whole `step`s, with its unit even if it is zero ("0s"); a negative one is zero.
[[nodiscard]] std::string DurationText(absl::Duration duration, absl::Duration step);

// A key is always there; what is not known, or does not apply, is null.
[[nodiscard]] boost::json::value TextOrNull(const std::string& text);
[[nodiscard]] boost::json::value TimeOrNull(absl::Time time);
[[nodiscard]] boost::json::value SequenceOrNull(uint64_t sequence);

}  // namespace tandem::ctl
