// What core does with what its lanes say, and what it shows of them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/core/core_impl.h"
#include "daemon/link/health_severity.h"

namespace tandem {
namespace {

constexpr int64_t kLagLookNs = 100 * kNsPerMs;

}  // namespace

void CoreImpl::AttachLane(const std::string& target, std::unique_ptr<LaneChannel> channel) {
  const std::optional<size_t> lane = progress_.IndexOf(target);
  if (!lane.has_value()) {
    env_.log.Error("lane_unknown", {{"target", target}});
    channel->Close();
    return;
  }
  commands_.OnLaneLost(*lane);  // its predecessor's
  detachment_.OnLost(*lane);
  lanes_[*lane]->Attach(std::move(channel));
  detachment_.OnAttached(*lane);
  SendTail(*lane);
  intake_.OnLaneAttached(*lane);
  NotifyHealth();
}

// The lag is not looked at for every group: what it said stays true.
void CoreImpl::SendTail(size_t lane) {
  if (!detachment_.MayFollow(lane)) return;
  Completeness& known = completeness_[lane];
  const int64_t now_ns = env_.clock.MonotonicNs();
  if (known.looked_ns == 0 || now_ns - known.looked_ns >= kLagLookNs) {
    const int64_t lag_ms = intake_.LagMs(progress_.target(lane).Lag(intake_.lag()));
    known = {now_ns, now_ns - (lag_ms + 1) * kNsPerMs};
  }
  lanes_[lane]->SendTail(journal_->tail(), journal_->appended(), intake_.wanted(lane),
                         known.complete_ns);
}

bool CoreImpl::Ask(size_t lane, uint64_t question, const std::string& path) {
  // What a target that misses paths has there counts for nothing.
  if (!detachment_.IsComplete(lane)) return false;
  return lanes_[lane]->Ask(question, path);
}

void CoreImpl::OnLaneMessage(size_t lane, internal::v1::LaneMessage message) {
  const absl::Status status = TakeLaneMessage(lane, message);
  if (!status.ok()) {
    env_.log.Error("lane_claim_impossible", {{"target", progress_.name(lane)}, {"error", status}});
    lanes_[lane]->Disconnect(absl::StrCat("disconnected: ", status.message()));
  }
  moved_.Notify();
}

void CoreImpl::OnMissedChanged(size_t lane) {
  intake_.OnTargetChanged(lane);
  intake_.OnUnparked(lane);
  if (detachment_.IsComplete(lane)) intake_.OnLaneAttached(lane);
  OnCheckpoint(lane);
  NotifyHealth();
}

absl::Status CoreImpl::TakeLaneMessage(size_t lane, internal::v1::LaneMessage& message) {
  LaneEndpoint& endpoint = *lanes_[lane];
  if (message.has_hello()) {
    const auto hello = endpoint.TakeHello(std::move(*message.mutable_hello()));
    if (!hello.has_value()) return absl::OkStatus();
    RETURN_IF_ERROR(OnHello(lane, *hello));
  }
  if (endpoint.greeted()) {
    RETURN_IF_ERROR(OnProgress(lane, message));
    for (const auto& answer : message.answers()) {
      endpoint.OnAnswer(answer.id());
      intake_.OnAnswer(lane, answer);
    }
    for (const auto& result : message.results()) commands_.OnResult(lane, result);
    detachment_.OnMessage(lane, message);
  } else if (message.durable_size() > 0 || message.checkpoint() > 0) {
    // While it waits for its predecessor's lock, a lane can say how it is, and nothing more.
    return absl::FailedPreconditionError("the lane claims progress before its hello");
  }
  if (message.drained()) endpoint.OnDrained();
  if (message.has_status()) {
    endpoint.OnStatus(message.status());
    rates_[lane].Note(message.status().applied_writes(),
                      progress_.target(lane).Lag(intake_.lag()).writes, env_.clock.MonotonicNs());
    LookAtHealth();
  }
  detachment_.OnProgress(lane);
  return absl::OkStatus();
}

// Whenever any lane says how it is: a lane that says nothing is noticed by the others' messages.
void CoreImpl::LookAtHealth() {
  bool changed = false;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (!lanes_[i]->Changed()) continue;
    changed = true;
    const internal::v1::LaneStatus status = lanes_[i]->Status();
    env_.log.Log(SeverityOf(status.health()), "target_health",
                 {{"target", progress_.name(i)},
                  {"health", internal::v1::LaneHealth_Name(status.health())},
                  {"reason", status.reason()}});
  }
  if (changed) NotifyHealth();
}

absl::Status CoreImpl::OnHello(size_t lane, const internal::v1::LaneHello& hello) {
  TargetProgress& target = progress_.target(lane);
  const Sequence before = target.checkpoint();
  RETURN_IF_ERROR(target.Hello(hello, progress_.durable()));
  lanes_[lane]->OnHello(hello);
  if (hello.checkpoint() < before) {
    env_.log.Error(
        "lane_checkpoint_went_back",
        {{"target", progress_.name(lane)}, {"before", before}, {"now", hello.checkpoint()}});
  }
  env_.log.Info("lane_connected", {{"target", progress_.name(lane)},
                                   {"checkpoint", hello.checkpoint()},
                                   {"parked", hello.parked_size()},
                                   {"io_engine", hello.io_engine()}});
  OnCheckpoint(lane);
  if (hello.checkpoint() < before) intake_.OnUnparked(lane);
  intake_.OnTargetChanged(lane);
  return absl::OkStatus();
}

