#include "daemon/lane/lane.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/base/status.h"
#include "daemon/lane/lane_impl.h"
#include "daemon/lane/path_question.h"

namespace tandem {
namespace {

// A predecessor is usually gone within a moment; one that hangs may hang for hours.
constexpr int kSoonLockTries = 10;
constexpr int64_t kSoonLockPauseNs = 10 * kNsPerMs;
constexpr int64_t kLockPauseNs = 100 * kNsPerMs;

// Each holds descriptors of its own where directories are not remembered.
constexpr int kMostAnswersAtOnce = 32;

using internal::v1::CoreMessage;

}  // namespace

Lane::Lane(Env& env, LaneOptions options, std::unique_ptr<CoreChannel> channel)
    : impl_(std::make_unique<Impl>(env, std::move(options), std::move(channel))) {}
Lane::~Lane() = default;
Awaitable<absl::Status> Lane::Run() { return impl_->Run(); }

Awaitable<absl::Status> Lane::Impl::Run() {
  health_since_ns_ = env_.clock.MonotonicNs();
  channel_->Start({.on_message = [this](CoreMessage message) { OnMessage(std::move(message)); },
                   .on_drained = [this] { reporter_.Flush(); },
                   .on_closed = [this](const absl::Status&) { OnClosed(); }});
  says_status_ = true;
  Spawn(env_.executor, StatusLoop());
  absl::Status status = co_await Follow();
  failure_ = status;
  Stop();
  ended_.Notify();
  if (publisher_.has_value()) publisher_->Stop();
  // As long as the target hangs.
  while (background_ > 0) co_await changed_.Wait();
  finished_ = true;
  ended_.Notify();
  while (says_status_) co_await changed_.Wait();
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
  background_ += 2;
  Spawn(env_.executor, PinTarget());
  Spawn(env_.executor, ProbeLoop());
  checkpointer_->Start();
  reporter_.Hello(HelloOf(loaded_, *parked_, env_.files.engine()));
  // A target that was detached looks complete until core has said what it is.
  while (!heard_core_ && !stopping_) co_await changed_.Wait();
  if (!stopping_) {
    ++background_;
    publisher_->Start();
  }
  while (tail_.segment == 0 && !stopping_) co_await changed_.Wait();
  absl::Status status;
  // What it lacks of the records up to there is copied from another target.
  if (!stopping_ && missed_.rejoin()) checkpointer_->PassOver(missed_.through());
  if (!stopping_) {
    status = co_await reader_.Seek(checkpointer_->state().settled.prefix() + 1, tail_);
  }
  if (!stopping_ && status.ok()) {
    dispatcher_.emplace(DispatcherParts{env_, options_, reader_, *checkpointer_, *parked_, *keeper_,
                                        reporter_, counters_},
                        link_, loaded_.generation, std::min(loaded_.started_limit, first_durable_));
    if (missed_.incomplete()) status = co_await LoadMissed();
  }
  if (!stopping_ && status.ok()) {
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

Awaitable<absl::Status> Lane::Impl::LoadMissed() {
  std::optional<std::string> after;
  while (!stopping_) {
    const auto page = co_await link_.Page(after);
    if (!page.ok()) break;  // only: stopped
    for (const auto& path : page->paths()) {
      dispatcher_->resync().Load(path.path(), path.first(), path.copied_at());
      after = path.path();
    }
    if (page->last()) break;
  }
  co_return absl::OkStatus();
}

void Lane::Impl::OnMissedState(const internal::v1::MissedState& state) {
  if (!state.incomplete() && missed_.incomplete()) {
    env_.log.Info("target_complete", {{"target", options_.target}});
  }
  missed_ = state;
}

bool Lane::Impl::IsIncomplete() const {
  return missed_.incomplete() || (dispatcher_.has_value() && dispatcher_->resync().active());
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
  WatermarkPoint point = WatermarkPointOf(position, parked_->writes(), parked_->skipped());
  if (IsIncomplete()) {
    MarkIncomplete(std::max(checkpointer_->state().published, claim_->found().sequence), &point);
  }
  return point;
}

void Lane::Impl::OnMessage(CoreMessage message) {
  if (message.has_missed()) OnMissedState(message.missed());
  if (!heard_core_ && (message.has_missed() || message.has_tail())) {
    heard_core_ = true;
    changed_.Notify();
  }
  link_.OnMessage(message);
  for (auto& query : *message.mutable_source_queries()) {
    if (dispatcher_.has_value()) {
      dispatcher_->AskSource(std::move(query));
    } else if (!query.close()) {
      reporter_.SourceAnswered(NotYet(query));
    }
  }
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
  for (auto& query : *message.mutable_queries()) {
    questions_.push_back(std::move(query));
    if (answering_ == kMostAnswersAtOnce) continue;
    ++answering_;
    ++background_;
    Spawn(env_.executor, AnswerQuestions());
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
  link_.Stop();
  if (dispatcher_.has_value()) dispatcher_->Stop();
  if (keeper_.has_value()) keeper_->Stop();
  changed_.Notify();
}

Awaitable<void> Lane::Impl::AnswerQuestions() {
  while (!questions_.empty()) {
    internal::v1::PathQuery query = std::move(questions_.front());
    questions_.pop_front();
    // A target that is about to open is worth waiting for; core knows how long.
    while (!keeper_.has_value() && !stopping_) co_await changed_.Wait();
    std::shared_ptr<Target> target;
    if (!stopping_) target = co_await keeper_->Ready();
    internal::v1::PathAnswer answer = co_await AnswerPathQuery(env_, target, std::move(query));
    reporter_.Answer(std::move(answer));
  }
  --answering_;
  --background_;
  changed_.Notify();
}

}  // namespace tandem
