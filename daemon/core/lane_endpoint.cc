#include "daemon/core/lane_endpoint.h"

#include <algorithm>
#include <utility>

namespace tandem {
namespace {

using internal::v1::LaneHello;
using internal::v1::LaneStatus;

// A lane says how it is five times a second.
constexpr int64_t kSilentSlowMs = 2'000;
constexpr int64_t kSilentStalledMs = 10'000;

// Adds the counters of `from`, which are since its lane's start, to `to`.
void AddCounters(const LaneStatus& from, LaneStatus& to) {
  to.set_applied_writes(to.applied_writes() + from.applied_writes());
  to.set_applied_bytes(to.applied_bytes() + from.applied_bytes());
  to.set_failed_attempts(to.failed_attempts() + from.failed_attempts());
  to.set_retries(to.retries() + from.retries());
  to.set_merged_writes(to.merged_writes() + from.merged_writes());
  to.set_apply_seconds_sum(to.apply_seconds_sum() + from.apply_seconds_sum());
  for (int i = 0; i < from.apply_buckets_size(); ++i) {
    if (i < to.apply_buckets_size()) {
      to.set_apply_buckets(i, to.apply_buckets(i) + from.apply_buckets(i));
    } else {
      to.add_apply_buckets(from.apply_buckets(i));
    }
  }
}

}  // namespace

LaneEndpoint::LaneEndpoint(Env& env, Handlers handlers)
    : env_(env), handlers_(std::move(handlers)) {
  SetDown("lane is not connected");
}

LaneEndpoint::~LaneEndpoint() {
  if (channel_ != nullptr) channel_->Close();
}

void LaneEndpoint::Attach(std::unique_ptr<LaneChannel> channel) {
  DropChannel();
  channel_ = std::move(channel);
  status_.set_health(internal::v1::LANE_HEALTH_STARTING);
  status_.set_reason("");
  since_ns_ = heard_ns_ = env_.clock.MonotonicNs();
  channel_->Start({
      .on_message =
          [this](internal::v1::LaneMessage message) {
            heard_ns_ = env_.clock.MonotonicNs();
            handlers_.on_message(std::move(message));
          },
      .on_drained = [this] { FlushIfPossible(); },
      .on_closed =
          [this](const absl::Status&) {
            DropChannel();
            SetDown("lane is not connected");
            handlers_.on_lost();
          },
  });
}

void LaneEndpoint::Disconnect(absl::string_view why) {
  if (channel_ == nullptr) return;
  DropChannel();
  SetDown(why);
  handlers_.on_lost();
}

void LaneEndpoint::DropChannel() {
  AddCounters(status_, before_);
  status_.Clear();
  next_.Clear();
  pending_ = false;
  greeted_ = false;
  hello_.reset();
  drained_ = false;
  outstanding_.clear();
  if (channel_ == nullptr) return;
  channel_->Close();
  // It may be one of the channel's callbacks that we are in.
  boost::asio::post(env_.executor, [channel = std::move(channel_)] {});
}

void LaneEndpoint::SetDown(absl::string_view reason) {
  status_.set_health(internal::v1::LANE_HEALTH_DOWN);
  status_.set_reason(std::string(reason));
  since_ns_ = env_.clock.MonotonicNs();
}

// The lane's wall clock is ours. What passed since then is kept, not the time on that clock: it may
// be set.
void LaneEndpoint::OnStatus(const LaneStatus& status) {
  status_ = status;
  since_ns_ = env_.clock.MonotonicNs() - (env_.clock.WallMs() - status.since_ms()) * kNsPerMs;
}

void LaneEndpoint::SendTail(const JournalTail& tail, Sequence appended, Sequence wanted,
                            int64_t complete_ns) {
  if (channel_ == nullptr) return;
  internal::v1::Tail& message = *next_.mutable_tail();
  message.set_durable(tail.durable);
  message.set_segment(tail.segment);
  message.set_segment_first(tail.segment_first);
  next_.set_appended(appended);
  next_.set_wanted(wanted);
  next_.set_complete_ns(complete_ns);
  Flush();
}

bool LaneEndpoint::Ask(uint64_t question, const std::string& path) {
  if (channel_ == nullptr || outstanding_.size() >= kMaxQuestions) return false;
  if (!outstanding_.insert(question).second) return true;
  internal::v1::PathQuery& query = *next_.add_queries();
  query.set_id(question);
  query.set_path(path);
  FlushSoon();
  return true;
}

bool LaneEndpoint::SendCommand(internal::v1::PendingCommand command) {
  if (channel_ == nullptr || next_.commands_size() >= kMaxCommands) return false;
  *next_.add_commands() = std::move(command);
  Flush();
  return true;
}

bool LaneEndpoint::SendSourceQuery(internal::v1::SourceQuery query) {
  if (channel_ == nullptr) return false;
  *next_.add_source_queries() = std::move(query);
  FlushSoon();
  return true;
}

void LaneEndpoint::SendSourceAnswer(internal::v1::SourceAnswer answer) {
  if (channel_ == nullptr) return;
  *next_.add_source_answers() = std::move(answer);
  FlushSoon();
}

void LaneEndpoint::SendMissedState(internal::v1::MissedState state) {
  if (channel_ == nullptr) return;
  *next_.mutable_missed() = std::move(state);
  Flush();
}

void LaneEndpoint::SendMissedPage(internal::v1::MissedPage page) {
  if (channel_ == nullptr) return;
  *next_.mutable_missed_page() = std::move(page);
  Flush();
}

void LaneEndpoint::SendMissedNoted(uint64_t id) {
  if (channel_ == nullptr) return;
  next_.add_missed_noted(id);
  FlushSoon();
}

void LaneEndpoint::SendDrain(int64_t within_ms) {
  if (channel_ == nullptr) return;
  next_.set_drain(true);
  next_.set_drain_ms(static_cast<uint32_t>(std::clamp<int64_t>(within_ms, 0, 3'600'000)));
  Flush();
}

void LaneEndpoint::SendSaveCheckpoint() {
  if (channel_ == nullptr) return;
  next_.set_save_checkpoint(true);
  Flush();
}

void LaneEndpoint::Flush() {
  pending_ = true;
  FlushIfPossible();
}

// Questions of one turn go together.
void LaneEndpoint::FlushSoon() {
  pending_ = true;
  if (posted_) return;
  posted_ = true;
  boost::asio::post(env_.executor, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    posted_ = false;
    FlushIfPossible();
  });
}

