#include "daemon/core/resync_relay.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tandem {
namespace {

constexpr int64_t kMaxUnanswered = 24;

}  // namespace

using internal::v1::SourceAnswer;
using internal::v1::SourceQuery;

void ResyncRelay::Refuse(size_t lane, uint64_t id, const char* why) {
  SourceAnswer answer;
  answer.set_id(id);
  answer.set_trouble(internal::v1::SOURCE_TROUBLE_LATER);
  answer.set_error(why);
  lanes_[lane]->SendSourceAnswer(std::move(answer));
}

std::optional<size_t> ResyncRelay::NextSource(size_t asker) {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    turn_ = (turn_ + 1) % lanes_.size();
    if (turn_ != asker && may_serve_(turn_) && !IsBusy(turn_)) return turn_;
  }
  return std::nullopt;
}

bool ResyncRelay::IsBusy(size_t source) const {
  return std::count_if(asked_.begin(), asked_.end(), [source](const auto& entry) {
           return entry.second.source == source;
         }) >= kMaxUnanswered;
}

void ResyncRelay::OnQuery(size_t lane, SourceQuery query) {
  const uint64_t id = query.id();
  const uint64_t own_id = next_++;
  Asked asked{.asker = lane, .id = id};
  if (query.session() == 0) {
    const std::optional<size_t> source = NextSource(lane);
    if (!source.has_value()) return Refuse(lane, id, "no target that has everything can be read");
    asked.source = *source;
    asked.opens = own_id;
    sessions_[own_id] = {.asker = lane, .source = *source};
  } else {
    const auto session = sessions_.find(query.session());
    if (session == sessions_.end() || session->second.asker != lane) {
      return query.close() ? void() : Refuse(lane, id, "the source is gone");
    }
    asked.source = session->second.source;
    if (query.close()) {
      sessions_.erase(session);
      return Close(query.session(), asked.source);
    }
    if (IsBusy(asked.source)) return Refuse(lane, id, "the source does not answer");
  }
  query.set_id(own_id);
  if (!lanes_[asked.source]->SendSourceQuery(std::move(query))) {
    sessions_.erase(own_id);
    return Refuse(lane, id, "the source is not there");
  }
  asked_[own_id] = asked;
}

void ResyncRelay::Close(uint64_t session, size_t source) {
  SourceQuery query;
  query.set_session(session);
  query.set_close(true);
  // One that is not there has nothing open.
  (void)lanes_[source]->SendSourceQuery(std::move(query));
}

void ResyncRelay::OnAnswer(size_t lane, SourceAnswer answer) {
  const auto asked = asked_.find(answer.id());
  if (asked == asked_.end() || asked->second.source != lane) return;
  const Asked to = asked->second;
  asked_.erase(asked);
  // Most answers say all there is: then nothing is open.
  if (to.opens != 0 && answer.session() != to.opens) sessions_.erase(to.opens);
  answer.set_id(to.id);
  lanes_[to.asker]->SendSourceAnswer(std::move(answer));
}

void ResyncRelay::OnLaneLost(size_t lane) {
  for (auto it = asked_.begin(); it != asked_.end();) {
    if (it->second.source == lane) Refuse(it->second.asker, it->second.id, "the source is gone");
    const bool gone = it->second.source == lane || it->second.asker == lane;
    it = gone ? asked_.erase(it) : std::next(it);
  }
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (it->second.asker == lane && it->second.source != lane) Close(it->first, it->second.source);
    const bool gone = it->second.source == lane || it->second.asker == lane;
    it = gone ? sessions_.erase(it) : std::next(it);
  }
}

}  // namespace tandem
