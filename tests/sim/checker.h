// Holds what was promised to clients against what the disks have and what the model says.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/core/core.h"
#include "tests/sim/model.h"
#include "tests/sim/node.h"
#include "tests/sim/strangers.h"
#include "tests/sim/workload.h"

namespace tandem {

// Owner: the simulation's thread.
class Checker {
 public:
  Checker(SimNode& node, const Strangers& strangers) : node_(node), strangers_(strangers) {}

  // An answer left core just now, for a request that is accepted.
  void OnReply(const SimRequest& request, const WriteReply& reply);
  // The results of a write that is accepted, whatever level it reached.
  void OnKnown(const SimRequest& request, const std::vector<OperationResult>& results);
  // The write was accepted as `sequence`, whatever level it reached.
  void OnAccepted(const SimRequest& request, Sequence sequence);
  // Refused for good. When it was sent, sequences up to `low` were known to be given out; when the
  // answer came, none above `high` was.
  void OnRefused(const SimRequest& request, Reason reason, Sequence low, Sequence high);
  // After every event that matters: what core says of itself.
  void CheckView();
  // As core showed itself then; null: it was not up.
  [[nodiscard]] const CoreView* view() const { return view_.has_value() ? &*view_ : nullptr; }

  [[nodiscard]] Sequence max_known() const {
    return operations_.empty() ? 0 : operations_.rbegin()->first;
  }

  // When all is quiet: the trees of all targets are the model's, and everything said on the way
  // was true.
  void Finish();
  // Trees only, after Finish.
  void CheckTrees(bool durable, const std::string& when);

  // What the target's watermark file said last.
  [[nodiscard]] Sequence watermark(size_t target) const {
    const auto found = last_watermark_.find(target);
    return found == last_watermark_.end() ? 0 : found->second;
  }

  // How often a target was seen to be detached.
  [[nodiscard]] uint64_t detached() const { return detached_; }

  void Fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }
  // "" or what is wrong.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  struct Applied {
    size_t request;
    Operation operation;
    OperationResult result;
  };
  // What a target's disk durably had when it was claimed to have the write.
  struct Claim {
    Sequence sequence;
    size_t target;
    std::string path;
    std::optional<std::string> content;
  };
  // What a target's disk durably had when its watermark file said this.
  struct WatermarkClaim {
    Sequence sequence;
    size_t target;
    std::map<std::string, std::string> tree;
    std::string hidden;  // by a stranger, at this path; "": nothing
  };
  struct Refusal {
    SimRequest request;
    Reason reason;
    Sequence low;
    Sequence high;
    bool explained = false;
  };

  void CheckRetired(const CoreView& view, const TargetView& target, const std::string& marks);
  // Paths that the target lacks something of and says so: skipped, or parked behind that.
  [[nodiscard]] std::set<std::string> Behind(size_t target);
  void TakeClaims(const SimRequest& request, const WriteReply& reply);
  void TryToExplainRefusals(Sequence at);
  void CheckClaim(const Claim& claim);
  void TakeWatermarks();
  void CheckWatermark(const WatermarkClaim& claim);

  SimNode& node_;
  const Strangers& strangers_;
  std::map<size_t, std::set<std::string>> last_behind_;  // while core is down
  std::optional<CoreView> view_;
  std::map<Sequence, Applied> operations_;
  std::map<Sequence, size_t> accepted_;  // sequence -> request, where only that is known
  std::map<size_t, std::vector<Sequence>> sequences_;  // of each request
  std::vector<Claim> claims_;
  std::vector<WatermarkClaim> watermarks_;
  std::map<size_t, Sequence> last_watermark_;  // of each target
  std::vector<Refusal> refusals_;
  Model model_;
  uint64_t detached_ = 0;
  std::set<std::string> detached_now_;
  std::string failure_;
};

}  // namespace tandem
