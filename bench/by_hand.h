// What an application does without Tandem: threads that write and sync both directories themselves.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bench/load.h"

namespace tandem::bench {

struct ByHandOptions {
  std::string first;   // directory; made
  std::string second;  // directory; made
  Kind kind = Kind::kAppend;
  int threads = 64;
  double seconds = 3;
};

// Append and ledger: write and fdatasync, in both; writers of one ledger share its offset. Put:
// temp file, write, fdatasync, rename, fsync of the directory, in both.
[[nodiscard]] absl::StatusOr<LoadResult> RunByHand(const ByHandOptions& options);

}  // namespace tandem::bench
