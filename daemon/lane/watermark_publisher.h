// Keeps the watermark file on the target up to date.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/io/env.h"
#include "daemon/io/event.h"
#include "daemon/lane/checkpointer.h"
#include "daemon/lane/options.h"
#include "daemon/lane/target_claim.h"
#include "daemon/lane/target_keeper.h"
#include "daemon/lane/watermark.h"
#include "daemon/lane/watermark_point.h"

namespace tandem {

// Owner: the lane's thread.
class WatermarkPublisher {
 public:
  struct Handlers {
    std::function<WatermarkPoint()> point;  // how far the lane is now
    std::function<void()> on_ended;         // nothing is under way any more after Stop
  };

  // All outlive it.
  WatermarkPublisher(Env& env, const LaneOptions& options, Checkpointer& checkpointer,
                     TargetKeeper& keeper, const TargetClaim& claim, Handlers handlers);

  // Writes the file every watermark_interval_ms while the target is open, until Stop.
  void Start();
  void Stop();

 private:
  Awaitable<void> Run();
  Awaitable<void> Refresh(std::shared_ptr<Target> target);
  Awaitable<absl::Status> Write(Target& target, WatermarkPoint point);

  Env& env_;
  const LaneOptions& options_;
  Checkpointer& checkpointer_;
  TargetKeeper& keeper_;
  const TargetClaim& claim_;
  Handlers handlers_;
  std::string last_failure_;
  bool stopped_ = false;
  Event stop_;
};

}  // namespace tandem
