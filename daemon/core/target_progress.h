// How far each target is, as its lane says: what a level, a lag and an eviction are told from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "daemon/base/sequence_set.h"
#include "daemon/core/core.h"
#include "daemon/core/lag_index.h"
#include "daemon/core/missed_set.h"
#include "tandem/internal/v1/link.pb.h"

namespace tandem {

struct TargetLag {
  uint64_t writes = 0;
  uint64_t bytes = 0;
  Sequence oldest = 0;         // the oldest write that is not durable there; 0: none
  Sequence oldest_record = 0;  // the same of all records, heartbeats too
  // Of the oldest write, where the index has it no more; on its clock.
  std::optional<int64_t> oldest_time_ms;
};

// Of one target. Owner: core's thread. Memory: one entry per parked or skipped write and per gap in
// what is applied; nothing per write that waits.
class TargetProgress {
 public:
  explicit TargetProgress(Sequence saved_checkpoint)
      : checkpoint_(saved_checkpoint), highest_checkpoint_(saved_checkpoint) {}

  // A lane connected: what it says replaces what was known. FAILED_PRECONDITION if it claims what
  // is not durable; then nothing changed. The same below.
  [[nodiscard]] absl::Status Hello(const internal::v1::LaneHello& hello, Sequence durable);
  [[nodiscard]] absl::Status Settle(const internal::v1::SequenceSpan& span, Sequence durable);
  [[nodiscard]] absl::Status Park(const internal::v1::ParkedWrite& parked, Sequence durable);
  [[nodiscard]] absl::Status Checkpoint(Sequence checkpoint, Sequence durable);
  // Known from elsewhere to be applied there, never to be applied again.
  void RaiseCheckpoint(Sequence checkpoint);
  void Unpark(const internal::v1::SequenceSpan& span);

  // It was detached, and misses paths: of the records in from+1..through it is not known to have
  // any, until it misses none.
  // `oldest_time_ms`: of the oldest write among them, monotonic; nullopt: as before.
  void SetMissed(const MissedSummary& missed, std::optional<int64_t> oldest_time_ms = {}) {
    missed_ = missed;
    if (oldest_time_ms.has_value()) oldest_time_ms_ = oldest_time_ms;
  }
  void ClearMissed() {
    missed_.reset();
    oldest_time_ms_.reset();
  }
  // The journal does not wait for it.
  void set_detached(bool detached) { detached_ = detached; }
  [[nodiscard]] bool detached() const { return detached_; }
  [[nodiscard]] bool misses_paths() const { return missed_.has_value(); }
  // It may need records of the journal above this one only.
  [[nodiscard]] Sequence needs_above() const {
    return missed_.has_value() ? std::max(checkpoint_, missed_->through) : checkpoint_;
  }
  // As needs_above, of the highest checkpoint that was ever said.
  [[nodiscard]] Sequence needed_above() const {
    return missed_.has_value() ? std::max(highest_checkpoint_, missed_->through)
                               : highest_checkpoint_;
  }
  // What it is complete through.
  [[nodiscard]] Sequence complete() const {
    return missed_.has_value() ? std::min(applied(), missed_->from) : applied();
  }

  // A lane has said hello since core's start: before that nothing is known to be durable there.
  [[nodiscard]] bool known() const { return known_; }
  // Saved by a lane: what is up to here is never applied again.
  [[nodiscard]] Sequence checkpoint() const { return checkpoint_; }
  // The highest that was ever said: what is up to here may have left the journal.
  [[nodiscard]] Sequence highest_checkpoint() const { return highest_checkpoint_; }
  // Everything up to here is durable there, or parked.
  [[nodiscard]] Sequence applied() const { return known_ ? settled_.prefix() : checkpoint_; }

