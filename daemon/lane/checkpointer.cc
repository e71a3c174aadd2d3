#include "daemon/lane/checkpointer.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"

namespace tandem {
namespace {

constexpr int64_t kRetryMs = 250;
// How far beyond the prefix writes may be started before the next save.
constexpr Sequence kStartAhead = 1u << 17;

}  // namespace

Checkpointer::Checkpointer(Env& env, LaneStateFile& file, LaneState state, int64_t interval_ms,
                           std::function<void(Sequence)> on_saved)
    : env_(env),
      file_(file),
      state_(std::move(state)),
      interval_ns_(interval_ms * kNsPerMs),
      on_saved_(std::move(on_saved)),
      wake_(env.executor),
      saved_(env.executor) {}

void Checkpointer::Settle(Sequence sequence) {
  TANDEM_CHECK(sequence <= saved_started_limit_);
  state_.settled.Add(sequence);
  Changed();
}

void Checkpointer::PassOver(Sequence through) {
  if (through == 0 || through <= state_.settled.prefix()) return;
  state_.settled.Add(1, through);
  Changed();
}

void Checkpointer::PinTarget(const std::string& target_id) {
  if (state_.target_id == target_id) return;
  state_.target_id = target_id;
  Changed();
  Request();
}

void Checkpointer::SetPublished(Sequence sequence) {
  if (sequence <= state_.published) return;
  state_.published = sequence;
  Changed();
}

void Checkpointer::TakeEpoch(uint64_t epoch, bool as_it_is) {
  TANDEM_CHECK(epoch > state_.epoch);
  state_.epoch = epoch;
  if (as_it_is) state_.published = 0;
  Changed();
}

void Checkpointer::Changed() {
  const bool clean = version_ == saved_version_;
  ++version_;
  if (clean) wake_.Notify();
}

void Checkpointer::Request() {
  requested_ = true;
  wake_.Notify();
}

Awaitable<void> Checkpointer::WaitSaved() { return WaitSavedUnless(stopped_); }

Awaitable<void> Checkpointer::WaitSavedOrEnd() { return WaitSavedUnless(waits_ended_); }

Awaitable<void> Checkpointer::WaitSavedUnless(const bool& ended) {
  const uint64_t wanted = version_;
  while (saved_version_ < wanted && !ended) {
    Request();
    co_await saved_.Wait();
  }
}

void Checkpointer::EndWaits() {
  waits_ended_ = true;
  saved_.Notify();
}

Awaitable<void> Checkpointer::WaitStartable(Sequence sequence) {
  while (sequence > saved_started_limit_ && !waits_ended_) {
    // Else a save would not help: a write far behind has to settle first.
    if (sequence <= state_.settled.prefix() + kStartAhead) Request();
    co_await saved_.Wait();
  }
}

void Checkpointer::Start() {
  running_ = true;
  requested_ = true;
  Spawn(env_.executor, Loop());
}

Awaitable<void> Checkpointer::Loop() {
  while (!stopped_) {
    if (!requested_ && saved_version_ == version_) {
      co_await wake_.Wait();
      continue;
    }
    if (!requested_) co_await wake_.WaitFor(env_.clock, interval_ns_);
    if (stopped_) break;
    requested_ = false;
    const absl::Status saved = co_await SaveOnce();
    const bool news = saved != problem_;
    problem_ = saved;
    if (saved.ok()) continue;
    if (news) env_.log.Error("lane_state_not_saved", {{"error", saved}});
    requested_ = true;
    co_await Sleep(env_.clock, kRetryMs * kNsPerMs);
  }
  running_ = false;
  saved_.Notify();
}

Awaitable<absl::Status> Checkpointer::SaveOnce() {
  LaneState snapshot = state_;
  const uint64_t version = version_;
  snapshot.started_limit = std::max(state_.started_limit, snapshot.settled.prefix() + kStartAhead);
  absl::Status status = co_await file_.Save(snapshot);
  if (!status.ok()) co_return status;
  TANDEM_CHECK(version >= saved_version_);
  saved_version_ = version;
  state_.started_limit = snapshot.started_limit;
  saved_started_limit_ = snapshot.started_limit;
  on_saved_(snapshot.settled.prefix());
  saved_.Notify();
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Checkpointer::Stop() {
  stopped_ = true;
  EndWaits();
  wake_.Notify();
  while (running_) co_await saved_.Wait();
  saved_.Notify();
  if (saved_version_ == version_) co_return absl::OkStatus();
  co_return co_await SaveOnce();
}

}  // namespace tandem
