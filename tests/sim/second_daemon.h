// A second daemon of the same writer, on another machine, with a journal of its own: it must be
// shut out of the targets of the first.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/node.h"

namespace tandem {

// Owner: the simulation's thread.
class SecondDaemon final : private SimNode::Listener {
 public:
  SecondDaemon(SimWorld& world, SimNode& first, Logger& log)
      : world_(world), first_(first), log_(log) {}

  // False: not now, since the first one does not have the targets yet; or one is there already.
  bool Start();
  void Stop();
  // After every step of the world.
  void Tick();
  // Now and then. "" or what it should not have been able to do.
  [[nodiscard]] std::string Look();
  // How often it was seen to be shut out.
  [[nodiscard]] uint64_t refusals() const { return refusals_; }

 private:
  void OnCoreUp() override;
  void OnCoreDown() override {}

  SimWorld& world_;
  SimNode& first_;
  Logger& log_;
  bool running_ = false;
  uint64_t refusals_ = 0;
  uint64_t ids_ = 0;
  std::vector<std::unique_ptr<SimNode>> nodes_;  // the last one runs; what others began may go on
};

}  // namespace tandem
