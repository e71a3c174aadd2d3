// Detachment, second part: how a target comes back.
#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/core/detachment.h"

namespace tandem {
namespace {

constexpr size_t kPageBytes = 256 << 10;
constexpr size_t kPathOverheadBytes = 32;

bool IsWell(internal::v1::LaneHealth health) {
  return health == internal::v1::LANE_HEALTH_HEALTHY ||
         health == internal::v1::LANE_HEALTH_CATCHING_UP;
}

void AddPath(const std::string& path, Sequence first, Sequence copied_at,
             internal::v1::MissedPage* page) {
  internal::v1::MissedPath* added = page->add_paths();
  added->set_path(path);
  added->set_first(first);
  added->set_copied_at(copied_at);
}

}  // namespace

void Detachment::SendState(size_t lane, bool rejoin) {
  const MissedSet& set = members_[lane]->set;
  internal::v1::MissedState state;
  state.set_incomplete(set.active());
  state.set_rejoin(rejoin);
  state.set_through(set.summary().through);
  state.set_since_ms(set.summary().since_ms);
  lanes_[lane]->SendMissedState(std::move(state));
}

void Detachment::OnAttached(size_t lane) {
  Member& member = *members_[lane];
  member.connection = ++connections_;
  member.waits = member.set.active();
  if (member.waits) SendState(lane, /*rejoin=*/false);
}

void Detachment::OnLost(size_t lane) {
  members_[lane]->connection = 0;
  relay_.OnLaneLost(lane);
}

void Detachment::OnProgress(size_t lane) {
  Consider();
  MaybeRejoin(lane);
  MaybeComplete(lane);
}

void Detachment::MaybeRejoin(size_t lane) {
  Member& member = *members_[lane];
  if (!member.waits || member.rejoining || member.connection == 0) return;
  if (!lanes_[lane]->greeted() || !IsWell(lanes_[lane]->Status().health())) return;
  member.rejoining = true;
  Spawn(env_.executor, Rejoin(lane));
}

Awaitable<void> Detachment::Rejoin(size_t lane) {
  Member& member = *members_[lane];
  const uint64_t connection = member.connection;
  do {
    while (appending_) co_await appended_.Wait();
    co_await SyncUntilItHolds(lane, connection);
  } while (member.connection == connection && appending_);
  member.rejoining = false;
  if (member.connection != connection) {
    MaybeRejoin(lane);
    co_return;
  }
  TargetProgress& target = progress_.target(lane);
  const bool was_detached = std::exchange(member.detached, false);
  member.waits = false;
  target.set_detached(false);
  journal_->SetCheckpoint(progress_.name(lane), target.needs_above());
  if (was_detached) journal_->SetDetached(progress_.name(lane), false);
  env_.log.Warning("target_rejoins", {{"target", progress_.name(lane)},
                                      {"through", member.set.summary().through},
                                      {"missed_paths", member.set.missed().size()}});
  SendState(lane, /*rejoin=*/true);
  handlers_.send_tail(lane);
  handlers_.changed(lane);
  MaybeComplete(lane);
}

void Detachment::MaybeComplete(size_t lane) {
  Member& member = *members_[lane];
  if (!member.set.active() || member.detached || member.waits || member.completing) return;
  const Sequence checkpoint = progress_.target(lane).checkpoint();
  member.set.Forget(checkpoint);
  if (!member.set.empty() || checkpoint < member.set.summary().through) return;
  member.completing = true;
  Spawn(env_.executor, Complete(lane));
}

// The file goes first: what is said from then on is never taken back.
Awaitable<void> Detachment::Complete(size_t lane) {
  Member& member = *members_[lane];
  while (member.set.empty()) {
    const absl::Status removed = co_await member.log.Remove();
    if (removed.ok()) break;
    env_.log.Error("missed_paths_not_removed",
                   {{"target", progress_.name(lane)}, {"error", removed}});
    co_await Sleep(env_.clock, kMissedRetryNs);
  }
  member.completing = false;
  // It may miss something again by now, or be detached: then what was removed is written again.
  if (!member.set.empty() || member.detached) co_return;
  member.set.Clear();
  progress_.target(lane).ClearMissed();
  env_.log.Info("target_complete", {{"target", progress_.name(lane)}});
  SendState(lane, /*rejoin=*/false);
  handlers_.changed(lane);
}

void Detachment::OnMessage(size_t lane, internal::v1::LaneMessage& message) {
  Member& member = *members_[lane];
  for (auto& answer : *message.mutable_source_answers()) relay_.OnAnswer(lane, std::move(answer));
  if (message.has_missed_page()) OnPageQuery(lane, message.missed_page());
  for (const auto& missed : message.missed()) OnMissed(lane, missed);
  for (const auto& copied : message.copied()) {
    member.set.Copied(copied.path(), copied.at());
    AppendCopied(copied.path(), copied.at(), &member.log.noted());
    ++member.copied_paths;
    member.copied_bytes += copied.bytes();
  }
  if (message.copied_size() > 0) member.log.SyncSoon();
  for (auto& query : *message.mutable_source_queries()) relay_.OnQuery(lane, std::move(query));
}

void Detachment::OnMissed(size_t lane, const internal::v1::Missed& missed) {
  Member& member = *members_[lane];
  if (BeginMissing(lane)) {
    AppendSummary(member.set.summary(), &member.log.noted());
    SendState(lane, /*rejoin=*/false);
    handlers_.changed(lane);
  }
  member.set.Add(missed.path(), 0);
  AppendMissed(missed.path(), 0, &member.log.noted());
  Spawn(env_.executor, Note(lane, missed.id()));
}

Awaitable<void> Detachment::Note(size_t lane, uint64_t id) {
  Member& member = *members_[lane];
  const uint64_t connection = member.connection;
  co_await SyncUntilItHolds(lane, connection);
  if (member.connection == connection) lanes_[lane]->SendMissedNoted(id);
}

void Detachment::OnPageQuery(size_t lane, const internal::v1::MissedPageQuery& query) {
  const MissedSet& set = members_[lane]->set;
  internal::v1::MissedPage page;
  const auto begin = [&](const auto& paths) {
    return query.from_start() ? paths.begin() : paths.upper_bound(query.after());
  };
  auto missed = begin(set.missed());
  auto copied = begin(set.copied());
  size_t bytes = 0;
  while (bytes < kPageBytes) {
    const bool more_missed = missed != set.missed().end();
    const bool more_copied = copied != set.copied().end();
    if (!more_missed && !more_copied) break;
    if (more_missed && (!more_copied || missed->first < copied->first)) {
      AddPath(missed->first, missed->second, 0, &page);
      bytes += missed->first.size() + kPathOverheadBytes;
      ++missed;
    } else {
      AddPath(copied->first, 0, copied->second, &page);
      bytes += copied->first.size() + kPathOverheadBytes;
      ++copied;
    }
  }
  page.set_last(missed == set.missed().end() && copied == set.copied().end());
  lanes_[lane]->SendMissedPage(std::move(page));
}

}  // namespace tandem
