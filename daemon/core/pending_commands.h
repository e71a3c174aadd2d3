// What operators ask of parked writes, while a lane does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "daemon/core/core.h"
#include "daemon/core/lane_endpoint.h"
#include "daemon/core/target_progress.h"
#include "daemon/core/timeouts.h"
#include "daemon/io/env.h"

namespace tandem {

// Owner: core's thread. A command that a lane has got keeps its place until the lane answers or is
// lost, whether or not its caller still waits: so neither core nor a hanging lane hoards them.
// Callers are never answered inside Add.
class PendingCommands {
 public:
  static constexpr size_t kMaxOutstanding = 16;  // of one lane

  explicit PendingCommands(Env& env);

  // `lane`: where it goes, `endpoint` is its; nullopt: there is no such target.
  void Add(std::optional<size_t> lane, LaneEndpoint* endpoint, PendingRequest request,
           PendingDone done);
  void OnResult(size_t lane, const internal::v1::PendingResult& result);
  void OnLaneLost(size_t lane);

 private:
  struct Command {
    size_t lane = 0;
    int64_t deadline_ns = 0;
    std::string target;
    PendingDone done;  // null: answered
  };

  void Answer(uint64_t id, absl::StatusOr<internal::v1::PendingResult> result);

  Env& env_;
  uint64_t next_id_ = 1;
  absl::btree_map<uint64_t, Command> commands_;
  Timeouts timeouts_;
};

// See Core::ListPending.
[[nodiscard]] absl::StatusOr<PendingPage> ListPending(const Progress& progress,
                                                      const std::string& target, PendingPlace after,
                                                      size_t limit);

}  // namespace tandem
