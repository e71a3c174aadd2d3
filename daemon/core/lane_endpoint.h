// Core's end of one lane: what is sent, merged while the lane does not read, and the last status.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/functional/any_invocable.h"
#include "daemon/core/core.h"
#include "daemon/io/env.h"

namespace tandem {

// Owner: core's thread. Never blocks; memory is bounded by kMaxQuestions and kMaxCommands.
class LaneEndpoint {
 public:
  static constexpr size_t kMaxQuestions = 1024;
  static constexpr int kMaxCommands = 16;

  struct Handlers {
    absl::AnyInvocable<void(internal::v1::LaneMessage)> on_message;
    absl::AnyInvocable<void()> on_lost;  // there is no lane any more
  };

  LaneEndpoint(Env& env, Handlers handlers);
  ~LaneEndpoint();
  LaneEndpoint(const LaneEndpoint&) = delete;
  LaneEndpoint& operator=(const LaneEndpoint&) = delete;

  // Replaces the channel, if there is one.
  void Attach(std::unique_ptr<LaneChannel> channel);
  // Closes the channel: the lane said what cannot be. on_lost is called.
  void Disconnect(absl::string_view why);

  [[nodiscard]] bool attached() const { return channel_ != nullptr; }

  // What the lane may read up to, and the last sequence appended. A newer tail replaces an older.
  // `wanted`: somebody waits for this sequence there. `complete_ns`: monotonic; the target has all
  // that was accepted before that.
  void SendTail(const JournalTail& tail, Sequence appended, Sequence wanted, int64_t complete_ns);
  // False if there is no lane or too many of its answers are outstanding.
  [[nodiscard]] bool Ask(uint64_t question, const std::string& path);
  // False if there is no lane, or kMaxCommands are not even sent.
  [[nodiscard]] bool SendCommand(internal::v1::PendingCommand command);
  // These are bounded by who asks. False: there is no lane.
  [[nodiscard]] bool SendSourceQuery(internal::v1::SourceQuery query);
  void SendSourceAnswer(internal::v1::SourceAnswer answer);
  void SendMissedState(internal::v1::MissedState state);
  void SendMissedPage(internal::v1::MissedPage page);
  void SendMissedNoted(uint64_t id);
  void SendDrain(int64_t within_ms);
  void SendSaveCheckpoint();

  // The lane's last status with the counters of its predecessors added. DOWN while there is none;
  // SLOW, then STALLED while the lane says nothing (stopped, or stuck in the kernel).
  [[nodiscard]] internal::v1::LaneStatus Status() const;
  // Status()'s health or reason is another than at the last call.
  [[nodiscard]] bool Changed();
  void OnStatus(const internal::v1::LaneStatus& status);
  void OnHello(const internal::v1::LaneHello& hello);
  // A part of a hello: all of it, once this is the last part.
  std::optional<internal::v1::LaneHello> TakeHello(internal::v1::LaneHello part);
  void OnAnswer(uint64_t question) { outstanding_.erase(question); }
  void OnDrained() { drained_ = true; }

  [[nodiscard]] const std::string& target_id() const { return target_id_; }
  [[nodiscard]] const std::string& io_engine() const { return io_engine_; }
  [[nodiscard]] bool greeted() const { return greeted_; }
  [[nodiscard]] bool drained() const { return drained_; }

 private:
  void Flush();
  void FlushSoon();
  void FlushIfPossible();
  void DropChannel();
  void SetDown(absl::string_view reason);
  // By silence, what the last status cannot know.
  void Doubt(internal::v1::LaneStatus& status) const;

  Env& env_;
  Handlers handlers_;
  std::unique_ptr<LaneChannel> channel_;
  internal::v1::CoreMessage next_;
  bool pending_ = false;                          // `next_` has something
  bool greeted_ = false;                          // since it attached
  std::optional<internal::v1::LaneHello> hello_;  // the parts that came
  bool drained_ = false;
  bool posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  absl::btree_set<uint64_t> outstanding_;
  internal::v1::LaneStatus status_;
  int64_t since_ns_ = 0;  // monotonic: status_ is in its state
  int64_t heard_ns_ = 0;  // monotonic, of the lane's last message
  internal::v1::LaneHealth shown_health_ = internal::v1::LANE_HEALTH_UNSPECIFIED;
  std::string shown_reason_;
  internal::v1::LaneStatus before_;  // counters of earlier lanes
  std::string target_id_;
  std::string io_engine_;
};

}  // namespace tandem
