#include "daemon/lane/target_claim.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/lane/json_fields.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

absl::Status Inconsistent(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "INCONSISTENT: ", what,
      "; nothing is written there: mount its newest state, or stop the daemon and make "
      "its tree equal to another target's"));
}

std::string Holder(const EpochFile& file) {
  return absl::StrCat("instance ", file.instance, ", epoch ", file.epoch, ", pid ", file.pid,
                      " on ", file.host, " since ", UtcText(file.taken_ms));
}

}  // namespace

Awaitable<absl::Status> TargetClaim::Check(FileHandle top) {
  CO_RETURN_IF_ERROR(co_await CheckEpoch(top));
  if (released_) co_return absl::OkStatus();
  co_return co_await CheckWatermark(top);
}

Awaitable<absl::Status> TargetClaim::CheckEpoch(FileHandle top) {
  if (!fenced_.ok()) co_return fenced_;
  released_ = false;
  auto file = co_await ReadEpochFile(env_, top, options_.writer);
  if (absl::IsNotFound(file.status())) {
    // Somebody removed it, and nobody else has taken it: taken again at the next opening.
    if (std::exchange(taken_, 0) == 0) co_return absl::OkStatus();
    co_return absl::UnavailableError("the writer's epoch file is gone from the target");
  }
  if (!file.ok()) co_return file.status();
  highest_ = std::max(highest_, file->epoch);
  const LaneState& state = checkpointer_.state();
  const bool own = file->instance == state.instance.ToString();
  if (taken_ != 0) {
    if (own && file->epoch == taken_) co_return absl::OkStatus();
    fenced_ = absl::FailedPreconditionError(absl::StrCat(
        "FENCED: this lane had epoch ", taken_, " of writer ", options_.writer, "; then ",
        file->instance.empty() ? std::string("an operator let go of it")
                               : absl::StrCat("it was taken by ", Holder(*file)),
        ". This lane writes nothing more"));
    env_.log.Error("target_fenced", {{"target", options_.target}, {"error", fenced_}});
    co_return fenced_;
  }
  released_ = file->instance.empty();
  // Saved before it is taken: a higher one was taken with a copy of this lane's state.
  if (released_ || (own && file->epoch <= state.epoch)) co_return absl::OkStatus();
  co_return Refusal(*file);
}

absl::Status TargetClaim::Refusal(const EpochFile& file) {
  const bool own = file.instance == checkpointer_.state().instance.ToString();
  return absl::FailedPreconditionError(absl::StrCat(
      own ? "another copy of this journal writes as " : "another writer is here as ",
      options_.writer, ": ", Holder(file),
      "; nothing is written. Give one of the two another writer_name, or if that one is gone for "
      "good: tandemctl target take-over ",
      options_.target_path, " --writer ", options_.writer));
}

Awaitable<absl::Status> TargetClaim::Take(FileHandle top, Directory& own, int flags) {
  if (taken_ != 0) co_return absl::OkStatus();
  const uint64_t epoch = std::max(highest_, checkpointer_.state().epoch) + 1;
  checkpointer_.TakeEpoch(epoch, /*as_it_is=*/released_);
  const uint64_t version = checkpointer_.version();
  co_await checkpointer_.WaitSaved();
  if (checkpointer_.saved_version() < version) co_return absl::CancelledError("the lane stops");
  const EpochFile mine{.writer = options_.writer,
                       .instance = checkpointer_.state().instance.ToString(),
                       .epoch = epoch,
                       .host = options_.host,
                       .pid = options_.pid,
                       .taken_ms = env_.clock.WallMs()};
  const std::string temp = TempName(epoch, 0);
  CO_RETURN_IF_ERROR(co_await WriteEpochFile(env_, own, flags, temp, mine));
  CO_ASSIGN_OR_RETURN(const EpochFile there, co_await ReadEpochFile(env_, top, options_.writer));
  if (there.instance != mine.instance || there.epoch != epoch) co_return Refusal(there);
  taken_ = epoch;
  released_ = false;
  env_.log.Info("epoch_taken", {{"target", options_.target}, {"epoch", epoch}});
  co_return absl::OkStatus();
}

// The lane publishes what its saved state has, and then remembers that it did: so what it finds
// lies between the two, or somebody put an older state in place.
Awaitable<absl::Status> TargetClaim::CheckWatermark(FileHandle top) {
  // As it is now: a newer file may be published, and remembered, while this one is read.
  const Sequence published = checkpointer_.state().published;
  auto read = co_await ReadWatermark(env_, top, options_.writer);
  const LaneState& state = checkpointer_.state();
  if (!read.ok()) {
    if (!absl::IsNotFound(read.status()) && !absl::IsDataLoss(read.status())) {
      co_return read.status();
    }
    if (published == 0) co_return absl::OkStatus();
    co_return Inconsistent(absl::StrCat("the target was complete through sequence ", published,
                                        " and has no watermark now (", read.status().message(),
                                        ")"));
  }
  const bool own = read->instance == state.instance.ToString();
  if (published > 0 && (!own || read->sequence < published)) {
    co_return Inconsistent(absl::StrCat(
        "the target was rolled back: it was complete through sequence ", published,
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
