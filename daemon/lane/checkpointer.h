// Keeps a lane's durable state up to date: often enough when nobody waits, at once when a write
// depends on it.
#pragma once

#include <functional>

#include "daemon/io/env.h"
#include "daemon/io/event.h"
#include "daemon/lane/lane_state.h"

namespace tandem {

// Owner: the lane's thread.
class Checkpointer {
 public:
  // `file`: loaded. `on_saved(prefix)`: everything up to there is settled, durably.
  Checkpointer(Env& env, LaneStateFile& file, LaneState state, int64_t interval_ms,
               std::function<void(Sequence)> on_saved);

  // `sequence` is applied and durable on the target, or parked.
  void Settle(Sequence sequence);

  // What the target lacks of the records up to `through` is copied from another one, not applied.
  void PassOver(Sequence through);

  // This lane belongs to that target from now on.
  void PinTarget(const std::string& target_id);

  // The target's watermark says that it is complete through `sequence`.
  void SetPublished(Sequence sequence);

  // The next epoch on the target is `epoch`. `as_it_is`: what was published there is void.
  void TakeEpoch(uint64_t epoch, bool as_it_is);

  // Returns when all that was settled before the call is saved, or at Stop.
  Awaitable<void> WaitSaved();
  // Or at EndWaits: for those who do nothing more then.
  Awaitable<void> WaitSavedOrEnd();

  // Returns when `sequence` may be started: a successor of this process could know that it may have
  // been. Or at EndWaits.
  Awaitable<void> WaitStartable(Sequence sequence);

  // The lane starts nothing more. Saving goes on until Stop.
  void EndWaits();

  // Save soon.
  void Request();

  // Starts the saving loop.
  void Start();
  // A last save, if there is something to save; then the loop has ended.
  Awaitable<absl::Status> Stop();

  [[nodiscard]] const LaneState& state() const { return state_; }
  // Why the last save failed; OK if it did not.
  [[nodiscard]] const absl::Status& problem() const { return problem_; }
  // Counts the changes of the state; what was settled at a version is durable once saved_version()
  // has reached it.
  [[nodiscard]] uint64_t version() const { return version_; }
  [[nodiscard]] uint64_t saved_version() const { return saved_version_; }

 private:
  // `ended`: one of this object's own.
  Awaitable<void> WaitSavedUnless(const bool& ended);
  void Changed();
  Awaitable<void> Loop();
  Awaitable<absl::Status> SaveOnce();

  Env& env_;
  LaneStateFile& file_;
  LaneState state_;
  int64_t interval_ns_;
  std::function<void(Sequence)> on_saved_;
  uint64_t version_ = 1;  // of state_.settled; the first save is the process's generation
  uint64_t saved_version_ = 0;
  Sequence saved_started_limit_ = 0;
  absl::Status problem_;
  bool requested_ = false;
  bool running_ = false;
  bool waits_ended_ = false;
  bool stopped_ = false;
  Event wake_;
  Event saved_;
};

}  // namespace tandem
