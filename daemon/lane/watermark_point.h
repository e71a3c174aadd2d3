// How far a lane is, at one moment: what its watermark may say.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "daemon/base/sequence_set.h"
#include "daemon/lane/parked_store.h"

namespace tandem {

struct WatermarkPoint {
  Sequence sequence = 0;     // all up to here is on the target, nothing of it parked
  int64_t complete_ms = 0;   // so is all that was accepted up to this wall time; 0: unknown
  bool at_tail = false;      // and all that there is in the journal
  uint64_t parked = 0;       // writes
  std::string inconsistent;  // see Watermark
};

// What a lane knows of itself.
struct LanePosition {
  Sequence settled = 0;  // all up to here is durable on the target, or parked
  bool at_tail = false;  // that is all there is
  // All that was accepted up to this wall time is durable there, or skipped; 0: unknown. Told from
  // ages: the wall times in records go back when the clock is set back.
  int64_t complete_ms = 0;
};

// What was skipped holds the watermark back like what is parked, and makes it inconsistent: nobody
// can say of how much it is complete until those paths are equal again.
[[nodiscard]] WatermarkPoint WatermarkPointOf(const LanePosition& position,
                                              const std::map<Sequence, ParkedWrite>& parked,
                                              const std::map<Sequence, ParkedWrite>& skipped = {});

// Of a target that was detached and misses paths: they are as they were at `shown`, the last
// watermark before, or newer; nobody can say of how much that is complete.
void MarkIncomplete(Sequence shown, WatermarkPoint* point);

}  // namespace tandem
