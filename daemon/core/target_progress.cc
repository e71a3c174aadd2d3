#include "daemon/core/target_progress.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

absl::Status CheckClaim(Sequence first, Sequence last, Sequence durable) {
  if (first >= 1 && first <= last && last <= durable) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "lane claims ", first, "..", last, " while the journal is durable up to ", durable));
}

// One is the other, or a directory of it.
bool Overlap(absl::string_view a, absl::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return absl::StartsWith(b, a) && (a.size() == b.size() || b[a.size()] == '/');
}

}  // namespace

std::string ErrorOf(const internal::v1::ParkedWrite& parked) {
  if (!parked.has_skip()) return parked.error();
  return absl::StrCat("skipped by an operator: ", parked.skip().reason());
}

absl::Status TargetProgress::Hello(const internal::v1::LaneHello& hello, Sequence durable) {
  if (hello.checkpoint() > 0) RETURN_IF_ERROR(CheckClaim(1, hello.checkpoint(), durable));
  SequenceSet settled(hello.checkpoint());
  for (const auto& span : hello.beyond()) {
    RETURN_IF_ERROR(CheckClaim(span.first(), span.last(), durable));
    settled.Add(span.first(), span.last());
  }
  for (const auto& parked : hello.parked()) {
    RETURN_IF_ERROR(CheckClaim(parked.sequence(), parked.sequence(), durable));
  }
  known_ = true;
  settled_ = std::move(settled);
  checkpoint_ = hello.checkpoint();
  highest_checkpoint_ = std::max(highest_checkpoint_, checkpoint_);
  parked_.clear();
  skipped_.clear();
  diverged_.clear();
  for (const auto& parked : hello.parked()) AddParked(parked);
  return absl::OkStatus();
}

absl::Status TargetProgress::Settle(const internal::v1::SequenceSpan& span, Sequence durable) {
  RETURN_IF_ERROR(CheckClaim(span.first(), span.last(), durable));
  settled_.Add(span.first(), span.last());
  return absl::OkStatus();
}

absl::Status TargetProgress::Park(const internal::v1::ParkedWrite& parked, Sequence durable) {
  RETURN_IF_ERROR(CheckClaim(parked.sequence(), parked.sequence(), durable));
  AddParked(parked);
  return absl::OkStatus();
}

absl::Status TargetProgress::Checkpoint(Sequence checkpoint, Sequence durable) {
  if (checkpoint <= checkpoint_) return absl::OkStatus();
  RETURN_IF_ERROR(CheckClaim(1, checkpoint, durable));
  checkpoint_ = checkpoint;
  highest_checkpoint_ = std::max(highest_checkpoint_, checkpoint_);
  settled_.Add(1, checkpoint);
  return absl::OkStatus();
}

void TargetProgress::RaiseCheckpoint(Sequence checkpoint) {
  checkpoint_ = std::max(checkpoint_, checkpoint);
  highest_checkpoint_ = std::max(highest_checkpoint_, checkpoint);
}

void TargetProgress::AddParked(const internal::v1::ParkedWrite& parked) {
  settled_.Add(parked.sequence());
  Forget(parked.sequence());
  auto& writes = parked.has_skip() ? skipped_ : parked_;
  writes.emplace(parked.sequence(), parked);
  for (const std::string& path : parked.skip().diverged()) ++diverged_[path];
}

void TargetProgress::Forget(Sequence sequence) {
  parked_.erase(sequence);
  const auto skipped = skipped_.find(sequence);
  if (skipped == skipped_.end()) return;
  for (const std::string& path : skipped->second.skip().diverged()) {
    if (--diverged_.at(path) == 0) diverged_.erase(path);
  }
  skipped_.erase(skipped);
}

void TargetProgress::Unpark(const internal::v1::SequenceSpan& span) {
  parked_.erase(parked_.lower_bound(span.first()), parked_.upper_bound(span.last()));
  for (auto next = skipped_.lower_bound(span.first());
       next != skipped_.end() && next->first <= span.last();
       next = skipped_.lower_bound(span.first())) {
    Forget(next->first);
  }
}

bool TargetProgress::IsDurable(Sequence first, Sequence last) const {
  return known_ && !FirstMissing(first, last).has_value() && FindParked(first, last) == nullptr;
}

std::optional<Sequence> TargetProgress::FirstMissing(Sequence first, Sequence last) const {
  if (!known_) return first;
  if (missed_.has_value() && last > missed_->from && first <= missed_->through) {
    return std::max(first, missed_->from + 1);
  }
  for (Sequence sequence = std::max(first, settled_.prefix() + 1); sequence <= last; ++sequence) {
    if (!settled_.Contains(sequence)) return sequence;
  }
  return std::nullopt;
}

const internal::v1::ParkedWrite* TargetProgress::FindParked(Sequence first, Sequence last) const {
  for (const auto* writes : {&parked_, &skipped_}) {
    if (writes->empty()) continue;
    const auto it = writes->lower_bound(first);
    if (it != writes->end() && it->first <= last) return &it->second;
  }
  return nullptr;
}

