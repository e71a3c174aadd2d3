#include "daemon/core/detachment.h"

#include <algorithm>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/journal/footer.h"

namespace tandem {
Detachment::Detachment(Env& env, const CoreOptions& options, Progress& progress,
                       std::vector<std::unique_ptr<LaneEndpoint>>& lanes, Handlers handlers)
    : env_(env),
      options_(options),
      progress_(progress),
      lanes_(lanes),
      handlers_(std::move(handlers)),
      relay_(lanes,
             [this](size_t lane) {
               return lanes_[lane]->greeted() && IsComplete(lane) && progress_.target(lane).known();
             }),
      appended_(env.executor) {
  for (size_t i = 0; i < progress.size(); ++i) {
    members_.push_back(std::make_unique<Member>(env, options, progress.name(i)));
  }
}

Awaitable<absl::Status> Detachment::Load() {
  for (size_t i = 0; i < members_.size(); ++i) {
    CO_RETURN_IF_ERROR(co_await members_[i]->log.Load());
    const MissedSet& set = members_[i]->set;
    if (!set.active()) continue;
    const int64_t oldest_ms = set.summary().oldest_ms;
    std::optional<int64_t> oldest_time_ms;
    if (oldest_ms > 0) {
      const int64_t age_ms = std::max<int64_t>(0, env_.clock.WallMs() - oldest_ms);
      oldest_time_ms = env_.clock.MonotonicNs() / kNsPerMs - age_ms;
    }
    progress_.target(i).SetMissed(set.summary(), oldest_time_ms);
    env_.log.Warning("target_misses_paths", {{"target", progress_.name(i)},
                                             {"paths", set.missed().size()},
                                             {"through", set.summary().through}});
  }
  co_return absl::OkStatus();
}

void Detachment::Begin(Journal& journal) {
  journal_ = &journal;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i]->set.active()) continue;
    members_[i]->waits = true;
    Spawn(env_.executor, Confirm(i));
  }
}

// What was loaded counts when it is durable for sure: only then need the journal keep no more.
Awaitable<void> Detachment::Confirm(size_t lane) {
  co_await SyncUntilItHolds(lane, std::nullopt);
  journal_->SetCheckpoint(progress_.name(lane), progress_.target(lane).needs_above());
  MaybeRejoin(lane);
}

Awaitable<void> Detachment::SyncUntilItHolds(size_t lane, std::optional<uint64_t> connection) {
  Member& member = *members_[lane];
  while (!connection.has_value() || member.connection == *connection) {
    const absl::Status synced = co_await member.log.Sync();
    if (synced.ok()) co_return;
    env_.log.Error("missed_paths_not_saved", {{"target", progress_.name(lane)}, {"error", synced}});
    co_await Sleep(env_.clock, kMissedRetryNs);
  }
}

MissedView Detachment::View(size_t lane) const {
  const Member& member = *members_[lane];
  MissedView view;
  view.detached = member.detached;
  view.incomplete = member.set.active();
  view.missed_paths = member.set.missed().size();
  view.copied_paths = member.copied_paths;
  view.copied_bytes = member.copied_bytes;
  if (!view.incomplete) return view;
  view.since_ms = member.set.summary().since_ms;
  view.reason = absl::StrCat("INCONSISTENT: ", member.detached ? "" : "was ",
                             "detached from the journal, misses ", view.missed_paths, " paths");
  return view;
}

void Detachment::OnPressed(Sequence last) {
  pressed_ = last;
  Consider();
  if (pressed_ == 0 || !options_.detach_at_cap) return;
  // What a target has counts once its lane has saved it.
  for (const auto& lane : lanes_) lane->SendSaveCheckpoint();
}

void Detachment::Consider() {
  if (pressed_ == 0 || !options_.detach_at_cap) return;
  bool held = false;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (members_[i]->detached) continue;
    if (progress_.target(i).needs_above() >= pressed_) {
      members_[i]->full = false;
      continue;
    }
    if (!members_[i]->full && IsCovered(i, pressed_)) {
      Detach(i);
    } else {
      held = true;
    }
  }
  if (!held) pressed_ = 0;
}

bool Detachment::IsCovered(size_t lane, Sequence last) const {
  const Sequence first = progress_.target(lane).needs_above() + 1;
  if (first > last) return true;
  for (size_t i = 0; i < members_.size(); ++i) {
    const TargetProgress& source = progress_.target(i);
    if (i != lane && IsComplete(i) && source.known() && source.checkpoint() >= last &&
        source.FindParked(first, last) == nullptr) {
      return true;
    }
  }
  return false;
}

