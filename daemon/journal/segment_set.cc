#include "daemon/journal/segment_set.h"

#include <algorithm>

#include "daemon/base/check.h"

namespace tandem {

SegmentSet::SegmentSet(const JournalOptions& options)
    : max_bytes_(options.max_bytes),
      reserve_bytes_(options.reserve_bytes),
      next_bytes_(options.segment_bytes),
      retention_ms_(options.retention_ms) {
  for (const std::string& target : options.targets) checkpoints_[target] = 0;
}

void SegmentSet::Add(KeptSegment segment) {
  if (!segments_.empty()) {
    const KeptSegment& before = segments_.back();
    TANDEM_CHECK(segment.id > before.id && segment.first == before.last + 1);
  }
  kept_bytes_ += segment.bytes;
  segments_.push_back(segment);
}

KeptSegment* SegmentSet::Find(uint64_t id) {
  for (KeptSegment& segment : segments_) {
    if (segment.id == id) return &segment;
  }
  return nullptr;
}

void SegmentSet::SetCheckpoint(const std::string& target, Sequence checkpoint) {
  const auto found = checkpoints_.find(target);
  TANDEM_CHECK(found != checkpoints_.end());
  found->second = std::max(found->second, checkpoint);
}

void SegmentSet::SetDetached(const std::string& target, bool detached) {
  TANDEM_CHECK(checkpoints_.contains(target));
  if (detached) {
    detached_.insert(target);
  } else {
    detached_.erase(target);
  }
}

Sequence SegmentSet::Releasable(Sequence durable) const {
  Sequence releasable = durable;
  for (const auto& [target, checkpoint] : checkpoints_) {
    if (detached_.contains(target)) continue;
    releasable = std::min(releasable, checkpoint);
  }
  if (pin_ > 0) releasable = std::min(releasable, pin_ - 1);
  return releasable;
}

bool SegmentSet::NearCap() const {
  return kept_bytes_ > max_bytes_ / 4 * (AnyDetached() ? 2 : 3) || IsPressed();
}

std::optional<Sequence> SegmentSet::PressedUpTo() const {
  if (!IsPressed()) return std::nullopt;
  for (const KeptSegment& segment : segments_) {
    if (!IsSealed(segment)) break;
    if (!segment.IsVoid()) return segment.last;
  }
  return std::nullopt;
}

bool SegmentSet::KeepFooterOf(const KeptSegment& segment, int64_t run_ms) const {
  return run_ms - segment.run_ms < retention_ms_;
}

const KeptSegment* SegmentSet::Retirable(Sequence durable, int64_t run_ms, bool disk_full) const {
  const KeptSegment* oldest = nullptr;
  for (const KeptSegment& segment : segments_) {
    if (!IsSealed(segment)) break;
    if (segment.IsVoid()) return &segment;
    if (oldest == nullptr) oldest = &segment;
  }
  if (oldest == nullptr || oldest->last > Releasable(durable)) return nullptr;
  // What a detached target lacks of it is told from its footer.
  if (AnyDetached() && !oldest->footer) return nullptr;
  if (!KeepFooterOf(*oldest, run_ms)) return oldest;
  return (disk_full || NearCap()) && oldest->footer ? oldest : nullptr;
}

void SegmentSet::Remove(uint64_t id) {
  const auto found = std::find_if(segments_.begin(), segments_.end(),
                                  [id](const KeptSegment& segment) { return segment.id == id; });
  TANDEM_CHECK(found != segments_.end() && IsSealed(*found));
  kept_bytes_ -= found->bytes;
  segments_.erase(found);
}

void SegmentSet::Shrink(KeptSegment& segment, uint64_t bytes) {
  TANDEM_CHECK(IsSealed(segment) && bytes <= segment.bytes);
  kept_bytes_ -= segment.bytes - bytes;
  segment.bytes = bytes;
  segment.full_size = false;
}

std::optional<KeptFooter> SegmentSet::TakeExpiredFooter(int64_t run_ms) {
  if (footers_.empty() || run_ms - footers_.front().run_ms < retention_ms_) {
    return std::nullopt;
  }
  const KeptFooter footer = footers_.front();
  footers_.pop_front();
  return footer;
}

}  // namespace tandem
