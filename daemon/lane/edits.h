// What a run of Appends, WriteAts and Truncates does to one file, as few calls.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/journal/record.h"

namespace tandem {

// One write, or one cut to a size. What it refers to belongs to the records.
struct Edit {
  bool cuts = false;
  uint64_t offset = 0;  // of the write; the size after a cut
  std::string merged;   // neighbours' data, else empty
  absl::string_view single;

  [[nodiscard]] absl::string_view data() const { return merged.empty() ? single : merged; }
};

// The edits that records[from..] (payloads present) come to, in order: neighbours are one write,
// and what a later cut of the run takes away is not written; done again on a file that is short
// already, it would leave a hole.
[[nodiscard]] std::vector<Edit> EditsOf(const std::vector<const Record*>& records, size_t from);

[[nodiscard]] bool AnyCuts(const std::vector<Edit>& edits);

}  // namespace tandem
