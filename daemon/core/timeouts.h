// Many deadlines on one timer.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/functional/any_invocable.h"
#include "daemon/io/clock.h"

namespace tandem {

// Owner: core's thread. Memory: one entry per deadline that is neither over nor removed.
class Timeouts {
 public:
  // `expired` is called for each id whose deadline is over, in the order of the deadlines, and of
  // the ids where these are equal. It may add and remove.
  Timeouts(Clock& clock, absl::AnyInvocable<void(uint64_t id)> expired);
  ~Timeouts();
  Timeouts(const Timeouts&) = delete;
  Timeouts& operator=(const Timeouts&) = delete;

  // `deadline_ns` on the monotonic clock.
  void Add(int64_t deadline_ns, uint64_t id);
  // As it was added; one that is over is ignored.
  void Remove(int64_t deadline_ns, uint64_t id);

 private:
  void Arm();
  void Fire();

  Clock& clock_;
  absl::AnyInvocable<void(uint64_t)> expired_;
  absl::btree_set<std::pair<int64_t, uint64_t>> deadlines_;
  Clock::TimerId timer_ = 0;
  bool armed_ = false;
  int64_t armed_for_ns_ = 0;
};

}  // namespace tandem
