#include "daemon/lane/lane.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/journal/reader.h"
#include "daemon/lane/checkpointer.h"
#include "daemon/lane/dispatcher.h"
#include "daemon/lane/health.h"
#include "daemon/lane/lane_files.h"
#include "daemon/lane/lane_state.h"
#include "daemon/lane/parked_store.h"
#include "daemon/lane/path_question.h"
#include "daemon/lane/target_keeper.h"
#include "daemon/lane/watermark_publisher.h"

namespace tandem {
namespace {

constexpr int64_t kStatusIntervalMs = 200;
// A predecessor is usually gone within a moment; one that hangs may hang for hours.
constexpr int kSoonLockTries = 100;
constexpr int64_t kSoonLockPauseNs = 10 * kNsPerMs;
constexpr int64_t kLockPauseNs = 100 * kNsPerMs;
constexpr int64_t kProbeAgainMs = 1'000;

using internal::v1::CoreMessage;
using internal::v1::LaneStatus;

}  // namespace

class Lane::Impl {
 public:
  Impl(Env& env, LaneOptions options, std::unique_ptr<CoreChannel> channel)
      : env_(env),
        options_(std::move(options)),
        channel_(std::move(channel)),
        reporter_(env, *channel_),
        reader_(env, options_.journal_directory),
        files_(env, options_),
        judge_({.slow_ms = options_.slow_limit_ms,
                .stall_ms = options_.stall_limit_ms,
                .min_stay_ms = options_.health_min_stay_ms}),
        changed_(env.executor),
        ended_(env.executor) {}

  Awaitable<absl::Status> Run();

 private:
  Awaitable<absl::Status> Follow();
  Awaitable<absl::Status> Load();
  void OnMessage(CoreMessage message);
  void OnClosed();
  void Stop();
  Awaitable<void> Answer(internal::v1::PathQuery query);
  Awaitable<void> PinTarget();
  [[nodiscard]] WatermarkPoint PointNow() const;
  Awaitable<void> DrainWatch(int64_t limit_ms);
  Awaitable<void> StatusLoop();
  void SendStatus();
  [[nodiscard]] LaneStatus StatusNow();
  Awaitable<void> ProbeLoop();
  [[nodiscard]] HealthSigns SignsNow();

