#include "daemon/lane/health.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

using Health = internal::v1::LaneHealth;

// Bad states, the worse the higher; 0: not a bad one.
int Badness(Health health) {
  switch (health) {
    case internal::v1::LANE_HEALTH_SLOW:
      return 1;
    case internal::v1::LANE_HEALTH_STALLED:
      return 2;
    case internal::v1::LANE_HEALTH_DOWN:
      return 3;
    default:
      return 0;
  }
}

}  // namespace

HealthJudge::Finding HealthJudge::Find(const HealthSigns& signs) const {
  std::string running;
  if (signs.oldest_ms >= limits_.stall_ms) {
    running = absl::StrCat("an operation has been running for ", signs.oldest_ms / 1'000, " s");
  }
  if (!signs.owned) return {internal::v1::LANE_HEALTH_STARTING, signs.reason};
  if (!signs.open && signs.ever_open) return {internal::v1::LANE_HEALTH_DOWN, signs.reason};
  if (signs.failing) {
    absl::string_view and_then = running.empty() ? "" : "; ";
    return {internal::v1::LANE_HEALTH_DOWN, absl::StrCat(signs.reason, and_then, running)};
  }
  // Also while it is opened for the first time: a mount may hang from the very beginning.
  if (!running.empty()) return {internal::v1::LANE_HEALTH_STALLED, running};
  if (signs.oldest_ms >= limits_.slow_ms) {
    return {internal::v1::LANE_HEALTH_SLOW,
            absl::StrCat("an operation has been running for over ", limits_.slow_ms, " ms")};
  }
  if (!signs.open) return {internal::v1::LANE_HEALTH_STARTING, signs.reason};
  if (probe_ms_ >= limits_.slow_ms) {
    return {internal::v1::LANE_HEALTH_SLOW, absl::StrCat("a probe took ", probe_ms_, " ms")};
  }
  // Where many write, something is always left to read.
  const bool at_tail = signs.read >= std::min(signs.durable, durable_before_);
  if (!caught_up_ && !at_tail) {
    return {internal::v1::LANE_HEALTH_CATCHING_UP, "follows the journal's backlog"};
  }
  return {internal::v1::LANE_HEALTH_HEALTHY, ""};
}

bool HealthJudge::Look(const HealthSigns& signs, int64_t now_ms) {
  Finding found = Find(signs);
  durable_before_ = signs.durable;
  if (found.health == internal::v1::LANE_HEALTH_HEALTHY) caught_up_ = true;
  const int before = Badness(state_);
  const int now = Badness(found.health);
  if (now >= 2) caught_up_ = false;
  if (now > 0 && now >= before) {
    last_bad_ms_ = now_ms;
    probes_well_ = 0;
  } else if (before > 0) {
    // Better than the state says, but for how long?
    const bool stayed = now_ms - last_bad_ms_ >= limits_.min_stay_ms;
    if (!stayed || probes_well_ < limits_.good_probes) {
      reason_ = "well again, and watched for a while before that counts";
      return false;
    }
    // What is still not good begins a stay of its own.
    last_bad_ms_ = now_ms;
    if (now > 0) probes_well_ = 0;
  }
  const bool changed = found.health != state_;
  state_ = found.health;
  reason_ = std::move(found.reason);
  return changed;
}

void HealthJudge::Probed(bool well, int64_t took_ms) {
  probe_ms_ = took_ms;
  if (well && took_ms < limits_.slow_ms) {
    ++probes_well_;
  } else {
    probes_well_ = 0;
  }
}

}  // namespace tandem
