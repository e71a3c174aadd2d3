// A lane: follows the journal and applies it to one target. Live traffic, catch-up after an outage
// and replay after a crash are the same code at different distances from the journal's tail.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "daemon/io/env.h"
#include "daemon/lane/core_reporter.h"
#include "daemon/lane/options.h"

namespace tandem {

// Owner: one thread of a process of its own, which touches no other target.
class Lane {
 public:
  // `channel`: to core; not yet started. `options` are copied.
  Lane(Env& env, LaneOptions options, std::unique_ptr<CoreChannel> channel);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Takes the target's lock (waiting for a predecessor that still hangs), then follows the journal
  // until core goes away or asks to drain; starts nothing more then, waits for what is under way,
  // saves the checkpoint. OK then; otherwise why it cannot go on, DATA_LOSS if the journal or the
  // lane's state is damaged. It reports its target's health until it returns. Call once.
  Awaitable<absl::Status> Run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tandem
