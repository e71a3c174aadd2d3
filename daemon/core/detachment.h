// The journal at its cap, policy `detach` (DESIGN.md, rule 11): a target that holds the journal
// back is let go of, what it misses is kept as a set of paths, and it is taken back when it is
// well.
//
// Happy path: the journal is pressed -> a target whose checkpoint is in the way is detached, if
// another one has everything that would be retired. Its lane is disconnected: its successor comes
// only when the old operations are over. Before a segment is retired its paths are added to the set
// and synced. The successor says hello, its probes are good: it rejoins, pins the journal from
// behind the last such segment, follows it, and has the missed paths copied (resync_relay.h).
// When none is left, and the target's checkpoint has passed what was copied, it is complete.
// Failure modes: no target has all that would be retired, or the set is full, or cannot be synced
// -> nothing is retired, writes are refused at the cap. Core dies -> the set is loaded again; the
// target rejoins as above. At the cap again -> detached again; what is left in the set stays.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/core/lane_endpoint.h"
#include "daemon/core/missed_log.h"
#include "daemon/core/resync_relay.h"
#include "daemon/core/target_progress.h"
#include "daemon/io/event.h"

namespace tandem {

// Owner: core's thread.
class Detachment {
 public:
  struct Handlers {
    std::function<void(size_t)> send_tail;  // the lane may follow now
    std::function<void(size_t)> changed;    // the target is detached, back, or complete
    std::function<int64_t(size_t)> lag_ms;  // the age of the oldest write that it lacks
  };

  Detachment(Env& env, const CoreOptions& options, Progress& progress,
             std::vector<std::unique_ptr<LaneEndpoint>>& lanes, Handlers handlers);

  // What was missed when core ended; the journal's lock is held. DATA_LOSS: damage.
  Awaitable<absl::Status> Load();
  void Begin(Journal& journal);

  // The lane is told the journal's tail.
  [[nodiscard]] bool MayFollow(size_t lane) const { return !members_[lane]->waits; }
  // The target has all that it should: it can be a source, and what its lane says counts.
  [[nodiscard]] bool IsComplete(size_t lane) const { return !members_[lane]->set.active(); }
  [[nodiscard]] MissedView View(size_t lane) const;

  void OnAttached(size_t lane);
  void OnLost(size_t lane);
  // Its status or its checkpoint may be another.
  void OnProgress(size_t lane);
  void OnMessage(size_t lane, internal::v1::LaneMessage& message);

  // As of Journal::Listener.
  void OnPressed(Sequence last);
  Awaitable<bool> BeforeRetire(Sequence first, Sequence last, const std::string& footer);

 private:
  struct Member {
    Member(Env& env, const CoreOptions& options, const std::string& target)
        : log(env, options.journal.directory, target, set) {}
    MissedSet set;
    MissedLog log;
    bool detached = false;
    bool waits = false;      // its lane is not told the tail
    bool rejoining = false;  // a coroutine is about it
    bool completing = false;
    bool full = false;  // what holds the journal back has too many paths: it has to be applied
    uint64_t connection = 0;  // which lane; 0: none
    uint64_t copied_paths = 0;
    uint64_t copied_bytes = 0;
  };

  void Consider();
  void Detach(size_t lane);
  // The target is not complete from now on; false: it was not anyway.
  bool BeginMissing(size_t lane);
  // A target that has all that this one needs up to `last`, durably.
  [[nodiscard]] bool IsCovered(size_t lane, Sequence last) const;
  absl::Status Collect(const std::string& footer, Sequence last);
  Awaitable<absl::Status> SyncAll();
  // Or until the lane is not the one of this `connection` any more.
  Awaitable<void> SyncUntilItHolds(size_t lane, std::optional<uint64_t> connection);
  void MaybeRejoin(size_t lane);
  Awaitable<void> Rejoin(size_t lane);
  Awaitable<void> Confirm(size_t lane);
  void MaybeComplete(size_t lane);
  Awaitable<void> Complete(size_t lane);
  void OnMissed(size_t lane, const internal::v1::Missed& missed);
  Awaitable<void> Note(size_t lane, uint64_t id);
  void OnPageQuery(size_t lane, const internal::v1::MissedPageQuery& query);
  void SendState(size_t lane, bool rejoin);

  Env& env_;
  const CoreOptions& options_;
  Progress& progress_;
  std::vector<std::unique_ptr<LaneEndpoint>>& lanes_;
  Handlers handlers_;
  Journal* journal_ = nullptr;
  ResyncRelay relay_;
  std::vector<std::unique_ptr<Member>> members_;
  Sequence pressed_ = 0;  // 0: the journal is not
  bool appending_ = false;
  bool full_logged_ = false;
  uint64_t connections_ = 0;
  Event appended_;
};

}  // namespace tandem
