// Decides in which state a target is, from how its operations go. It gets worse at once and better
// slowly, so that it does not flap.
#pragma once

#include <cstdint>
#include <string>

#include "tandem/internal/v1/link.pb.h"

namespace tandem {

struct HealthLimits {
  int64_t slow_ms = 1'000;      // an operation running this long, or a probe that took it: SLOW
  int64_t stall_ms = 30'000;    // an operation still running after this: STALLED
  int64_t min_stay_ms = 5'000;  // a bad state is left this long after it was last seen, no sooner
  uint32_t good_probes = 3;     // and after so many good probes in a row
};

// What a lane sees of its target at one moment.
struct HealthSigns {
  bool owned = true;      // the lane has the target's lock
  bool open = true;       // else `reason` says why not
  bool ever_open = true;  // it was open before, or a try to open it failed
  uint64_t read = 0;      // sequence through which the journal is read
  uint64_t durable = 0;   // and the last one that is there to read
  int64_t oldest_ms = 0;  // age of the operation that has been running longest; 0: none
  bool failing = false;   // the last write failed by the target's fault, or the lane did: `reason`
  std::string reason;
};

// Owner: the lane's thread. Times are monotonic, in milliseconds.
class HealthJudge {
 public:
  using Health = internal::v1::LaneHealth;

  explicit HealthJudge(const HealthLimits& limits) : limits_(limits) {}

  // Looks at the target now. True: the state changed.
  bool Look(const HealthSigns& signs, int64_t now_ms);
  // A probe (create, write, sync, delete of a small file) ended: well, or not.
  void Probed(bool well, int64_t took_ms);

  [[nodiscard]] Health state() const { return state_; }
  // Why it is not HEALTHY; "" if it is.
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  struct Finding {
    Health health;
    std::string reason;
  };
  [[nodiscard]] Finding Find(const HealthSigns& signs) const;

  HealthLimits limits_;
  Health state_ = internal::v1::LANE_HEALTH_STARTING;
  std::string reason_ = "starting";
  int64_t last_bad_ms_ = 0;   // when something as bad as `state_` was last seen
  uint32_t probes_well_ = 0;  // in a row, since then
  int64_t probe_ms_ = 0;      // how long the last probe took
  bool caught_up_ = false;
  uint64_t durable_before_ = UINT64_MAX;  // at the last look
};

}  // namespace tandem
