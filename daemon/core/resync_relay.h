// Between a lane that copies missed paths and the lane that has them: no process touches two
// mounts, so what one reads goes through core to the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "daemon/core/lane_endpoint.h"

namespace tandem {

// Owner: core's thread. Memory: what lanes have asked and not been answered, which they bound.
class ResyncRelay {
 public:
  // `may_serve`: the lane is there, and its target has everything.
  ResyncRelay(std::vector<std::unique_ptr<LaneEndpoint>>& lanes,
              std::function<bool(size_t)> may_serve)
      : lanes_(lanes), may_serve_(std::move(may_serve)) {}

  // `lane` asks for something of a path that its target misses.
  void OnQuery(size_t lane, internal::v1::SourceQuery query);
  // The source `lane` answers.
  void OnAnswer(size_t lane, internal::v1::SourceAnswer answer);
  // It is gone, or serves no more: whoever waits for it asks again.
  void OnLaneLost(size_t lane);

 private:
  struct Session {
    size_t asker = 0;
    size_t source = 0;
  };
  struct Asked {
    size_t asker = 0;
    uint64_t id = 0;  // the asker's
    size_t source = 0;
    uint64_t opens = 0;  // the session that it opens; 0: none
  };

  void Refuse(size_t lane, uint64_t id, const char* why);
  void Close(uint64_t session, size_t source);
  // The next that may serve, in turn: one that hangs is not asked for ever.
  [[nodiscard]] std::optional<size_t> NextSource(size_t asker);
  // It hangs, or is slow: what it was asked and has not answered is not for ever added to.
  [[nodiscard]] bool IsBusy(size_t source) const;

  std::vector<std::unique_ptr<LaneEndpoint>>& lanes_;
  std::function<bool(size_t)> may_serve_;
  size_t turn_ = 0;
  uint64_t next_ = 1;
  absl::btree_map<uint64_t, Asked> asked_;
  absl::btree_map<uint64_t, Session> sessions_;
};

}  // namespace tandem
