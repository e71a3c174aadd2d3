#include "daemon/lane/resync_link.h"

#include <utility>

namespace tandem {
namespace {

// A source that does not answer for so long hangs; the next question may go to another.
constexpr int64_t kAnswerLimitNs = 10 * kNsPerSecond;

absl::Status LaneStops() { return absl::CancelledError("the lane stops"); }

}  // namespace

void ResyncLink::OnMessage(const internal::v1::CoreMessage& message) {
  for (const auto& answer : message.source_answers()) {
    const auto asked = asked_.find(answer.id());
    if (asked != asked_.end()) {
      asked->second = answer;
    } else if (answer.session() != 0) {
      Close(answer.session());  // nobody waits for it any more
    }
  }
  for (const uint64_t id : message.missed_noted()) unnoted_.erase(id);
  if (message.has_missed_page()) page_ = message.missed_page();
  if (message.source_answers_size() > 0 || message.missed_noted_size() > 0 ||
      message.has_missed_page()) {
    changed_.Notify();
  }
}

void ResyncLink::Stop() {
  stopped_ = true;
  changed_.Notify();
}

Awaitable<absl::StatusOr<internal::v1::SourceAnswer>> ResyncLink::Ask(
    internal::v1::SourceQuery query) {
  const uint64_t id = next_++;
  query.set_id(id);
  asked_[id] = std::nullopt;
  reporter_.Source(std::move(query));
  const int64_t until_ns = env_.clock.MonotonicNs() + kAnswerLimitNs;
  while (!stopped_ && !asked_.at(id).has_value()) {
    const int64_t left_ns = until_ns - env_.clock.MonotonicNs();
    if (left_ns <= 0) break;
    (void)co_await changed_.WaitFor(env_.clock, left_ns);
  }
  const std::optional<internal::v1::SourceAnswer> answer = std::move(asked_.at(id));
  asked_.erase(id);
  if (stopped_) co_return LaneStops();
  if (!answer.has_value()) co_return absl::UnavailableError("the source does not answer");
  switch (answer->trouble()) {
    case internal::v1::SOURCE_TROUBLE_UNSPECIFIED:
      break;
    case internal::v1::SOURCE_TROUBLE_PARKED:
      co_return absl::FailedPreconditionError(answer->error());
    case internal::v1::SOURCE_TROUBLE_CHANGED:
      co_return absl::AbortedError(answer->error());
    default:
      co_return absl::UnavailableError(answer->error());
  }
  co_return *answer;
}

void ResyncLink::Close(uint64_t session) {
  internal::v1::SourceQuery query;
  query.set_session(session);
  query.set_close(true);
  reporter_.Source(std::move(query));
}

Awaitable<absl::Status> ResyncLink::NoteMissed(std::string path) {
  const uint64_t id = next_++;
  unnoted_.insert(id);
  reporter_.Missed(id, path);
  while (!stopped_ && unnoted_.contains(id)) co_await changed_.Wait();
  co_return stopped_ ? LaneStops() : absl::OkStatus();
}

void ResyncLink::Copied(const std::string& path, Sequence at, uint64_t bytes) {
  reporter_.Copied(path, at, bytes);
}

Awaitable<absl::StatusOr<internal::v1::MissedPage>> ResyncLink::Page(
    std::optional<std::string> after) {
  page_.reset();
  reporter_.AskMissedPage(after.value_or(""), !after.has_value());
  while (!stopped_ && !page_.has_value()) co_await changed_.Wait();
  if (stopped_) co_return LaneStops();
  co_return *std::exchange(page_, std::nullopt);
}

}  // namespace tandem
