#include "daemon/lane/target_claim.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

absl::Status Inconsistent(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "INCONSISTENT: ", what,
      "; nothing is written there: mount its newest state, or stop the daemon and make "
      "its tree equal to another target's"));
}

}  // namespace

Awaitable<absl::Status> TargetClaim::Check(FileHandle top) {
  co_return co_await CheckWatermark(top);
}

// The lane publishes what its saved state has, and then remembers that it did: so what it finds
// lies between the two, or somebody put an older state in place.
Awaitable<absl::Status> TargetClaim::CheckWatermark(FileHandle top) {
  found_ = Watermark();
  auto read = co_await ReadWatermark(env_, top, options_.writer);
  const LaneState& state = checkpointer_.state();
  if (!read.ok()) {
    if (!absl::IsNotFound(read.status()) && !absl::IsDataLoss(read.status())) {
      co_return read.status();
    }
    if (state.published == 0) co_return absl::OkStatus();
    co_return Inconsistent(absl::StrCat("the target was complete through sequence ",
                                        state.published, " and has no watermark now (",
                                        read.status().message(), ")"));
  }
  const bool own = read->instance == state.instance.ToString();
  if (state.published > 0 && (!own || read->sequence < state.published)) {
    co_return Inconsistent(absl::StrCat(
        "the target was rolled back: it was complete through sequence ", state.published,
        own ? ", its watermark says " : ", its watermark is of another journal and says ",
        read->sequence));
  }
  if (own && read->sequence > state.settled.prefix()) {
    co_return Inconsistent(
        absl::StrCat("the journal's volume was rolled back: it knows of writes through sequence ",
                     state.settled.prefix(), ", the target's watermark says ", read->sequence));
  }
  if (own) found_ = *std::move(read);
  co_return absl::OkStatus();
}

}  // namespace tandem
