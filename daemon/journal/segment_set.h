// Which segments are kept, and when one may go. Pure bookkeeping: no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "daemon/journal/journal.h"

namespace tandem {

// A segment that is on disk. The last of the set is the active one; the others are sealed.
struct KeptSegment {
  uint64_t id = 0;
  Sequence first = 0;
  Sequence last = 0;   // its newest valid and durable record; first - 1: it has none
  int64_t run_ms = 0;  // run time when that was appended, or later
  uint64_t bytes = 0;  // full size; less if its file was cut when it was sealed
  uint64_t salt = 0;
  uint64_t epoch = 0;
  bool full_size = false;  // all its bytes are allocated: it may be recycled
  bool footer = false;     // a good one is on disk
  bool checked = false;    // its records were read, and found good, since they were sealed

  [[nodiscard]] bool IsVoid() const { return last < first; }
};

// The footer of a segment that retired before its time: request ids are known by it.
struct KeptFooter {
  uint64_t id = 0;
  int64_t run_ms = 0;  // run time when its segment was sealed, or later
};

// Owner: core's thread.
class SegmentSet {
 public:
  explicit SegmentSet(const JournalOptions& options);

  void Add(KeptSegment segment);
  void AddFooter(KeptFooter footer) { footers_.push_back(footer); }

  [[nodiscard]] KeptSegment& active() { return segments_.back(); }
  [[nodiscard]] const KeptSegment& active() const { return segments_.back(); }
  [[nodiscard]] std::deque<KeptSegment>& all() { return segments_; }
  [[nodiscard]] const std::deque<KeptSegment>& all() const { return segments_; }
  [[nodiscard]] KeptSegment* Find(uint64_t id);
  [[nodiscard]] bool IsSealed(const KeptSegment& segment) const {
    return segment.id != segments_.back().id;
  }

  // Sizes of all segments together, and of the sealed ones.
  [[nodiscard]] uint64_t kept_bytes() const { return kept_bytes_; }
  [[nodiscard]] uint64_t sealed_bytes() const { return kept_bytes_ - segments_.back().bytes; }

  // Requires a known target. Goes forward only.
  void SetCheckpoint(const std::string& target, Sequence checkpoint);
  // Its checkpoint does not count while it is.
  void SetDetached(const std::string& target, bool detached);
  [[nodiscard]] bool AnyDetached() const { return !detached_.empty(); }
  void SetPin(Sequence oldest) { pin_ = oldest; }
  // Applied everywhere and not pinned: what is up to here may go.
  [[nodiscard]] Sequence Releasable(Sequence durable) const;

  // The segment that may go now: void ones at once, others oldest first. nullptr: none.
  // `disk_full`: before its time is over, as near the cap. Here and below `run_ms` is the
  // journal's run time now.
  [[nodiscard]] const KeptSegment* Retirable(Sequence durable, int64_t run_ms,
                                             bool disk_full) const;
  // No other segment fits without the reserve. The newest record of the oldest that holds any and
  // is sealed; nullopt: there is room, or no such segment.
  [[nodiscard]] std::optional<Sequence> PressedUpTo() const;
  // Its time is not over: its footer must stay.
  [[nodiscard]] bool KeepFooterOf(const KeptSegment& segment, int64_t run_ms) const;
  void Remove(uint64_t id);
  // Its file was cut to `bytes`.
  void Shrink(KeptSegment& segment, uint64_t bytes);
  // Takes out a footer whose time is over.
  std::optional<KeptFooter> TakeExpiredFooter(int64_t run_ms);

 private:
  // Above three quarters of the cap, or no other segment fits without the reserve. While a target
  // is detached above half of it: it needs room to catch up when it is back.
  [[nodiscard]] bool NearCap() const;
  [[nodiscard]] bool IsPressed() const {
    return kept_bytes_ + next_bytes_ + reserve_bytes_ > max_bytes_;
  }

  uint64_t max_bytes_;
  uint64_t reserve_bytes_;
  uint64_t next_bytes_;
  int64_t retention_ms_;
  std::deque<KeptSegment> segments_;
  uint64_t kept_bytes_ = 0;
  std::deque<KeptFooter> footers_;
  absl::btree_map<std::string, Sequence> checkpoints_;
  absl::btree_set<std::string> detached_;
  Sequence pin_ = 0;
};

}  // namespace tandem