  Env& env_;
  LaneOptions options_;
  std::unique_ptr<CoreChannel> channel_;
  CoreReporter reporter_;
  JournalReader reader_;
  LaneFiles files_;
  LaneCounters counters_;
  std::optional<LaneStateFile> state_file_;
  std::optional<ParkedStore> parked_;
  std::optional<Checkpointer> checkpointer_;
  std::optional<TargetClaim> claim_;
  std::optional<TargetKeeper> keeper_;
  std::optional<WatermarkPublisher> publisher_;
  std::optional<Dispatcher> dispatcher_;
  LaneState loaded_;
  JournalTail tail_;
  // The first that core said. Core had said no more to any predecessor, so none of them has started
  // anything beyond it.
  Sequence first_durable_ = 0;
  Sequence wanted_ = 0;
  int64_t complete_ns_ = 0;  // monotonic: the target has what was accepted before; 0: unknown
  bool has_lock_ = false;
  bool tried_lock_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  bool draining_ = false;
  size_t background_ = 0;  // coroutines besides the dispatcher's
  HealthJudge judge_;
  int64_t health_since_ns_ = 0;  // monotonic
  Event changed_;
  Event ended_;
};

Lane::Lane(Env& env, LaneOptions options, std::unique_ptr<CoreChannel> channel)
    : impl_(std::make_unique<Impl>(env, std::move(options), std::move(channel))) {}
Lane::~Lane() = default;
Awaitable<absl::Status> Lane::Run() { return impl_->Run(); }

Awaitable<absl::Status> Lane::Impl::Run() {
  health_since_ns_ = env_.clock.MonotonicNs();
  channel_->Start({.on_message = [this](CoreMessage message) { OnMessage(std::move(message)); },
                   .on_drained = [this] { reporter_.Flush(); },
                   .on_closed = [this](const absl::Status&) { OnClosed(); }});
  ++background_;
  Spawn(env_.executor, StatusLoop());
  absl::Status status = co_await Follow();
  finished_ = true;
  ended_.Notify();
  Stop();
  if (publisher_.has_value()) publisher_->Stop();
  while (background_ > 0) co_await changed_.Wait();
  if (draining_ && status.ok()) {
    reporter_.Drained();
    reporter_.Flush();
  }
  reporter_.Stop();
  co_return status;
}

Awaitable<absl::Status> Lane::Impl::Follow() {
  // While a predecessor hangs on the target its lock is held, however dead it is.
  while (true) {
    const absl::Status opened = co_await files_.Open();
    if (opened.ok()) break;
    // On the very first start core is still making the journal.
    if (!absl::IsNotFound(opened) || stopping_) co_return opened;
    co_await changed_.WaitFor(env_.clock, 20 * kNsPerMs);
  }
  for (int tries = 1; !stopping_; ++tries) {
    CO_ASSIGN_OR_RETURN(has_lock_, co_await files_.TryLock());
    if (has_lock_) break;
    tried_lock_ = true;
    co_await changed_.WaitFor(env_.clock, tries < kSoonLockTries ? kSoonLockPauseNs : kLockPauseNs);
  }
  if (stopping_) co_return absl::OkStatus();
  CO_RETURN_IF_ERROR(co_await Load());
  keeper_->Start();
  changed_.Notify();
  background_ += 3;
  Spawn(env_.executor, PinTarget());
  Spawn(env_.executor, ProbeLoop());
  publisher_->Start();
  checkpointer_->Start();
  reporter_.Hello(HelloOf(loaded_, *parked_, env_.files.engine()));
  while (tail_.segment == 0 && !stopping_) co_await changed_.Wait();
  absl::Status status;
  if (!stopping_) {
    status = co_await reader_.Seek(checkpointer_->state().settled.prefix() + 1, tail_);
  }
  if (!stopping_ && status.ok()) {
    dispatcher_.emplace(DispatcherParts{env_, options_, reader_, *checkpointer_, *parked_, *keeper_,
                                        reporter_, counters_},
                        loaded_.generation, std::min(loaded_.started_limit, first_durable_));
    // What core said while the reader was being positioned.
    reader_.Advance(tail_);
    dispatcher_->SetWanted(wanted_);
    status = co_await dispatcher_->Run();
  }
  keeper_->Stop();
  const absl::Status saved = co_await checkpointer_->Stop();
  if (!saved.ok()) env_.log.Error("lane_state_not_saved", {{"error", saved}});
  co_return status;
}

Awaitable<absl::Status> Lane::Impl::Load() {
  state_file_.emplace(env_, files_.directory());
  CO_ASSIGN_OR_RETURN(loaded_, co_await state_file_->Load());
  ++loaded_.generation;
  if (loaded_.instance.IsNil()) {
    loaded_.instance = MakeUuidV7(env_.clock.WallMs(), env_.random.Next(), env_.random.Next());
  }
  parked_.emplace(env_, files_.parked_directory(), options_.max_parked_writes,
                  options_.max_parked_bytes);
  CO_RETURN_IF_ERROR(co_await parked_->Load());
  // Parked just before a crash, and not yet in the state.
  for (const auto& [sequence, write] : parked_->writes()) loaded_.settled.Add(sequence);
  for (const auto& [sequence, write] : parked_->skipped()) loaded_.settled.Add(sequence);
  const std::string pinned = loaded_.target_id.empty() ? options_.target_id : loaded_.target_id;
  checkpointer_.emplace(env_, *state_file_, loaded_, options_.checkpoint_interval_ms,
                        [this](Sequence prefix) { reporter_.Checkpoint(prefix); });
  claim_.emplace(env_, options_, *checkpointer_);
  keeper_.emplace(env_, options_, pinned, &*claim_);
  publisher_.emplace(env_, options_, *checkpointer_, *keeper_, *claim_,
                     WatermarkPublisher::Handlers{
                         .point = [this] { return PointNow(); },
                         .on_ended =
                             [this] {
                               --background_;
                               changed_.Notify();
                             },
                     });
  co_return absl::OkStatus();
}

// The first opening decides which target this lane belongs to, for good.
Awaitable<void> Lane::Impl::PinTarget() {
  const std::shared_ptr<Target> target = co_await keeper_->Ready();
  if (target != nullptr) checkpointer_->PinTarget(target->id());
  --background_;
  changed_.Notify();
}

WatermarkPoint Lane::Impl::PointNow() const {
  LanePosition position{.settled = checkpointer_->state().settled.prefix()};
  if (dispatcher_.has_value()) position = dispatcher_->Position(tail_.durable);
  if (complete_ns_ != 0) {
    const int64_t ago_ms = (env_.clock.MonotonicNs() - complete_ns_) / kNsPerMs;
    position.complete_ms = env_.clock.WallMs() - ago_ms - 1;
  }
  return WatermarkPointOf(position, parked_->writes(), parked_->skipped());
}

void Lane::Impl::OnMessage(CoreMessage message) {
  if (message.has_tail() && message.tail().durable() >= tail_.durable) {
    if (tail_.segment == 0) first_durable_ = message.tail().durable();
    tail_ = {.durable = message.tail().durable(),
             .segment = message.tail().segment(),
             .segment_first = message.tail().segment_first()};
    wanted_ = std::max<Sequence>(wanted_, message.wanted());
    complete_ns_ = message.complete_ns();
    if (dispatcher_.has_value()) {
      dispatcher_->SetWanted(wanted_);
      reader_.Advance(tail_);
      dispatcher_->Wake();
    }
    changed_.Notify();
  }
  for (const auto& query : message.queries()) {
    ++background_;
    Spawn(env_.executor, Answer(query));
  }
  for (const auto& command : message.commands()) {
    if (dispatcher_.has_value()) {
      dispatcher_->Resolve(command);
    } else {
      reporter_.Resolved(NotNow(command));
    }
  }
  if (message.save_checkpoint() && checkpointer_.has_value()) checkpointer_->Request();
  if (message.drain() && !draining_) {
    draining_ = true;
    ++background_;
    Spawn(env_.executor, DrainWatch(message.drain_ms()));
  }
}

void Lane::Impl::OnClosed() {
  env_.log.Warning("core_gone", {{"target", options_.target}});
  reporter_.Stop();
  Stop();
}

void Lane::Impl::Stop() {
  stopping_ = true;
  if (dispatcher_.has_value()) dispatcher_->Stop();
  if (keeper_.has_value()) keeper_->Stop();
  changed_.Notify();
}

Awaitable<void> Lane::Impl::Answer(internal::v1::PathQuery query) {
  // A target that is about to open is worth waiting for; core knows how long.
  while (!keeper_.has_value() && !stopping_) co_await changed_.Wait();
  std::shared_ptr<Target> target;
  if (!stopping_) target = co_await keeper_->Ready();
  internal::v1::PathAnswer answer = co_await AnswerPathQuery(env_, target, std::move(query));
  reporter_.Answer(std::move(answer));
  --background_;
  changed_.Notify();
}

Awaitable<void> Lane::Impl::DrainWatch(int64_t limit_ms) {
  const int64_t deadline_ns = env_.clock.MonotonicNs() + limit_ms * kNsPerMs;
  while (!stopping_ && env_.clock.MonotonicNs() < deadline_ns) {
    if (dispatcher_.has_value() && dispatcher_->idle() && reader_.next() > tail_.durable) break;
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
  --background_;
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
  }
  signs.oldest_ms = env_.files.oldest_in_flight_ns() / kNsPerMs;
  signs.at_tail = dispatcher_.has_value() && reader_.next() > tail_.durable;
  return signs;
}

LaneStatus Lane::Impl::StatusNow() {
  if (judge_.Look(SignsNow(), env_.clock.MonotonicNs() / kNsPerMs)) {
    health_since_ns_ = env_.clock.MonotonicNs();
    env_.log.Info("target_health", {{"target", options_.target},
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
