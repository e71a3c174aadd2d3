// A lane put together: its parts, and what it does with what core says.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "daemon/journal/reader.h"
#include "daemon/lane/checkpointer.h"
#include "daemon/lane/dispatcher.h"
#include "daemon/lane/health.h"
#include "daemon/lane/lane.h"
#include "daemon/lane/lane_files.h"
#include "daemon/lane/lane_state.h"
#include "daemon/lane/parked_store.h"
#include "daemon/lane/resync_link.h"
#include "daemon/lane/target_keeper.h"
#include "daemon/lane/watermark_publisher.h"

namespace tandem {

// Owner: the lane's thread.
class Lane::Impl {
 public:
  Impl(Env& env, LaneOptions options, std::unique_ptr<CoreChannel> channel)
      : env_(env),
        options_(std::move(options)),
        channel_(std::move(channel)),
        reporter_(env, *channel_),
        link_(env, reporter_),
        reader_(env, options_.journal_directory),
        files_(env, options_),
        judge_({.slow_ms = options_.slow_limit_ms,
                .stall_ms = options_.stall_limit_ms,
                .min_stay_ms = options_.health_min_stay_ms}),
        changed_(env.executor),
        ended_(env.executor) {}

  Awaitable<absl::Status> Run();

 private:
  Awaitable<absl::Status> Follow();
  Awaitable<absl::Status> Load();
  Awaitable<absl::Status> LoadMissed();
  void OnMissedState(const internal::v1::MissedState& state);
  [[nodiscard]] bool IsIncomplete() const;
  void OnMessage(internal::v1::CoreMessage message);
  void OnClosed();
  void Stop();
  Awaitable<void> AnswerQuestions();
  Awaitable<void> PinTarget();
  [[nodiscard]] WatermarkPoint PointNow() const;
  Awaitable<void> DrainWatch(int64_t limit_ms);
  Awaitable<void> StatusLoop();
  void SendStatus();
  [[nodiscard]] internal::v1::LaneStatus StatusNow();
  Awaitable<void> ProbeLoop();
  [[nodiscard]] HealthSigns SignsNow();

  Env& env_;
  LaneOptions options_;
  std::unique_ptr<CoreChannel> channel_;
  CoreReporter reporter_;
  ResyncLink link_;
  JournalReader reader_;
  LaneFiles files_;
  LaneCounters counters_;
  std::optional<LaneStateFile> state_file_;
  std::optional<ParkedStore> parked_;
  std::optional<Checkpointer> checkpointer_;
  std::optional<TargetClaim> claim_;
  std::optional<TargetKeeper> keeper_;
  std::optional<WatermarkPublisher> publisher_;
  std::optional<Dispatcher> dispatcher_;
  LaneState loaded_;
  JournalTail tail_;
  // The first that core said. Core had said no more to any predecessor, so none of them has started
  // anything beyond it.
  Sequence first_durable_ = 0;
  Sequence wanted_ = 0;
  int64_t complete_ns_ = 0;  // monotonic: the target has what was accepted before; 0: unknown
  internal::v1::MissedState missed_;
  bool heard_core_ = false;  // its tail, or that the target is detached
  bool has_lock_ = false;
  bool tried_lock_ = false;
  bool stopping_ = false;
  std::deque<internal::v1::PathQuery> questions_;  // that wait for their turn
  int answering_ = 0;
  bool finished_ = false;  // nothing is under way any more
  bool says_status_ = false;
  absl::Status failure_;  // that ended it
  bool draining_ = false;
  size_t background_ = 0;  // coroutines besides the dispatcher's
  HealthJudge judge_;
  int64_t health_since_ns_ = 0;  // monotonic
  Event changed_;
  Event ended_;
};

}  // namespace tandem