  // Durable on the target, all of first..last.
  [[nodiscard]] bool IsDurable(Sequence first, Sequence last) const;
  // The first in first..last that is neither durable nor parked there; nullopt: none.
  [[nodiscard]] std::optional<Sequence> FirstMissing(Sequence first, Sequence last) const;
  // One in first..last that is parked or skipped, and why; nullptr: none is.
  [[nodiscard]] const internal::v1::ParkedWrite* FindParked(Sequence first, Sequence last) const;
  // Or skipped: the target does not have it.
  [[nodiscard]] bool IsParked(Sequence sequence) const {
    return parked_.contains(sequence) || skipped_.contains(sequence);
  }
  // The path, one of its directories or something beneath it waits in quarantine or is DIVERGED:
  // what the target has there is not what the records say.
  [[nodiscard]] bool IsDisturbed(absl::string_view path) const;

  [[nodiscard]] const absl::btree_map<Sequence, internal::v1::ParkedWrite>& parked() const {
    return parked_;
  }
  // Given up by an operator, on paths that are not equal again since.
  [[nodiscard]] const absl::btree_map<Sequence, internal::v1::ParkedWrite>& skipped() const {
    return skipped_;
  }
  // Paths that lack a skipped write.
  [[nodiscard]] uint64_t diverged_paths() const { return diverged_.size(); }
  [[nodiscard]] TargetLag Lag(const LagIndex& index) const;

 private:
  void AddParked(const internal::v1::ParkedWrite& parked);
  void Forget(Sequence sequence);

  bool known_ = false;
  bool detached_ = false;
  std::optional<MissedSummary> missed_;
  std::optional<int64_t> oldest_time_ms_;
  Sequence checkpoint_;
  Sequence highest_checkpoint_;
  SequenceSet settled_;  // durable, parked or skipped
  absl::btree_map<Sequence, internal::v1::ParkedWrite> parked_;
  absl::btree_map<Sequence, internal::v1::ParkedWrite> skipped_;
  absl::flat_hash_map<std::string, uint64_t> diverged_;  // path -> how many it lacks
};

// Why a target does not have the write, for a person.
[[nodiscard]] std::string ErrorOf(const internal::v1::ParkedWrite& parked);

// All targets, in the order of the configuration, and the journal's watermark: levels.
class Progress {
 public:
  explicit Progress(const std::vector<CoreTarget>& targets);

  [[nodiscard]] size_t size() const { return targets_.size(); }
  [[nodiscard]] TargetProgress& target(size_t index) { return targets_[index]; }
  [[nodiscard]] const TargetProgress& target(size_t index) const { return targets_[index]; }
  [[nodiscard]] const std::string& name(size_t index) const { return names_[index]; }
  [[nodiscard]] std::optional<size_t> IndexOf(absl::string_view name) const;

  // Never goes back.
  void SetDurable(Sequence durable);
  [[nodiscard]] Sequence durable() const { return durable_; }

  void RaiseCheckpoints(Sequence checkpoint);

  // Whether a write that wants `level` has to be durable on this target.
  [[nodiscard]] bool IsNeeded(Level level, size_t target) const;
  // Of first..last as a whole, now.
  [[nodiscard]] Level LevelOf(Sequence first, Sequence last) const;
  [[nodiscard]] std::vector<TargetOutcome> OutcomesOf(Sequence first, Sequence last) const;
  // Up to here nothing is ever applied again, anywhere.
  [[nodiscard]] Sequence MinCheckpoint() const;
  // The same of those that are not detached.
  [[nodiscard]] Sequence MinAttachedCheckpoint() const;
  // Up to here some target has applied or parked everything.
  [[nodiscard]] Sequence MaxCheckpoint() const;
  // Up to here the journal may have been retired.
  [[nodiscard]] Sequence MinHighestCheckpoint() const;
  // Some target's checkpoint has passed it, and it is not parked there: its lane can say what came
  // of it.
  [[nodiscard]] bool IsAppliedAnywhere(Sequence sequence) const;

 private:
  std::vector<std::string> names_;
  std::vector<TargetProgress> targets_;
  size_t local_ = 0;
  Sequence durable_ = 0;
};

}  // namespace tandem
