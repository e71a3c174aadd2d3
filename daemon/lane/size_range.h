// Sizes that a file on a target may have.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tandem {

// In bytes, both included.
struct SizeRange {
  uint64_t least = 0;
  uint64_t most = 0;

  void Add(const SizeRange& other) {
    least = std::min(least, other.least);
    most = std::max(most, other.most);
  }
};

}  // namespace tandem
