#include "daemon/ctl/format.h"

#include <algorithm>
#include <boost/json.hpp>

namespace tandem::ctl {

std::string TimeText(absl::Time time) {
  if (time == absl::UnixEpoch()) return "unknown";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

std::string DurationText(absl::Duration duration, absl::Duration step) {
  const absl::Duration cut = absl::Trunc(std::max(duration, absl::ZeroDuration()), step);
  return cut == absl::ZeroDuration() ? "0s" : absl::FormatDuration(cut);
}

boost::json::value TextOrNull(const std::string& text) {
  if (text.empty()) return nullptr;
  return boost::json::value_from(text);
}

boost::json::value TimeOrNull(absl::Time time) {
  if (time == absl::UnixEpoch()) return nullptr;
  return boost::json::value_from(TimeText(time));
}

boost::json::value SequenceOrNull(uint64_t sequence) {
  if (sequence == 0) return nullptr;
  return sequence;
}

}  // namespace tandem::ctl
