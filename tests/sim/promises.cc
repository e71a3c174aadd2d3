#include "tests/sim/promises.h"

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

constexpr size_t kLocal = 0;
constexpr int64_t kStartLimitNs = 3 * kSimSecond;
constexpr int64_t kDrainGraceNs = 2 * kSimSecond;
constexpr int64_t kJournaledLimitNs = 1 * kSimSecond;
// Sixty writes of one path, one after the other, each of some ten calls.
constexpr int64_t kLocalLimitNs = 5 * kSimSecond;

bool IsBad(internal::v1::LaneHealth health) {
  return health == internal::v1::LANE_HEALTH_SLOW || health == internal::v1::LANE_HEALTH_STALLED ||
         health == internal::v1::LANE_HEALTH_DOWN || health == internal::v1::LANE_HEALTH_STARTING;
}

}  // namespace

std::string Promises::Look(const CoreView* view) {
  if (const std::string violation = node_.Violation(); !violation.empty()) return violation;
  const int64_t now_ns = world_.now_ns();
  const int64_t since_ns = node_.core_since_ns();
  const bool journal_calm = faults_.JournalCalmSinceNs() <= since_ns;
  if (view == nullptr) {
    up_since_ns_ = 0;
    if (since_ns != 0 && journal_calm && now_ns - since_ns > kStartLimitNs) {
      return "core does not come up, though nothing is wrong with the journal";
    }
    return "";
  }
  if (up_since_ns_ == 0) up_since_ns_ = now_ns;
  if (const int64_t deadline_ns = node_.drain_deadline_ns();
      deadline_ns != 0 && journal_calm && now_ns > deadline_ns + kDrainGraceNs) {
    return "core does not end, though its time to drain is over";
  }
  return LookAtHealth(*view);
}

std::string Promises::LookAtHealth(const CoreView& view) const {
  const int64_t now_ns = world_.now_ns();
  if (now_ns - up_since_ns_ < 3 * kSimSecond || node_.drain_deadline_ns() != 0) return "";
  for (size_t i = 0; i < view.targets.size(); ++i) {
    const SimNode::LaneSight lane = node_.SeeLane(i);
    if (!lane.there || now_ns - lane.since_ns < 3 * kSimSecond) continue;
    const auto& status = view.targets[i].status;
    const std::string seen = absl::StrCat(view.targets[i].name, ": ", status.ShortDebugString());
    if (lane.frozen) {
      if (IsBad(status.health())) continue;
      return absl::StrCat("its lane is stopped and nobody says so: ", seen);
    }
    // The limits are 0.1 and 1 s; then it is said within 0.2 s.
    if (lane.oldest_ns > 1 * kSimSecond && !IsBad(status.health())) {
      return absl::StrCat("an operation hangs and nobody says so: ", seen);
    }
    if (lane.oldest_ns > 3 * kSimSecond && status.health() != internal::v1::LANE_HEALTH_STALLED &&
        status.health() != internal::v1::LANE_HEALTH_DOWN) {
      return absl::StrCat("an operation hangs and it is not called stalled: ", seen);
    }
  }
  return "";
}

std::string Promises::OnReply(const SimRequest& request, int64_t sent_ns, bool known) const {
  if (!known || request.upload || request.level == Level::kAll) return "";
  const int64_t waited_ns = world_.now_ns() - sent_ns;
  const bool local = request.level == Level::kLocal;
  if (waited_ns <= (local ? kLocalLimitNs : kJournaledLimitNs)) return "";
  if (faults_.CoreCalmSinceNs() > sent_ns) return "";
  if (local && faults_.TargetCalmSinceNs(kLocal) > sent_ns) return "";
  return absl::StrCat("the answer to ", request.ToString(), " took ", waited_ns / kSimMs,
                      " ms, though nothing was wrong with what it needs");
}

}  // namespace tandem
