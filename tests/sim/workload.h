// What simulated satellites ask for: every kind of write, on few paths, so that they collide.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/model/operation.h"
#include "tests/sim/sim_random.h"

namespace tandem {

struct SimRequest {
  size_t number = 0;
  Uuid id;
  std::vector<Operation> operations;  // of an upload: one kUploadCommit with all of its content
  bool upload = false;
  bool abandoned = false;  // an upload that is never committed
  Level level = Level::kLocal;
  int64_t wait_timeout_ms = 0;

  // For the log: "#7 Put a/b 120".
  [[nodiscard]] std::string ToString() const;
};

// Owner: the simulation's thread.
class Workload {
 public:
  // `heavy`: large writes, most of which wait for the journal only.
  Workload(SimRandom random, bool heavy);

  // `wall_ms` goes into the request's id.
  SimRequest Next(int64_t wall_ms);
  // The same id with something else in it: to be refused.
  SimRequest Forge(const SimRequest& request);
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }

 private:
  [[nodiscard]] std::string PickPath();
  [[nodiscard]] std::string MakePayload(size_t number, size_t index);
  Operation MakeOperation(size_t number, size_t index);

  SimRandom random_;
  size_t next_ = 1;
  std::vector<std::string> paths_;
  bool heavy_;
  bool large_;  // this run's payloads are large
};

}  // namespace tandem
