// Lane, second part: how it and its target are.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/lane/lane_impl.h"
#include "daemon/link/health_severity.h"

namespace tandem {
namespace {

constexpr int64_t kStatusIntervalMs = 200;
constexpr int64_t kProbeAgainMs = 1'000;

using internal::v1::LaneStatus;

}  // namespace

Awaitable<void> Lane::Impl::DrainWatch(int64_t limit_ms) {
  const int64_t deadline_ns = env_.clock.MonotonicNs() + limit_ms * kNsPerMs;
  while (!stopping_ && env_.clock.MonotonicNs() < deadline_ns) {
    if (dispatcher_.has_value() && dispatcher_->idle() && reader_.next() > tail_.durable) break;
    // A detached one is told of nothing to apply.
    if (!dispatcher_.has_value() && missed_.incomplete() && !missed_.rejoin()) break;
    co_await changed_.WaitFor(env_.clock, 20 * kNsPerMs);
  }
  Stop();
  --background_;
  changed_.Notify();
}

Awaitable<void> Lane::Impl::StatusLoop() {
  while (!finished_) {
    reporter_.Status(StatusNow());
    co_await ended_.WaitFor(env_.clock, kStatusIntervalMs * kNsPerMs);
  }
  says_status_ = false;
  changed_.Notify();
}

// A real create, write, sync and delete now and then; more often while the target is not well.
Awaitable<void> Lane::Impl::ProbeLoop() {
  while (!stopping_) {
    const std::shared_ptr<Target> target = co_await keeper_->Ready();
    if (target == nullptr) break;
    const bool well = co_await keeper_->IsWell();
    judge_.Probed(well, keeper_->probe_ms());
    const bool calm = judge_.state() == internal::v1::LANE_HEALTH_HEALTHY;
    const int64_t pause_ms = calm ? options_.health_check_interval_ms
                                  : std::min(kProbeAgainMs, options_.health_check_interval_ms);
    if (!stopping_) co_await ended_.WaitFor(env_.clock, pause_ms * kNsPerMs);
  }
  --background_;
  changed_.Notify();
}

HealthSigns Lane::Impl::SignsNow() {
  HealthSigns signs{.owned = has_lock_};
  if (!has_lock_) {
    signs.reason = "waits for its predecessor to let go of the target";
    if (!tried_lock_) signs.reason = "starting";
    return signs;
  }
  if (keeper_.has_value() && keeper_->down()) {
    signs.open = false;
    signs.ever_open = keeper_->ever_opened() || keeper_->failed_before();
    signs.reason = keeper_->reason();
    // It is opened for writing, and its epoch taken, only when that is saved.
    if (!signs.ever_open && !checkpointer_->problem().ok()) {
      signs.reason =
          absl::StrCat("the lane's state cannot be saved: ", checkpointer_->problem().message());
    }
  } else if (keeper_.has_value() && !keeper_->trouble().empty()) {
    signs.failing = true;
    signs.reason = keeper_->trouble();
  }
  const absl::Status failure =
      dispatcher_.has_value() && failure_.ok() ? dispatcher_->damage() : failure_;
  if (!failure.ok()) {
    signs.failing = true;
    signs.reason = absl::StrCat("the lane cannot go on: ", failure.message());
  }
  signs.oldest_ms = env_.files.oldest_in_flight_ns() / kNsPerMs;
  signs.durable = dispatcher_.has_value() ? tail_.durable : UINT64_MAX;
  if (dispatcher_.has_value()) signs.read = reader_.next() - 1;
  return signs;
}

LaneStatus Lane::Impl::StatusNow() {
  if (judge_.Look(SignsNow(), env_.clock.MonotonicNs() / kNsPerMs)) {
    health_since_ns_ = env_.clock.MonotonicNs();
    env_.log.Log(SeverityOf(judge_.state()), "target_health",
                 {{"target", options_.target},
                  {"health", internal::v1::LaneHealth_Name(judge_.state())},
                  {"reason", judge_.reason()}});
  }
  LaneStatus status;
  status.set_health(judge_.state());
  status.set_reason(judge_.reason());
  const int64_t in_state_ms = (env_.clock.MonotonicNs() - health_since_ns_) / kNsPerMs;
  status.set_since_ms(env_.clock.WallMs() - in_state_ms);
  status.set_applied_writes(counters_.applied_writes);
  status.set_applied_bytes(counters_.applied_bytes);
  status.set_failed_attempts(counters_.failed_attempts);
  status.set_retries(counters_.retries);
  status.set_merged_writes(counters_.merged_writes);
  status.set_apply_seconds_sum(counters_.apply_seconds_sum);
  for (const uint64_t count : counters_.apply_buckets) status.add_apply_buckets(count);
  status.set_in_flight(env_.files.in_flight());
  status.set_oldest_in_flight_us(env_.files.oldest_in_flight_ns() / 1000);
  if (dispatcher_.has_value()) {
    status.set_cursor(reader_.next() - 1);
    status.set_oldest_unapplied_ms(dispatcher_->oldest_unapplied_ms());
    status.set_bytes_behind(dispatcher_->bytes_waiting());
  }
  return status;
}

}  // namespace tandem
