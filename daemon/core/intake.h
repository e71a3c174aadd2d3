// The way of a write through core: known already? room for it? what are its paths? then sequenced,
// journaled and acknowledged.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "daemon/core/acknowledgements.h"
#include "daemon/core/admission.h"
#include "daemon/core/core.h"
#include "daemon/core/lag_index.h"
#include "daemon/core/path_questions.h"
#include "daemon/core/path_queue.h"
#include "daemon/core/path_states.h"
#include "daemon/core/request_index.h"
#include "daemon/core/sequencer.h"
#include "daemon/core/target_progress.h"

namespace tandem {

// A write that has been validated, on its way to its sequence.
struct IntakeWrite {
  Uuid request_id;
  std::vector<Operation> operations;
  Digest digest{};
  std::optional<UploadFacts> upload;
  // Only asks whether it would be possible: nothing is journaled, the reply is empty.
  bool probe = false;
  Level level = Level::kJournaled;
  int64_t deadline_ns = 0;  // monotonic: when the caller must have an answer
  WriteDone done;
  // If set: called once it is sequenced (with its sequence) or refused (0), before the answer.
  absl::AnyInvocable<void(Sequence)> left;
  uint64_t bytes = 0;  // payload, as counted in the budget
};

// Owner: core's thread.
class Intake {
 public:
  Intake(Env& env, const CoreOptions& options, Progress& progress, PathQuestions::Lanes& lanes);
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // At the start: every record that the journal kept, oldest first, and before them those of which
  // only the request id is `kept`; then the journal itself.
  void Recover(const RecordHeader& record, bool kept);
  void Begin(Journal& journal);

  // Takes the write over. Counts it in the budget until it is answered.
  void Submit(IntakeWrite write);
  void WaitDurable(WriteKey key, Level level, int64_t deadline_ns, WriteDone done);
  // The highest sequence that anybody ever waited for on this target.
  [[nodiscard]] Sequence wanted(size_t target) const { return acknowledgements_.wanted(target); }
  absl::StatusOr<WriteInfo> GetWrite(const WriteKey& key);

  // For an upload that begins. kAnswered: refused, or answered from an earlier attempt that
  // committed; `done` is taken. kKnown: there was one, and only the content can tell whether this
  // is the same. kReserved: the id belongs to the upload until ReleaseId.
  enum class Reserved { kAnswered, kKnown, kReserved };
  Reserved ReserveId(const UploadRequest& request, int64_t deadline_ns, WriteDone& done);
  void ReleaseId(const Uuid& id) { reserved_.erase(id); }
  [[nodiscard]] bool Knows(const Uuid& id) const { return index_.Find(id) != nullptr; }

  // A record that is no client's write: a chunk (`internal` false) or what frees room. The refusal
  // of Journal::Admit, or its sequence.
  absl::StatusOr<Sequence> AppendOwn(Record record, bool internal);

  // The journal's watermark and its end.
  void OnDurable();
  void OnJournalFailed(const absl::Status& why);
  // A target's progress changed.
  void OnSettled(size_t target, Sequence first, Sequence last);
  void OnParked(size_t target, Sequence sequence);
  void OnTargetChanged(size_t target);
  void OnCheckpoint();
  // What is parked there changed for the better, or it lost what it had.
  void OnUnparked(size_t lane);
  // A lane answered, came, or can be asked more.
  void OnAnswer(size_t lane, const internal::v1::PathAnswer& answer);
  void OnLaneAttached(size_t lane) { questions_.OnLaneAttached(lane); }

  // Nothing new is sequenced any more; who waits for a path state is refused.
  void StopSequencing();
  // Whoever still waits is told what was reached.
  void AnswerAll() { acknowledgements_.ExpireAll(); }

