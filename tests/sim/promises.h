// What has to be so at every moment, whatever goes wrong elsewhere: who waits for whom, and for how
// long.
#pragma once

#include <string>

#include "tests/sim/faults.h"
#include "tests/sim/node.h"
#include "tests/sim/workload.h"

namespace tandem {

// Owner: the simulation's thread.
class Promises {
 public:
  Promises(SimWorld& world, SimNode& node, const Faults& faults)
      : world_(world), node_(node), faults_(faults) {}

  // Now and then; null: core is not up. "" or what is wrong.
  [[nodiscard]] std::string Look(const CoreView* view);
  // An answer to a write that was sent at `sent_ns`; `known`: core knew its paths by then.
  [[nodiscard]] std::string OnReply(const SimRequest& request, int64_t sent_ns, bool known) const;

 private:
  [[nodiscard]] std::string LookAtHealth(const CoreView& view) const;

  SimWorld& world_;
  SimNode& node_;
  const Faults& faults_;
  int64_t up_since_ns_ = 0;
};

}  // namespace tandem
