#include "daemon/lane/target_claim.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/lane/start_claim.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr uint64_t kMaxPauseNs = 500 * kNsPerMs;

absl::Status Inconsistent(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "INCONSISTENT: ", what,
      "; nothing is written there: mount its newest state, or stop the daemon and make "
      "its tree equal to another target's"));
}

}  // namespace

Awaitable<absl::Status> TargetClaim::Check(FileHandle top) {
  CO_RETURN_IF_ERROR(co_await CheckEpoch(top));
  if (taken_ == 0) {
    CO_RETURN_IF_ERROR(co_await others_.CheckBefore(top));
  } else {
    CO_RETURN_IF_ERROR(co_await others_.CheckWhile(top));
  }
  if (released_) co_return absl::OkStatus();
  co_return co_await CheckWatermark(top);
}

Awaitable<absl::Status> TargetClaim::CheckEpoch(FileHandle top) {
  if (!fenced_.ok()) co_return fenced_;
  released_ = false;
  before_.reset();
  auto file = co_await ReadEpochFile(env_, top, options_.writer);
  if (absl::IsNotFound(file.status())) {
    // Somebody removed it, and nobody else has taken it: taken again at the next opening.
    if (std::exchange(taken_, 0) == 0) co_return absl::OkStatus();
    co_return absl::UnavailableError("the writer's epoch file is gone from the target");
  }
  if (!file.ok()) co_return file.status();
  highest_ = std::max(highest_, file->epoch);
  before_ = *file;
  const LaneState& state = checkpointer_.state();
  const bool own = file->instance == state.instance.ToString();
  if (taken_ != 0) {
    if (own && file->epoch == taken_) co_return absl::OkStatus();
    fenced_ = absl::FailedPreconditionError(absl::StrCat(
        "FENCED: this lane had epoch ", taken_, " of writer ", options_.writer, "; then ",
        file->instance.empty() ? std::string("an operator let go of it")
                               : absl::StrCat("it was taken by ", HolderOf(*file)),
        ". This lane writes nothing more"));
    env_.log.Error("target_fenced", {{"target", options_.target}, {"error", fenced_}});
    co_return fenced_;
  }
  released_ = file->instance.empty();
  if (own && file->root != options_.writer_root) {
    co_return absl::FailedPreconditionError(absl::StrCat(
        "writer ", options_.writer, " has its files here in '", file->root,
        "', and is to write in '", options_.writer_root,
        "' now: what is owed to the one would go to the other. Set writer_root "
        "back; or, if its tree was moved, let it be taken as it is: tandemctl target take-over ",
        options_.target_path, " --writer ", options_.writer));
  }
  // Saved before it is taken: a higher one was taken with a copy of this lane's state.
  if (released_ || (own && file->epoch <= state.epoch)) co_return absl::OkStatus();
  co_return Refusal(*file);
}

absl::Status TargetClaim::Refusal(const EpochFile& file) {
  const bool own = file.instance == checkpointer_.state().instance.ToString();
  return absl::FailedPreconditionError(absl::StrCat(
      own ? "another copy of this journal writes as " : "another writer is here as ",
      options_.writer, ": ", HolderOf(file),
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
                       .taken_ms = env_.clock.WallMs(),
                       .root = options_.writer_root,
                       .claiming = true};
  CO_RETURN_IF_ERROR(co_await Claim(top, own, flags, mine));
  taken_ = epoch;
  released_ = false;
  env_.log.Info("epoch_taken", {{"target", options_.target}, {"epoch", epoch}});
  co_return absl::OkStatus();
}

// Whoever comes second sees the claim of who came first: both look after they have written.
Awaitable<absl::Status> TargetClaim::Claim(FileHandle top, Directory& own, int flags,
                                           EpochFile mine) {
  absl::Status status = co_await EnterClaim(env_, own, flags, mine);
  if (status.ok()) {
    status = co_await CheckAsBefore(top);
    if (status.ok()) status = co_await WriteClaimed(top, own, flags, mine);
    const absl::Status left = co_await LeaveClaim(env_, own, mine.instance);
    if (status.ok()) status = left;
  }
  if (absl::IsFailedPrecondition(status)) {
    // So that of two who came at once one is alone some time.
    co_await Sleep(env_.clock, static_cast<int64_t>(env_.random.Next() % kMaxPauseNs));
  }
  co_return status;
}

Awaitable<absl::Status> TargetClaim::WriteClaimed(FileHandle top, Directory& own, int flags,
                                                  EpochFile mine) {
  const std::string temp = TempName(mine.epoch, 0);
  CO_RETURN_IF_ERROR(co_await WriteEpochFile(env_, own, flags, temp, mine));
  const absl::Status alone = co_await others_.CheckBefore(top);
  if (!alone.ok()) {
    const absl::Status withdrawn = co_await Withdraw(own, flags, mine.epoch);
    if (!withdrawn.ok()) {
      env_.log.Warning("epoch_claim_stays", {{"target", options_.target}, {"error", withdrawn}});
    }
    co_return alone;
  }
  mine.claiming = false;
  co_return co_await WriteEpochFile(env_, own, flags, temp, mine);
}

// Somebody may have come and gone between the check and the claim.
Awaitable<absl::Status> TargetClaim::CheckAsBefore(FileHandle top) {
  const auto there = co_await ReadEpochFile(env_, top, options_.writer);
  if (!there.ok() && !absl::IsNotFound(there.status())) co_return there.status();
  const bool same =
      there.ok() == before_.has_value() &&
      (!there.ok() || (there->instance == before_->instance && there->epoch == before_->epoch));
  if (same) co_return absl::OkStatus();
  if (there.ok()) co_return Refusal(*there);
  co_return absl::UnavailableError("the writer's epoch file is gone from the target");
}

Awaitable<absl::Status> TargetClaim::Withdraw(Directory& own, int flags, uint64_t epoch) {
  if (!before_.has_value()) co_return co_await RemoveEpochFile(env_, own);
  const std::string temp = TempName(epoch, 0);
  co_return co_await WriteEpochFile(env_, own, flags, temp, *before_);
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
