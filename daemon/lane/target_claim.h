// What must hold of a target before a lane may write there, besides its identity: that nobody else
// writes there as this writer or beneath the same root, and that it is as this lane left it.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "daemon/io/env.h"
#include "daemon/lane/checkpointer.h"
#include "daemon/lane/epoch_file.h"
#include "daemon/lane/options.h"
#include "daemon/lane/other_writers.h"
#include "daemon/lane/watermark.h"

namespace tandem {

// Owner: the lane's thread, while the lane's process holds the target's lock.
class TargetClaim {
 public:
  // All outlive it.
  TargetClaim(Env& env, const LaneOptions& options, Checkpointer& checkpointer)
      : env_(env), options_(options), checkpointer_(checkpointer), others_(env, options) {}

  // `top` is the target's own directory, open. Only reads. FAILED_PRECONDITION: nothing may be
  // written there; the message says why and what to do. Once somebody else has taken what this
  // process had, it is that for good.
  Awaitable<absl::Status> Check(FileHandle top);

  // Takes the next epoch, once in a process: after a Check that was good. First as a claim, before
  // other daemons of this writer and then before all other writers; it stands if nobody else's is
  // there by then. Of two who claim at once neither may get it: then both withdraw, and try again
  // at different times. `own`, `flags`: as for ReplaceOwnFile.
  Awaitable<absl::Status> Take(FileHandle top, Directory& own, int flags);

  // What the target's watermark said when it was last checked; sequence 0: nothing.
  [[nodiscard]] const Watermark& found() const { return found_; }

 private:
  Awaitable<absl::Status> CheckEpoch(FileHandle top);
  Awaitable<absl::Status> Claim(FileHandle top, Directory& own, int flags, EpochFile mine);
  Awaitable<absl::Status> WriteClaimed(FileHandle top, Directory& own, int flags, EpochFile mine);
  Awaitable<absl::Status> CheckAsBefore(FileHandle top);
  Awaitable<absl::Status> Withdraw(Directory& own, int flags, uint64_t epoch);
  Awaitable<absl::Status> CheckWatermark(FileHandle top);
  [[nodiscard]] absl::Status Refusal(const EpochFile& file);

  Env& env_;
  const LaneOptions& options_;
  Checkpointer& checkpointer_;
  OtherWriters others_;
  Watermark found_;
  std::optional<EpochFile> before_;  // what was there when it was not ours yet
  uint64_t highest_ = 0;             // epoch that was seen there
  uint64_t taken_ = 0;               // this process's epoch; 0: not yet
  bool released_ = false;            // an operator wants what is there to be gone on from
  absl::Status fenced_;
};

}  // namespace tandem
