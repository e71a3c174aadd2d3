// What must hold of a target before a lane may write there, besides its identity: that it is as
// this lane left it.
#pragma once

#include "absl/status/status.h"
#include "daemon/io/env.h"
#include "daemon/lane/checkpointer.h"
#include "daemon/lane/options.h"
#include "daemon/lane/watermark.h"

namespace tandem {

// Owner: the lane's thread, while the lane's process holds the target's lock.
class TargetClaim {
 public:
  // All outlive it.
  TargetClaim(Env& env, const LaneOptions& options, const Checkpointer& checkpointer)
      : env_(env), options_(options), checkpointer_(checkpointer) {}

  // `top` is the target's own directory, open. Only reads. FAILED_PRECONDITION: nothing may be
  // written there; the message says why and what to do.
  Awaitable<absl::Status> Check(FileHandle top);

  // What the target's watermark said when it was last checked; sequence 0: nothing.
  [[nodiscard]] const Watermark& found() const { return found_; }

 private:
  Awaitable<absl::Status> CheckWatermark(FileHandle top);

  Env& env_;
  const LaneOptions& options_;
  const Checkpointer& checkpointer_;
  Watermark found_;
};

}  // namespace tandem
