// What becomes of parked writes: tried again now and then and when an operator asks, given up when
// one says so, replaced by later full writes of a DIVERGED path. Who goes before whom: see
// parked_store.h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/io/event.h"
#include "daemon/lane/applier.h"
#include "daemon/lane/dispatcher_parts.h"

namespace tandem {

// Owner: the lane's thread.
class Quarantine {
 public:
  Quarantine(DispatcherParts parts, Applier& applier);

  // Tries what is parked again at every interval, until Stop; returns when none of its own work is
  // under way any more.
  Awaitable<void> Run();
  void Stop();

  // One at a time works on what is parked: a retry, a command, or a write that replaces some of it.
  // Whoever takes the turn gives it back.
  Awaitable<void> TakeTurn();
  void GiveTurnBack();

  // The full write is on the target: forgets, durably, what it has replaced and that its path was
  // DIVERGED. Needs the turn. False: stopped before that held; the write must be done again.
  Awaitable<bool> Heal(RecordHeader full);

  // The parked write can never be applied, and need not be: it is forgotten, durably. Needs the
  // turn.
  Awaitable<absl::Status> Supersede(Sequence sequence);

  // Of a write that waits until its path is copied from another target.
  void SetMissed(std::function<bool(const RecordHeader&)> is_missed) {
    is_missed_ = std::move(is_missed);
  }

  // Does what an operator asks, and reports the result. What waited behind is tried at once.
  void Resolve(internal::v1::PendingCommand command);

 private:
  Awaitable<void> RunCommand(internal::v1::PendingCommand command);
  using Wanted = std::function<bool(const ParkedWrite&)>;

  // Tries those that are wanted, in their order. `forced`: a person named them, so that a full
  // write replaces even a stranger's file.
  Awaitable<void> TryAgain(Wanted wanted, bool forced, internal::v1::PendingResult* result);
  absl::Status StillWaits(const ParkedWrite& write);
  // `before`: what waits before it; what it replaces is taken out.
  Awaitable<absl::Status> TryOne(Sequence sequence, Standing standing, bool forced,
                                 KeyUses& before);
  Awaitable<absl::Status> Apply(Target& target, Sequence sequence, bool any_size);
  Awaitable<void> SkipAll(std::vector<Sequence> sequences, std::string reason, std::string caller,
                          internal::v1::PendingResult* result);
  // Again and again until it holds; false: stopped before.
  Awaitable<bool> Insist(std::function<Awaitable<absl::Status>()> change, const char* what,
                         Sequence sequence);
  [[nodiscard]] bool Refused(const std::vector<Sequence>& chosen,
                             const internal::v1::PendingCommand& command,
                             internal::v1::PendingResult* result) const;

  DispatcherParts parts_;
  Env& env_;
  Applier& applier_;
  std::function<bool(const RecordHeader&)> is_missed_ = [](const RecordHeader&) { return false; };
  bool stopped_ = false;
  bool busy_ = false;    // somebody has the turn
  bool again_ = false;   // do not wait for the interval
  size_t commands_ = 0;  // under way
  Event free_;
  Event wake_;
};

// The lane is starting or stopping.
[[nodiscard]] internal::v1::PendingResult NotNow(const internal::v1::PendingCommand& command);

// The write was done (OK), or still waits.
void AddOutcome(const RecordHeader& header, const absl::Status& status,
                internal::v1::PendingResult* result);

}  // namespace tandem
