// Who waits for which level of which write, and telling them (promise 2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "daemon/base/reason.h"
#include "daemon/core/core.h"
#include "daemon/core/target_progress.h"
#include "daemon/core/timeouts.h"
#include "daemon/io/env.h"

namespace tandem {

// One caller waiting. Sequences first..last are the write, or the whole batch.
struct AcknowledgementWait {
  Sequence first = 0;
  Sequence last = 0;
  Level level = Level::kJournaled;
  int64_t deadline_ns = 0;  // monotonic
  Uuid request_id;
  std::vector<OperationResult> results;
  bool earlier_attempt = false;
  WriteDone done;
};

// Owner: core's thread. Memory: one entry per caller who waits, however many targets are dead.
// Callers are answered from the On... calls and from the timer, never inside Add,
// RefuseWhenDurable.
class Acknowledgements {
 public:
  // `answered` is called before each answer.
  Acknowledgements(Env& env, const Progress& progress, absl::AnyInvocable<void()> answered);
  Acknowledgements(const Acknowledgements&) = delete;
  Acknowledgements& operator=(const Acknowledgements&) = delete;

  // Answers at the level, at the deadline (DURABILITY_NOT_REACHED), or when a needed target has
  // parked the write (TARGET_FAILED).
  void Add(AcknowledgementWait wait);

  // Answers with `refusal` as soon as the record `depends_on` is durable: before that the refusal
  // could turn out to be wrong. OUTCOME_UNKNOWN at the deadline.
  void RefuseWhenDurable(Sequence depends_on, absl::Status refusal, int64_t deadline_ns,
                         WriteDone done);

  // Progress has changed already when these are called.
  void OnDurable();
  void OnSettled(size_t target, Sequence first, Sequence last);
  // The record is parked on the target.
  void OnParked(size_t target, Sequence sequence);
  // Everything about the target may have changed.
  void OnTargetChanged(size_t target);
  // Nothing more becomes durable in the journal: who waits for that gets OUTCOME_UNKNOWN.
  void OnJournalFailed(const absl::Status& why);
  // Answers all who wait as if their time was over.
  void ExpireAll();

  [[nodiscard]] size_t size() const { return waiters_.size(); }
  // The highest sequence that anybody ever waited for on this target.
  [[nodiscard]] Sequence wanted(size_t target) const { return wanted_[target]; }

 private:
  using WaiterId = uint64_t;
  // Where a waiter is registered, by the first sequence it misses there: 0 is the journal, then
  // the targets.
  using Gate = absl::btree_multimap<Sequence, WaiterId>;
  struct Waiter {
    AcknowledgementWait wait;
    absl::Status refusal;     // not OK: what to answer once it is durable
    uint64_t open_gates = 0;  // one bit each
  };
  struct Answer {
    WriteDone done;
    absl::StatusOr<WriteReply> reply;
  };

  // What is clear at once is answered later, not inside the caller's call.
  void Begin(Waiter waiter);
  WaiterId Insert(Waiter waiter);
  // Registers the waiter where it misses something; answers it if that is nowhere, or if there is
  // no hope.
  void Check(WaiterId id);
  // At this gate only: what it missed up to now has come.
  void CheckGate(WaiterId id, size_t gate);
  [[nodiscard]] std::optional<Sequence> MissingAt(const Waiter& waiter, size_t gate) const;
  // Not OK: a needed target has parked it.
  [[nodiscard]] absl::Status FindParked(const Waiter& waiter) const;
  void PassGate(size_t gate, Sequence first, Sequence last);
  // Answers it if a needed target has parked it.
  void FinishIfParked(WaiterId id);
  void Expire(WaiterId id);
  void Finish(WaiterId id, absl::StatusOr<WriteReply> reply);
  [[nodiscard]] WriteReply ReplyOf(Waiter& waiter) const;
  [[nodiscard]] RefusalDetail DetailOfWaiter(const Waiter& waiter) const;
  // Answers who is finished, once nothing here is under way any more.
  void Deliver();

  Env& env_;
  const Progress& progress_;
  absl::AnyInvocable<void()> answered_;
  WaiterId next_id_ = 1;
  uint64_t longest_ = 0;  // batch that ever waited, less one
  absl::flat_hash_map<WaiterId, std::unique_ptr<Waiter>> waiters_;
  std::vector<Gate> gates_;
  std::vector<Sequence> wanted_;
  std::vector<Answer> answers_;
  absl::Status journal_failure_;  // OK: it has not failed
  Timeouts timeouts_;
};

}  // namespace tandem
