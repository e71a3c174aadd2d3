#include "daemon/lane/watermark_point.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tandem {

// Wall times never go back along the journal: all that is strictly older than a record comes before
// it.
WatermarkPoint WatermarkPointOf(const LanePosition& position,
                                const std::map<Sequence, ParkedWrite>& parked) {
  WatermarkPoint point{.sequence = position.settled, .at_tail = position.at_tail};
  if (position.oldest_unsettled_ms > 0) {
    point.complete_ms = position.oldest_unsettled_ms - 1;
  } else if (position.newest_read_ms > 0) {
    point.complete_ms = position.newest_read_ms - 1;
  }
  point.parked = parked.size();
  if (!parked.empty() && parked.begin()->first <= point.sequence) {
    const RecordHeader& first = parked.begin()->second.header;
    point.sequence = parked.begin()->first - 1;
    // What is parked may be all that the lane has read.
    point.complete_ms = point.complete_ms == 0
                            ? first.wall_time_ms - 1
                            : std::min(point.complete_ms, first.wall_time_ms - 1);
  }
  if (!parked.empty()) point.at_tail = false;
  for (const auto& [sequence, write] : parked) {
    if (!absl::StartsWith(write.error, "FOREIGN_CHANGE")) continue;
    point.inconsistent = absl::StrCat("somebody else changed ", write.header.path, ": sequence ",
                                      sequence, " is not written over it");
    break;
  }
  return point;
}

}  // namespace tandem