absl::Status CoreImpl::OnProgress(size_t lane, const internal::v1::LaneMessage& message) {
  TargetProgress& target = progress_.target(lane);
  const Sequence durable = progress_.durable();
  for (const auto& parked : message.parked()) {
    const bool known = target.IsParked(parked.sequence());
    RETURN_IF_ERROR(target.Park(parked, durable));
    if (known && !parked.has_skip()) continue;  // it was tried again
    env_.log.Warning(known ? "write_skipped" : "write_parked", {{"target", progress_.name(lane)},
                                                                {"sequence", parked.sequence()},
                                                                {"error", ErrorOf(parked)}});
  }
  for (const auto& span : message.unparked()) target.Unpark(span);
  for (const auto& span : message.durable()) RETURN_IF_ERROR(target.Settle(span, durable));
  if (message.checkpoint() > target.checkpoint()) {
    RETURN_IF_ERROR(target.Checkpoint(message.checkpoint(), durable));
    OnCheckpoint(lane);
  }
  if (message.unparked_size() > 0) intake_.OnUnparked(lane);
  for (const auto& parked : message.parked()) intake_.OnParked(lane, parked.sequence());
  for (const auto& span : message.durable()) intake_.OnSettled(lane, span.first(), span.last());
  if (message.checkpoint() > 0) intake_.OnSettled(lane, 1, message.checkpoint());
  return absl::OkStatus();
}

void CoreImpl::OnCheckpoint(size_t lane) {
  const Sequence checkpoint = progress_.target(lane).checkpoint();
  if (checkpoint > 0) journal_->SetCheckpoint(progress_.name(lane), checkpoint);
  intake_.OnCheckpoint();
  uploads_.OnCheckpoint();
}

// A record that no client sent, when none did for a while: each target has to come as far as that,
// so its lag in seconds stays true. A target that lacks something already needs no other.
void CoreImpl::Beat() {
  const bool idle = journal_->appended() == seen_by_heartbeat_;
  seen_by_heartbeat_ = journal_->appended();
  if (!idle) return;
  bool useful = false;
  for (size_t i = 0; i < progress_.size(); ++i) {
    useful = useful || progress_.target(i).applied() >= journal_->appended();
  }
  if (!useful) return;
  // A journal that takes nothing now is no failure of the heartbeat's: the next one may do.
  Record record;
  record.type = RecordType::kHeartbeat;
  if (intake_.AppendOwn(std::move(record), /*internal=*/false).ok()) {
    seen_by_heartbeat_ = journal_->appended();
  }
}

CoreView CoreImpl::View() {
  CoreView view;
  view.journal_state = state_;
  view.journal_reason = state_reason_;
  view.appended = journal_->appended();
  view.durable = progress_.durable();
  view.retired = journal_->retired();
  view.journal_bytes = journal_->bytes_used();
  view.epoch = journal_->recovery().epoch;
  view.rpo_at_risk = intake_.RpoAtRisk();
  view.rpo_refuse = options_.rpo_refuse;
  view.rpo_limit_ms = options_.rpo_limit_ms;
  for (size_t i = 0; i < lanes_.size(); ++i) view.targets.push_back(ViewTarget(i));
  return view;
}

TargetView CoreImpl::ViewTarget(size_t lane) {
  const TargetProgress& target = progress_.target(lane);
  TargetView view;
  view.name = progress_.name(lane);
  view.path = options_.targets[lane].path;
  view.status = lanes_[lane]->Status();
  view.target_id = lanes_[lane]->target_id();
  view.io_engine = lanes_[lane]->io_engine();
  view.missed = detachment_.View(lane);
  if (view.missed.incomplete) {
    view.status.set_reason(view.status.reason().empty()
                               ? view.missed.reason
                               : absl::StrCat(view.missed.reason, "; ", view.status.reason()));
  }
  view.applied = target.complete();
  view.checkpoint = std::min(target.checkpoint(), view.applied);
  const TargetLag lag = target.Lag(intake_.lag());
  view.lag_writes = lag.writes;
  view.lag_bytes = lag.bytes;
  view.lag_ms = intake_.LagMs(lag);
  const CatchUpRate& rate = rates_[lane];
  const int64_t now_ns = env_.clock.MonotonicNs();
  view.applied_per_s = rate.AppliedPerS(now_ns);
  view.catch_up_left_ms = rate.LeftMs(lag.writes, target.parked().size(), now_ns);
  view.parked_count = target.parked().size();
  for (const auto& [sequence, parked] : target.parked()) {
    if (view.parked.size() == kMaxParkedShown) break;
    view.parked.push_back(parked);
  }
  view.skipped_count = target.skipped().size();
  view.diverged_paths = target.diverged_paths();
  for (const auto& [sequence, skipped] : target.skipped()) {
    if (view.skipped.size() == kMaxParkedShown) break;
    view.skipped.push_back(skipped);
  }
  return view;
}

}  // namespace tandem
