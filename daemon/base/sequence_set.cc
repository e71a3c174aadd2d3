#include "daemon/base/sequence_set.h"

#include <algorithm>
#include <iterator>

#include "daemon/base/check.h"

namespace tandem {

void SequenceSet::Add(Sequence first, Sequence last) {
  TANDEM_CHECK(first >= 1 && first <= last);
  if (last <= prefix_) return;
  first = std::max(first, prefix_ + 1);
  auto next = beyond_.upper_bound(first);
  if (next != beyond_.begin()) {
    auto before = std::prev(next);
    if (before->second + 1 >= first) {
      if (before->second >= last) return;
      first = before->first;
      beyond_count_ -= before->second - before->first + 1;
      next = beyond_.erase(before);
    }
  }
  while (next != beyond_.end() && next->first <= last + 1) {
    last = std::max(last, next->second);
    beyond_count_ -= next->second - next->first + 1;
    next = beyond_.erase(next);
  }
  if (first == prefix_ + 1) {
    prefix_ = last;
    return;
  }
  beyond_.emplace(first, last);
  beyond_count_ += last - first + 1;
}

bool SequenceSet::Contains(Sequence sequence) const {
  if (sequence <= prefix_) return true;
  auto next = beyond_.upper_bound(sequence);
  return next != beyond_.begin() && std::prev(next)->second >= sequence;
}

Sequence SequenceSet::max() const {
  return beyond_.empty() ? prefix_ : std::prev(beyond_.end())->second;
}

std::vector<SequenceRange> SequenceSet::Ranges() const {
  std::vector<SequenceRange> ranges;
  ranges.reserve(beyond_.size());
  for (const auto& [first, last] : beyond_) ranges.push_back({.first = first, .last = last});
  return ranges;
}

}  // namespace tandem
