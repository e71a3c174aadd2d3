#include "daemon/lane/target_keeper.h"

#include <algorithm>
#include <utility>

namespace tandem {
TargetKeeper::TargetKeeper(Env& env, const LaneOptions& options, std::string pinned_id,
                           TargetClaim* claim)
    : env_(env),
      options_(options),
      id_(std::move(pinned_id)),
      claim_(claim),
      changed_(env.executor),
      probed_(env.executor) {}

void TargetKeeper::Start() {
  if (opening_ || stopped_) return;
  opening_ = true;
  Spawn(env_.executor, OpenLoop());
}

void TargetKeeper::Stop() {
  stopped_ = true;
  changed_.Notify();
}

Awaitable<std::shared_ptr<Target>> TargetKeeper::Ready() {
  while (target_ == nullptr && !stopped_) co_await changed_.Wait();
  co_return stopped_ ? nullptr : target_;
}

void TargetKeeper::ReportFailure(const absl::Status& failure) {
  if (target_ == nullptr || stopped_) return;
  env_.log.Warning("target_down", {{"target", options_.target}, {"error", failure}});
  reason_ = std::string(failure.message());
  failed_before_ = true;
  target_ = nullptr;
  Start();
}

void TargetKeeper::WriteFailed(const absl::Status& failure) {
  trouble_ = std::string(failure.message());
  ReportFailure(failure);
}

Awaitable<bool> TargetKeeper::IsWell() {
  // Probes use one name, so there is one at a time; one under way began before it was asked for.
  const uint64_t wanted = probes_begun_ + 1;
  while (probes_ended_ < wanted) {
    if (probing_) {
      co_await probed_.Wait();
      continue;
    }
    probing_ = true;
    const uint64_t number = ++probes_begun_;
    well_ = co_await ProbeOnce();
    probes_ended_ = number;
    probing_ = false;
    probed_.Notify();
  }
  co_return well_;
}

Awaitable<bool> TargetKeeper::ProbeOnce() {
  const std::shared_ptr<Target> target = target_;
  if (target == nullptr) co_return false;
  const int64_t started_ns = env_.clock.MonotonicNs();
  const absl::Status probed = co_await target->Probe();
  probe_ms_ = (env_.clock.MonotonicNs() - started_ns) / kNsPerMs;
  if (probed.ok()) co_return true;
  if (target == target_) ReportFailure(probed);
  co_return false;
}

Awaitable<void> TargetKeeper::OpenLoop() {
  int64_t delay_ms = options_.retry_initial_ms;
  while (!stopped_) {
    auto opened = co_await Target::Open(env_, options_, id_, failed_before_, claim_, temps_);
    if (opened.ok()) {
      target_ = *std::move(opened);
      id_ = target_->id();
      ever_opened_ = true;
      reason_.clear();
      env_.log.Info("target_open", {{"target", options_.target}, {"target_id", id_}});
      break;
    }
    std::string reason(opened.status().message());
    if (reason != reason_) {
      env_.log.Warning("target_not_open",
                       {{"target", options_.target}, {"error", opened.status()}});
    }
    reason_ = std::move(reason);
    failed_before_ = true;
    co_await Sleep(env_.clock, delay_ms * kNsPerMs);
    // A target that is back is noticed within a second or so.
    delay_ms = std::min<int64_t>({delay_ms * 2, options_.retry_max_ms, 1'000});
  }
  opening_ = false;
  changed_.Notify();
}

}  // namespace tandem
