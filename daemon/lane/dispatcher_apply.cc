// Dispatcher, fifth part: a run is applied, or its first record parked.
#include <algorithm>
#include <utility>

#include "daemon/base/status.h"
#include "daemon/lane/dispatcher.h"
#include "daemon/lane/errors.h"

namespace tandem {

Awaitable<Dispatcher::Outcome> Dispatcher::ApplyOrPark(std::vector<Sequence>& sequences) {
  for (const Sequence sequence : sequences) source_.Touch(At(sequence).record);
  uint32_t attempts = 0;
  uint32_t refusals = 0;  // since the target's own last failure
  while (!stopped_) {
    absl::Status status;
    const Record& front = At(sequences.front()).record;
    const Standing standing = parts_.parked.StandingOf(front);
    // One by one: a later one of the run may be what its path needs.
    if (standing != Standing::kFree) KeepOnlyFirst(sequences);
    if (standing == Standing::kWaits) {
      status = absl::FailedPreconditionError(parts_.parked.WhyWaits(front));
    } else {
      const std::shared_ptr<Target> target = co_await parts_.keeper.Ready();
      if (target == nullptr) break;
      if (standing == Standing::kHeals) {
        status = co_await AttemptToHeal(*target, sequences);
      } else {
        status = co_await Attempt(*target, sequences, /*heals=*/false);
      }
      if (status.ok()) {
        parts_.keeper.WriteSucceeded();
        co_return Outcome::kApplied;
      }
      if (stopped_) break;
      if (absl::IsDataLoss(status)) Fail(status);
      if (stopped_) break;
      if (ArePiecesGone(status)) {
        const std::string path = front.path;
        const absl::Status missed = co_await resync_.Miss(path, sequences.back());
        if (missed.ok()) co_return Outcome::kMissed;
        continue;
      }
      ++parts_.counters.failed_attempts;
      NoteBegun(sequences);
      ++attempts;
      if (ScopeOf(status) == FailureScope::kTarget) {
        if (target == parts_.keeper.current()) parts_.keeper.WriteFailed(status);
        refusals = 0;
        co_await Pause(attempts);
        continue;
      }
      ++refusals;
      if (refusals <= parts_.options.max_retries && !IsForeignChange(status)) {
        ++parts_.counters.retries;
        co_await Pause(attempts);
        continue;
      }
      if (!co_await parts_.keeper.IsWell()) {
        attempts = refusals = 0;
        continue;
      }
      if (sequences.size() > 1) {
        // Maybe only a later one fails: the first one alone.
        KeepOnlyFirst(sequences);
        attempts = refusals = 0;
        continue;
      }
      parts_.keeper.WriteSucceeded();
    }
    const absl::Status parked = co_await ParkRun(sequences, status, attempts);
    if (parked.ok()) co_return Outcome::kParked;
    ++attempts;
    co_await Pause(attempts);
  }
  co_return Outcome::kStopped;
}

void Dispatcher::KeepOnlyFirst(std::vector<Sequence>& sequences) {
  for (size_t i = 1; i < sequences.size(); ++i) At(sequences[i]).state = State::kWaiting;
  sequences.resize(1);
}

Awaitable<void> Dispatcher::Pause(uint32_t attempt) {
  const uint32_t doublings = std::min(attempt, 20u) - 1;
  const int64_t delay_ms =
      std::min(parts_.options.retry_initial_ms << doublings, parts_.options.retry_max_ms);
  if (!stopped_) co_await stop_.WaitFor(env_.clock, delay_ms * 1'000'000);
}

Awaitable<absl::Status> Dispatcher::Attempt(Target& target, const std::vector<Sequence>& sequences,
                                            bool heals) {
  const int64_t started_ns = env_.clock.MonotonicNs();
  PathRun run = RunOf(sequences, heals);
  const int base = FullWriteOf(run.records);
  uint64_t bytes = 0;
  for (size_t i = static_cast<size_t>(std::max(base, 0)); i < sequences.size(); ++i) {
    CO_RETURN_IF_ERROR(co_await LoadPayload(sequences[i]));
    bytes += run.records[i]->payload_length;
  }
  if (base >= 0 && run.records[static_cast<size_t>(base)]->type == RecordType::kUploadCommit) {
    CO_ASSIGN_OR_RETURN(run.content, ContentOf(*run.records[static_cast<size_t>(base)]));
  }
  CO_RETURN_IF_ERROR(co_await applier_.Apply(target, run));
  parts_.counters.CountApply(env_.clock.MonotonicNs() - started_ns, sequences.size(), bytes);
  co_return absl::OkStatus();
}

}  // namespace tandem
