// Reads a sealed segment through: is it whole, and what does its footer say?
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/journal/segment_set.h"

namespace tandem {

struct SealedCheck {
  std::string footer;  // the file's content; "" unless asked for
  uint64_t end = 0;    // where the last record ends, bytes
};

// Whether the reader still has reason to go on.
enum class CheckGo {
  kOn,
  kStop,     // CANCELLED soon
  kNoFiles,  // the same, and not even a close any more
};

// Paced, so that it takes little from what is live; `go`: asked between the pieces. DATA_LOSS, with
// segment, offset and sequence, if any record up to the last is not good.
Awaitable<absl::StatusOr<SealedCheck>> CheckSealedSegment(Env& env, FileHandle directory,
                                                          KeptSegment segment, bool make_footer,
                                                          std::function<CheckGo()> go);

}  // namespace tandem