bool TargetProgress::IsDisturbed(absl::string_view path) const {
  const auto overlaps = [&](const auto& entry) {
    const internal::v1::ParkedWrite& parked = entry.second;
    return Overlap(parked.path(), path) ||
           (!parked.new_path().empty() && Overlap(parked.new_path(), path));
  };
  return std::any_of(parked_.begin(), parked_.end(), overlaps) ||
         std::any_of(diverged_.begin(), diverged_.end(),
                     [&](const auto& entry) { return Overlap(entry.first, path); });
}

// What is in the gaps between the ranges that are settled, and what is parked. What is skipped will
// never come: it is no lag.
TargetLag TargetProgress::Lag(const LagIndex& index) const {
  TargetLag lag;
  const auto add = [&](Sequence first, Sequence last) {
    if (first > last) return;
    if (lag.oldest_record == 0 || first < lag.oldest_record) lag.oldest_record = first;
    const uint64_t writes = index.UserRecords(first, last);
    if (writes == 0) return;
    lag.writes += writes;
    lag.bytes += index.Bytes(first, last);
    const Sequence oldest = index.NextUser(first);
    if (lag.oldest == 0 || oldest < lag.oldest) lag.oldest = oldest;
  };
  Sequence next = applied() + 1;
  if (missed_.has_value()) {
    next = std::max(next, missed_->through + 1);
    lag.writes = missed_->writes;
    lag.bytes = missed_->bytes;
    lag.oldest_time_ms = oldest_time_ms_;
  }
  if (known_) {
    for (const SequenceRange& range : settled_.Ranges()) {
      if (range.last < next) continue;
      add(next, range.first - 1);
      next = range.last + 1;
    }
  }
  if (next <= index.newest()) add(next, index.newest());
  for (const auto& [sequence, parked] : parked_) add(sequence, sequence);
  return lag;
}

Progress::Progress(const std::vector<CoreTarget>& targets) {
  TANDEM_CHECK(!targets.empty());
  for (const CoreTarget& target : targets) {
    if (target.name == "local") local_ = targets_.size();
    names_.push_back(target.name);
    targets_.emplace_back(target.saved_checkpoint);
  }
}

std::optional<size_t> Progress::IndexOf(absl::string_view name) const {
  const auto it = std::find(names_.begin(), names_.end(), name);
  if (it == names_.end()) return std::nullopt;
  return static_cast<size_t>(it - names_.begin());
}

void Progress::SetDurable(Sequence durable) {
  TANDEM_CHECK(durable >= durable_);
  durable_ = durable;
}

void Progress::RaiseCheckpoints(Sequence checkpoint) {
  for (TargetProgress& target : targets_) {
    if (!target.misses_paths()) target.RaiseCheckpoint(checkpoint);
  }
}

bool Progress::IsNeeded(Level level, size_t target) const {
  return level == Level::kAll || (level == Level::kLocal && target == local_);
}

Level Progress::LevelOf(Sequence first, Sequence last) const {
  if (last > durable_) return Level::kNone;
  if (!targets_[local_].IsDurable(first, last)) return Level::kJournaled;
  const bool all = std::all_of(targets_.begin(), targets_.end(), [&](const TargetProgress& target) {
    return target.IsDurable(first, last);
  });
  return all ? Level::kAll : Level::kLocal;
}

std::vector<TargetOutcome> Progress::OutcomesOf(Sequence first, Sequence last) const {
  std::vector<TargetOutcome> outcomes(targets_.size());
  for (size_t i = 0; i < targets_.size(); ++i) {
    outcomes[i].target = names_[i];
    if (const auto* parked = targets_[i].FindParked(first, last)) {
      outcomes[i].state = TargetWriteState::kFailed;
      outcomes[i].reason = ErrorOf(*parked);
    } else if (targets_[i].IsDurable(first, last)) {
      outcomes[i].state = TargetWriteState::kDurable;
    }
  }
  return outcomes;
}

Sequence Progress::MinCheckpoint() const {
  Sequence least = std::numeric_limits<Sequence>::max();
  for (const TargetProgress& target : targets_) least = std::min(least, target.needs_above());
  return least;
}

Sequence Progress::MinAttachedCheckpoint() const {
  Sequence least = std::numeric_limits<Sequence>::max();
  for (const TargetProgress& target : targets_) {
    if (!target.detached()) least = std::min(least, target.needs_above());
  }
  return least;
}

Sequence Progress::MinHighestCheckpoint() const {
  Sequence least = std::numeric_limits<Sequence>::max();
  for (const TargetProgress& target : targets_) {
    least = std::min(least, target.needed_above());
  }
  return least;
}

Sequence Progress::MaxCheckpoint() const {
  Sequence most = 0;
  for (const TargetProgress& target : targets_) {
    if (!target.misses_paths()) most = std::max(most, target.checkpoint());
  }
  return most;
}

bool Progress::IsAppliedAnywhere(Sequence sequence) const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const TargetProgress& target) {
    return !target.misses_paths() && target.checkpoint() >= sequence && !target.IsParked(sequence);
  });
}

}  // namespace tandem
