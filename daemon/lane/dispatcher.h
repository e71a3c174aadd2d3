// The heart of a lane: takes records from the journal in their order, starts what may be started,
// and settles each exactly when it is durable on the target (or parked).
//
// Happy path: a record queues for its path's lock. The one that has it starts a run, takes along
// the writes to the same path that wait only for it, applies them as one, settles them, and lets
// go of the lock. Around a Rename or Delete the lane's state is saved first (what it depends on)
// and before the lock is let go (what depends on it): see Rule 1 in DESIGN.md. Failure modes: the
// target's fault -> wait for it and do the run again, for ever. The path's fault
// -> a few tries, then park the record, and everything that depends on it. Core gone -> start
// nothing, finish what is under way.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "daemon/io/event.h"
#include "daemon/lane/applier.h"
#include "daemon/lane/dispatcher_parts.h"
#include "daemon/lane/path_locks.h"
#include "daemon/lane/quarantine.h"
#include "daemon/lane/resync.h"
#include "daemon/lane/source.h"
#include "daemon/lane/watermark_point.h"

namespace tandem {

// Owner: the lane's thread.
class Dispatcher {
 public:
  // Records up to `doubt_limit` may have been applied by a predecessor.
  Dispatcher(DispatcherParts parts, ResyncLink& link, uint64_t generation, Sequence doubt_limit);

  // Follows the journal until Stop; the reader is positioned. Returns when nothing is under way any
  // more: OK, or why the journal could not be read, DATA_LOSS if it is damaged.
  Awaitable<absl::Status> Run();

  // The journal's tail moved.
  void Wake() {
    woken_ = true;
    wake_.Notify();
  }
  // Somebody waits for this sequence: up to it nothing lingers.
  void SetWanted(Sequence wanted) { wanted_ = std::max(wanted_, wanted); }
  // Starts nothing more.
  void Stop();

  // Why it stopped by itself; OK: it did not.
  [[nodiscard]] const absl::Status& damage() const { return damage_; }

  // What an operator asks of parked writes.
  void Resolve(internal::v1::PendingCommand command) { quarantine_.Resolve(std::move(command)); }

  // Of a target that was detached; load it before Run.
  [[nodiscard]] Resync& resync() { return resync_; }
  [[nodiscard]] const Resync& resync() const { return resync_; }
  // Another target's lane asks.
  void AskSource(internal::v1::SourceQuery query) { source_.Ask(std::move(query)); }

  // Nothing is left to do up to the tail the reader knows.
  [[nodiscard]] bool idle() const { return entries_.empty() && !reading_; }
  // Wall time of the oldest record read and not yet settled; 0 if there is none.
  [[nodiscard]] int64_t oldest_unapplied_ms() const;
  // How far it is; the journal is durable up to `durable`.
  [[nodiscard]] LanePosition Position(Sequence durable) const {
    const Sequence settled = parts_.checkpointer.state().settled.prefix();
    return {.settled = settled, .at_tail = idle() && settled >= durable, .complete_ms = 0};
  }
  [[nodiscard]] uint64_t bytes_waiting() const { return bytes_waiting_; }

 private:
  enum class State { kWaiting, kReady, kRunning };
  enum class Outcome { kApplied, kParked, kStopped, kMissed };
  struct Entry {
    Record record;
    RecordPlace place;
    State state = State::kWaiting;
    bool has_payload = true;
    // A try failed and may have left this much of it, and of what was tried with it.
    std::optional<SizeRange> begun;
  };

  Awaitable<void> Linger();
  Awaitable<absl::Status> Fill();
  void Add(PlacedRecord placed);
  void Granted(Sequence sequence);
  void Launch();
  std::vector<Sequence> TakeRun(Sequence head);
  Awaitable<void> RunPath(std::vector<Sequence> sequences);
  Awaitable<Outcome> AdmitAndApply(std::vector<Sequence>& sequences);
  Awaitable<bool> ParkUntilItHolds(std::vector<Sequence>& sequences, absl::Status why);
  Awaitable<PathPin> Pin(std::string path);
  void Unpin(Sequence id);
  void TaskEnded() { finished_.Notify(); }
  [[nodiscard]] bool IsBusy() const {
    return running_ > 0 || resync_.tasks() > 0 || source_.tasks() > 0;
  }
  [[nodiscard]] bool MustSaveBefore(const std::vector<Sequence>& sequences);
  Awaitable<Outcome> ApplyOrPark(std::vector<Sequence>& sequences);
  Awaitable<absl::Status> AttemptToHeal(Target& target, const std::vector<Sequence>& sequences);
  // `heals`: the path is DIVERGED, so anything may be there.
  Awaitable<absl::Status> Attempt(Target& target, const std::vector<Sequence>& sequences,
                                  bool heals);
  [[nodiscard]] PathRun RunOf(const std::vector<Sequence>& sequences, bool heals);
  void NoteBegun(const std::vector<Sequence>& sequences);
  Awaitable<absl::Status> LoadPayload(Sequence sequence);
  absl::StatusOr<std::unique_ptr<Content>> ContentOf(const Record& commit);
  Awaitable<absl::Status> ParkRun(const std::vector<Sequence>& sequences, absl::Status why,
                                  uint32_t attempts);
  Awaitable<absl::Status> ParkOne(Sequence sequence, absl::Status why, uint32_t attempts);
  Awaitable<void> Settle(std::vector<Sequence> sequences, bool parked);
  void KeepOnlyFirst(std::vector<Sequence>& sequences);
  void Fail(absl::Status damage);
  Awaitable<void> Pause(uint32_t attempt);
  Awaitable<void> RunQuarantine();
  Awaitable<void> HeartbeatLoop();
  [[nodiscard]] bool IsDue(Sequence heartbeat) const;
  [[nodiscard]] Entry& At(Sequence sequence);

  DispatcherParts parts_;
  Env& env_;
  Applier applier_;
  Quarantine quarantine_;
  Resync resync_;
  Source source_;
  Sequence doubt_limit_;
  PathLocks locks_;
  std::map<Sequence, bool> pins_;  // -> it is granted
  Sequence next_pin_ = kFirstPin;
  Sequence added_ = 0;    // the last record that was read and queued
  size_t admitting_ = 0;  // of running_: these wait for what is missed
  std::map<Sequence, std::unique_ptr<Entry>> entries_;
  std::deque<Sequence> ready_;
  std::deque<Sequence> heartbeats_;                    // read and not settled
  absl::flat_hash_map<std::string, uint64_t> edited_;  // path -> version of the state that has it
  uint64_t bytes_held_ = 0;                            // payloads in memory
  uint64_t bytes_waiting_ = 0;                         // payloads of entries
  size_t running_ = 0;                                 // coroutines under way, the loops included
  Sequence wanted_ = 0;
  int64_t filled_ns_ = 0;
  bool reading_ = false;
  bool woken_ = false;
  bool stopped_ = false;
  absl::Status damage_;
  Event wake_;
  Event stop_;
  Event beat_;
  Event finished_;
  Event granted_;
};

}  // namespace tandem
