#include "daemon/lane/watermark_point.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tandem {

WatermarkPoint WatermarkPointOf(const LanePosition& position,
                                const std::map<Sequence, ParkedWrite>& parked,
                                const std::map<Sequence, ParkedWrite>& skipped) {
  WatermarkPoint point{.sequence = position.settled,
                       .complete_ms = position.complete_ms,
                       .at_tail = position.at_tail};
  point.parked = parked.size();
  for (const auto* writes : {&parked, &skipped}) {
    if (writes->empty()) continue;
    point.at_tail = false;
    if (writes->begin()->first > point.sequence) continue;
    const RecordHeader& first = writes->begin()->second.header;
    point.sequence = first.sequence - 1;
    // Core may not have heard of it, and counts nothing that is skipped.
    point.complete_ms = point.complete_ms == 0
                            ? first.wall_time_ms - 1
                            : std::min(point.complete_ms, first.wall_time_ms - 1);
  }
  for (const auto& [sequence, write] : parked) {
    if (!absl::StartsWith(write.error, "FOREIGN_CHANGE")) continue;
    point.inconsistent = absl::StrCat("somebody else changed ", write.header.path, ": sequence ",
                                      sequence, " is not written over it");
    break;
  }
  if (!skipped.empty()) {
    const auto& [sequence, write] = *skipped.begin();
    point.inconsistent = absl::StrCat("DIVERGED: sequence ", sequence, " of ", write.header.path,
                                      " was skipped: ", write.skip->reason);
  }
  return point;
}

void MarkIncomplete(Sequence shown, WatermarkPoint* point) {
  point->sequence = std::min(point->sequence, shown);
  point->complete_ms = 0;
  point->at_tail = false;
  point->inconsistent =
      "it was detached because the journal was at its cap, and misses writes since";
}

}  // namespace tandem