void LaneEndpoint::FlushIfPossible() {
  if (!pending_ || channel_ == nullptr || channel_->backlogged()) return;
  pending_ = false;
  channel_->Send(std::exchange(next_, {}));
}

LaneStatus LaneEndpoint::Status() const {
  LaneStatus status = status_;
  const int64_t since_ms = (env_.clock.MonotonicNs() - since_ns_) / kNsPerMs;
  status.set_since_ms(env_.clock.WallMs() - since_ms);
  AddCounters(before_, status);
  Doubt(status);
  return status;
}

void LaneEndpoint::Doubt(LaneStatus& status) const {
  if (channel_ == nullptr) return;
  const int64_t silent_ms = (env_.clock.MonotonicNs() - heard_ns_) / 1'000'000;
  if (silent_ms < kSilentSlowMs) return;
  const auto health = silent_ms < kSilentStalledMs ? internal::v1::LANE_HEALTH_SLOW
                                                   : internal::v1::LANE_HEALTH_STALLED;
  if (status.health() == internal::v1::LANE_HEALTH_DOWN ||
      (status.health() == internal::v1::LANE_HEALTH_STALLED &&
       health == internal::v1::LANE_HEALTH_SLOW)) {
    return;
  }
  if (status.health() != health) status.set_since_ms(env_.clock.WallMs() - silent_ms);
  status.set_health(health);
  status.set_reason("its lane says nothing: stopped, or stuck");
}

bool LaneEndpoint::Changed() {
  LaneStatus now;
  now.set_health(status_.health());
  now.set_reason(status_.reason());
  Doubt(now);
  if (now.health() == shown_health_ && now.reason() == shown_reason_) return false;
  shown_health_ = now.health();
  shown_reason_ = now.reason();
  return true;
}

std::optional<LaneHello> LaneEndpoint::TakeHello(LaneHello part) {
  const bool more = part.more();
  if (!hello_.has_value()) {
    hello_ = std::move(part);
  } else {
    for (auto& parked : *part.mutable_parked()) *hello_->add_parked() = std::move(parked);
  }
  if (more) return std::nullopt;
  return std::exchange(hello_, std::nullopt);
}

void LaneEndpoint::OnHello(const internal::v1::LaneHello& hello) {
  greeted_ = true;
  target_id_ = hello.target_id();
  io_engine_ = hello.io_engine();
}

}  // namespace tandem
