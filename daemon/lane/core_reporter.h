// What a lane tells core: merged, so that a core that does not read costs no memory.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/sequence_set.h"
#include "daemon/io/env.h"
#include "daemon/lane/lane_state.h"
#include "daemon/lane/parked_store.h"
#include "daemon/link/channel.h"

namespace tandem {

using CoreChannel = Channel<internal::v1::LaneMessage, internal::v1::CoreMessage>;

// Owner: the lane's thread.
class CoreReporter {
 public:
  CoreReporter(Env& env, CoreChannel& channel) : env_(env), channel_(channel) {}

  void Hello(internal::v1::LaneHello hello);
  void Durable(Sequence sequence);
  // Parked, or skipped; or something about it has changed.
  void Parked(const ParkedWrite& write);
  void Unparked(Sequence sequence);
  void Answer(internal::v1::PathAnswer answer);
  void Resolved(internal::v1::PendingResult result);
  void Status(internal::v1::LaneStatus status);
  void Checkpoint(Sequence checkpoint);
  void Drained();
  // See resync_link.h.
  void Source(internal::v1::SourceQuery query);
  void SourceAnswered(internal::v1::SourceAnswer answer);
  void Missed(uint64_t id, const std::string& path);
  void Copied(const std::string& path, Sequence at, uint64_t bytes);
  void AskMissedPage(const std::string& after, bool from_start);

  // The channel can take messages again.
  void Flush();
  // The channel is gone: nothing is sent any more.
  void Stop() { stopped_ = true; }

 private:
  void FlushSoon();
  void AddParked();

  Env& env_;
  CoreChannel& channel_;
  std::deque<internal::v1::LaneHello> hello_;  // in parts; before everything else
  internal::v1::LaneMessage next_;
  std::vector<Sequence> durable_;
  std::vector<Sequence> unparked_;
  std::map<Sequence, internal::v1::ParkedWrite> parked_;  // the newest of each
  bool dirty_ = false;
  bool posted_ = false;
  bool stopped_ = false;
};

// What a lane says first.
[[nodiscard]] internal::v1::LaneHello HelloOf(const LaneState& state, const ParkedStore& parked,
                                              absl::string_view io_engine);

// As it goes over the link.
[[nodiscard]] internal::v1::ParkedWrite ToMessage(const ParkedWrite& write);

}  // namespace tandem
