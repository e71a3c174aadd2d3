#include "daemon/lane/watermark_publisher.h"

#include <utility>

#include "daemon/model/path.h"

namespace tandem {
WatermarkPublisher::WatermarkPublisher(Env& env, const LaneOptions& options,
                                       Checkpointer& checkpointer, TargetKeeper& keeper,
                                       const TargetClaim& claim, Handlers handlers)
    : env_(env),
      options_(options),
      checkpointer_(checkpointer),
      keeper_(keeper),
      claim_(claim),
      handlers_(std::move(handlers)),
      stop_(env.executor) {}

void WatermarkPublisher::Start() { Spawn(env_.executor, Run()); }

void WatermarkPublisher::Stop() {
  stopped_ = true;
  stop_.Notify();
}

Awaitable<void> WatermarkPublisher::Run() {
  while (!stopped_) {
    const std::shared_ptr<Target> target = co_await keeper_.Ready();
    if (target == nullptr) break;
    co_await Refresh(target);
    if (!stopped_) co_await stop_.WaitFor(env_.clock, options_.watermark_interval_ms * kNsPerMs);
  }
  handlers_.on_ended();
}

Awaitable<void> WatermarkPublisher::Refresh(std::shared_ptr<Target> target) {
  // "Complete until now" is true of a moment before what core has said since was heard: this look
  // at the target takes at least one turn of the loop.
  const int64_t now_ms = env_.clock.WallMs();
  const absl::Status found = co_await target->Look();
  if (!found.ok()) {
    if (target == keeper_.current()) keeper_.ReportFailure(found);
    co_return;
  }
  WatermarkPoint point = handlers_.point();
  if (point.at_tail) point.complete_ms = now_ms;
  // Only what is never applied again may be published: a record that is done again puts its own
  // older content there for a moment.
  const uint64_t version = checkpointer_.version();
  if (!stopped_) co_await checkpointer_.WaitSaved();
  if (checkpointer_.saved_version() < version) co_return;
  // Until the lane has read something, the file that is there knows better.
  if (point.complete_ms == 0) point.complete_ms = claim_.found().complete_ms;
  const Sequence sequence = point.sequence;
  const absl::Status written = co_await Write(*target, std::move(point));
  if (written.ok()) checkpointer_.SetPublished(sequence);
  const std::string failure(written.message());
  if (!written.ok() && failure != last_failure_) {
    env_.log.Warning("watermark_not_written", {{"target", options_.target}, {"error", written}});
  }
  last_failure_ = failure;
}

Awaitable<absl::Status> WatermarkPublisher::Write(Target& target, WatermarkPoint point) {
  const LaneState& state = checkpointer_.state();
  Watermark watermark{.writer = options_.writer,
                      .target = options_.target,
                      .target_id = target.id(),
                      .instance = state.instance.ToString(),
                      .epoch = state.epoch,
                      .sequence = point.sequence,
                      .complete_ms = point.complete_ms,
                      .written_ms = env_.clock.WallMs(),
                      .parked = point.parked,
                      .inconsistent = std::move(point.inconsistent)};
  const std::string temp = TempName(state.epoch, 0);
  co_return co_await WriteWatermark(env_, target.own(), target.data_flags(), temp, watermark);
}

}  // namespace tandem