void Detachment::Detach(size_t lane) {
  Member& member = *members_[lane];
  TargetProgress& target = progress_.target(lane);
  member.detached = true;
  member.waits = true;
  target.set_detached(true);
  BeginMissing(lane);
  env_.log.Error("target_detached", {{"target", progress_.name(lane)},
                                     {"checkpoint", target.checkpoint()},
                                     {"pressed", pressed_}});
  journal_->SetDetached(progress_.name(lane), true);
  // What it has under way ends with it; only then its successor can say hello.
  lanes_[lane]->Disconnect("detached: the journal is at its cap");
  handlers_.changed(lane);
}

bool Detachment::BeginMissing(size_t lane) {
  MissedSet& set = members_[lane]->set;
  if (set.active()) return false;
  const Sequence checkpoint = progress_.target(lane).checkpoint();
  set.set_summary({.since_ms = std::max<int64_t>(1, env_.clock.WallMs()),
                   .from = checkpoint,
                   .through = checkpoint});
  progress_.target(lane).SetMissed(set.summary());
  return true;
}

Awaitable<bool> Detachment::BeforeRetire(Sequence, Sequence last, const std::string& footer) {
  for (size_t i = 0; i < members_.size(); ++i) {
    if (members_[i]->detached && !IsCovered(i, last)) co_return false;
  }
  appending_ = true;
  absl::Status status = Collect(footer, last);
  if (status.ok()) status = co_await SyncAll();
  appending_ = false;
  appended_.Notify();
  if (status.ok()) {
    full_logged_ = false;
    co_return true;
  }
  if (!std::exchange(full_logged_, true)) {
    env_.log.Error("missed_paths_not_noted", {{"error", status}});
  }
  co_return false;
}

// Adds what the detached targets lack of the segment.
absl::Status Detachment::Collect(const std::string& footer, Sequence last) {
  struct Gain {
    absl::btree_map<std::string, Sequence> paths;
    MissedSummary summary;
  };
  std::vector<Gain> gains(members_.size());
  for (size_t i = 0; i < members_.size(); ++i) gains[i].summary = members_[i]->set.summary();
  const auto visit = [&](const RecordHeader& record, const RecordPlace&) {
    if (!IsClientWrite(record.type)) return;
    for (size_t i = 0; i < members_.size(); ++i) {
      if (!members_[i]->detached) continue;
      if (record.sequence <= progress_.target(i).needs_above()) continue;
      Gain& gain = gains[i];
      for (const std::string& path : PathsOf(record)) gain.paths.emplace(path, record.sequence);
      const bool upload = record.type == RecordType::kUploadCommit;
      ++gain.summary.writes;
      gain.summary.bytes += upload ? record.result_size : record.payload_length;
    }
  };
  RETURN_IF_ERROR(VisitFooter(footer, visit));
  for (size_t i = 0; i < members_.size(); ++i) {
    const MissedSet& set = members_[i]->set;
    const auto fresh = std::count_if(gains[i].paths.begin(), gains[i].paths.end(),
                                     [&](const auto& gain) { return !set.Misses(gain.first); });
    if (members_[i]->detached &&
        set.missed().size() + static_cast<size_t>(fresh) > options_.max_missed_paths) {
      members_[i]->full = true;
      return absl::ResourceExhaustedError(absl::StrCat(progress_.name(i), " would miss more than ",
                                                       options_.max_missed_paths, " paths"));
    }
  }
  for (size_t i = 0; i < members_.size(); ++i) {
    Member& member = *members_[i];
    if (!member.detached) continue;
    MissedSummary& summary = gains[i].summary;
    summary.through = std::max(progress_.target(i).needs_above(), last);
    std::optional<int64_t> oldest_time_ms;
    if (summary.oldest_ms == 0 && summary.writes > 0) {
      const int64_t age_ms = handlers_.lag_ms(i);
      oldest_time_ms = env_.clock.MonotonicNs() / kNsPerMs - age_ms;
      summary.oldest_ms = env_.clock.WallMs() - age_ms;
    }
    for (const auto& [path, first] : gains[i].paths) {
      member.set.Add(path, first);
      AppendMissed(path, first, &member.log.noted());
    }
    member.set.set_summary(summary);
    AppendSummary(summary, &member.log.noted());
    progress_.target(i).SetMissed(summary, oldest_time_ms);
  }
  return absl::OkStatus();
}

Awaitable<absl::Status> Detachment::SyncAll() {
  for (const auto& member : members_) {
    if (member->detached) CO_RETURN_IF_ERROR(co_await member->log.Sync());
  }
  co_return absl::OkStatus();
}

}  // namespace tandem
