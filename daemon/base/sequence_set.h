// Which sequences are done: all up to a prefix, and ranges beyond it.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"

namespace tandem {

// A write's place in the journal; the first is 1, 0 stands for "none yet".
using Sequence = uint64_t;

// Inclusive on both ends.
struct SequenceRange {
  Sequence first = 0;
  Sequence last = 0;
  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

// A growing set of sequences. Memory is one entry per range beyond the prefix.
class SequenceSet {
 public:
  SequenceSet() = default;
  explicit SequenceSet(Sequence prefix) : prefix_(prefix) {}

  // Adds first..last; what is in already is no error. Requires 1 <= first <= last.
  void Add(Sequence first, Sequence last);
  void Add(Sequence sequence) { Add(sequence, sequence); }

  [[nodiscard]] bool Contains(Sequence sequence) const;
  // Every sequence up to and with this one is in.
  [[nodiscard]] Sequence prefix() const { return prefix_; }
  // The largest sequence that is in; prefix() if nothing is beyond it.
  [[nodiscard]] Sequence max() const;
  // How many sequences are beyond the prefix.
  [[nodiscard]] uint64_t beyond_count() const { return beyond_count_; }
  // The ranges beyond the prefix, ascending, with a gap before each.
  [[nodiscard]] std::vector<SequenceRange> Ranges() const;
  [[nodiscard]] size_t range_count() const { return beyond_.size(); }

 private:
  Sequence prefix_ = 0;
  uint64_t beyond_count_ = 0;
  absl::btree_map<Sequence, Sequence> beyond_;  // first -> last
};

}  // namespace tandem