  [[nodiscard]] int64_t DeadlineNs(int64_t wait_timeout_ms);
  // Age of the oldest record that the target lacks; 0 if there is none. In this process it is told
  // by the time that passed; of what was read back, by the wall clock at the start.
  [[nodiscard]] int64_t LagMs(const TargetLag& lag);
  [[nodiscard]] const LagIndex& lag() const { return lag_; }
  // A target other than `local` lags by more than the limit. Looked at a few times a second.
  [[nodiscard]] bool RpoAtRisk();
  [[nodiscard]] uint64_t unanswered() const { return budget_.writes(); }
  // Answers with an error, not inside the caller's call.
  void AnswerLater(WriteDone done, absl::StatusOr<WriteReply> reply);

 private:
  // What became of an attempt that others joined: it is sequenced, it is refused with this once
  // `depends_on` is durable, or whoever joined ran out of time before that.
  struct Ended {
    absl::Status refusal;
    Sequence depends_on = 0;
    bool too_late = false;
  };
  struct Joiner {
    Ticket to = 0;  // the attempt
    int64_t deadline_ns = 0;
    absl::AnyInvocable<void(const Ended&)> go_on;
  };
  struct Waiting {
    IntakeWrite write;
    std::vector<std::string> paths;  // kept apart: sequencing takes the operations over
    int64_t limit_ns = 0;            // for what lanes have to say
    std::vector<Ticket> joined;
  };

  void Route(IntakeWrite write);
  bool AnswerKnown(IntakeWrite& write);
  bool JoinWaiting(IntakeWrite& write);
  void Join(Ticket to, int64_t deadline_ns, absl::AnyInvocable<void(const Ended&)> go_on);
  // Sequenced or refused: true. Otherwise lanes have to be asked about `unknown`.
  bool Settle(IntakeWrite& write, std::vector<std::string>& unknown, absl::Status& refusal,
              Sequence& depends_on);
  void Journalize(IntakeWrite& write, std::vector<Record> records);
  void Refuse(IntakeWrite& write, absl::Status refusal, Sequence depends_on);
  // True: one or more of them are known now.
  bool FillFromParked(const std::vector<std::string>& unknown);
  // What lanes can answer for may be forgotten.
  void SettleStates();
  void Enqueue(IntakeWrite write, const std::vector<std::string>& unknown);
  void Retry(Ticket ticket);
  // `ended`: for those who joined it.
  void Leave(Ticket ticket, const Ended& ended);
  void RefuseWaiting(Ticket ticket, absl::Status refusal);
  void OnLimit(Ticket ticket);
  void RunReady();
  [[nodiscard]] const IndexedRequest* Find(const WriteKey& key) const;
  [[nodiscard]] int64_t RunMs() const;
  [[nodiscard]] int64_t MonotonicMs() const { return env_.clock.MonotonicNs() / kNsPerMs; }
  void AdvanceIndex() { index_.Advance(RunMs(), env_.clock.WallMs()); }

  Env& env_;
  const CoreOptions& options_;
  Progress& progress_;
  Journal* journal_ = nullptr;
  PathQueue queue_;
  PathStates states_;
  Sequencer sequencer_;
  RequestIndex index_;
  LagIndex lag_;
  Budget budget_;
  PathQuestions questions_;
  Acknowledgements acknowledgements_;
  Timeouts limits_;
  int64_t rpo_looked_ns_ = 0;  // monotonic; 0: never
  bool rpo_at_risk_ = false;
  bool stopped_ = false;
  const int64_t started_wall_ms_;
  const int64_t started_ms_;  // monotonic
  int64_t run_at_start_ms_ = 0;
  Ticket next_ticket_ = 1;
  absl::btree_map<Ticket, Waiting> waiting_;
  absl::btree_map<Ticket, Joiner> joiners_;
  absl::flat_hash_map<Uuid, Ticket> waiting_ids_;
  absl::flat_hash_set<Uuid> reserved_;
  std::deque<Ticket> ready_;
  std::deque<absl::AnyInvocable<void()>> rejoining_;
  bool running_ = false;
};

}  // namespace tandem
