// Core put together: intake, uploads, and the lanes' ends.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "daemon/core/catch_up_rate.h"
#include "daemon/core/core.h"
#include "daemon/core/detachment.h"
#include "daemon/core/heartbeat.h"
#include "daemon/core/intake.h"
#include "daemon/core/lane_endpoint.h"
#include "daemon/core/pending_commands.h"
#include "daemon/core/target_progress.h"
#include "daemon/core/uploads.h"
#include "daemon/io/event.h"

namespace tandem {

// Owner: core's thread. Recover for every record of the journal, then Begin, then the rest.
class CoreImpl final : public Core, public Journal::Listener, public PathQuestions::Lanes {
 public:
  // `listener` may be null.
  CoreImpl(Env& env, CoreOptions options, Core::Listener* listener);
  ~CoreImpl() override;

  // A record whose place has segment 0 has left the journal: only its request id still counts.
  void Recover(const RecordHeader& record, const RecordPlace& place);
  // What targets miss, once the journal is open.
  Awaitable<absl::Status> LoadMissed() { return detachment_.Load(); }
  void Begin(std::unique_ptr<Journal> journal);

  void Write(WriteRequest request, WriteDone done) override;
  void OpenUpload(UploadRequest request, Uploads::Opened opened) override;
  void AddChunk(UploadId upload, std::string data,
                absl::AnyInvocable<void(absl::Status)> done) override;
  void CommitUpload(UploadId upload, WriteDone done) override;
  void AbortUpload(UploadId upload) override;
  void WaitDurable(WriteKey key, Level level, int64_t wait_timeout_ms, WriteDone done) override;
  absl::StatusOr<WriteInfo> GetWrite(WriteKey key) override;
  absl::StatusOr<PendingPage> ListPending(const std::string& target, PendingPlace after,
                                          size_t limit) override;
  void ResolvePending(PendingRequest request, PendingDone done) override;
  void AttachLane(const std::string& target, std::unique_ptr<LaneChannel> channel) override;
  CoreView View() override;
  const JournalCounters journal_counters() const override { return journal_->counters(); }
  const RecoveryReport& recovery() const override { return journal_->recovery(); }
  Awaitable<absl::Status> Drain(int64_t deadline_ms) override;

  // Journal::Listener
  void OnDurable(JournalTail tail) override;
  void OnGroup(uint64_t records, uint64_t bytes, int64_t sync_ns) override;
  void OnState(JournalState state, const absl::Status& why) override;
  void OnRetired(Sequence last) override;
  void OnPressed(Sequence last) override { detachment_.OnPressed(last); }
  Awaitable<bool> BeforeRetire(Sequence first, Sequence last, const std::string& footer) override {
    return detachment_.BeforeRetire(first, last, footer);
  }

  // PathQuestions::Lanes
  bool Ask(size_t lane, uint64_t question, const std::string& path) override;
  Sequence appended() const override { return journal_->appended(); }
  Sequence settled(size_t lane) const override { return progress_.target(lane).checkpoint(); }

 private:
  void OnLaneMessage(size_t lane, internal::v1::LaneMessage message);
  // FAILED_PRECONDITION: the lane claims what cannot be.
  absl::Status TakeLaneMessage(size_t lane, internal::v1::LaneMessage& message);
  absl::Status OnHello(size_t lane, const internal::v1::LaneHello& hello);
  absl::Status OnProgress(size_t lane, const internal::v1::LaneMessage& message);
  void OnCheckpoint(size_t lane);
  // Tells everybody what the journal made durable since the last time.
  void Announce();
  // It is detached, back, or complete.
  void OnMissedChanged(size_t lane);
  void SendTail(size_t lane);
  void Beat();
  void NotifyHealth();
  void LookAtHealth();
  [[nodiscard]] TargetView ViewTarget(size_t lane);
  // Nothing is left that a lane could do: all is applied or parked, and saved, or nobody is there.
  [[nodiscard]] bool LanesAreDone() const;

  Env& env_;
  const CoreOptions options_;
  Core::Listener* const listener_;
  Progress progress_;
  Intake intake_;
  Uploads uploads_;
  std::vector<std::unique_ptr<LaneEndpoint>> lanes_;
  Detachment detachment_;
  std::vector<CatchUpRate> rates_;
  struct Completeness {
    int64_t looked_ns = 0;    // monotonic; 0: never
    int64_t complete_ns = 0;  // all that was accepted before this is on the target
  };
  std::vector<Completeness> completeness_;  // of each target
  PendingCommands commands_;
  std::unique_ptr<Journal> journal_;
  JournalState state_ = JournalState::kServing;
  std::string state_reason_;
  bool draining_ = false;
  bool announcing_ = false;
  Sequence seen_by_heartbeat_ = 0;
  Heartbeat heartbeat_;
  Event moved_;  // the journal or a lane moved on
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tandem
