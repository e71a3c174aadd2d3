// What a lane knows durably: how far its target is. Lies on the journal's volume, never on the
// target.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/base/sequence_set.h"
#include "daemon/base/uuid.h"
#include "daemon/io/env.h"

namespace tandem {

struct LaneState {
  uint64_t generation = 0;     // of lane processes of this target: one more at every start
  std::string target_id;       // the identity this lane is pinned to; "" before the first opening
  SequenceSet settled;         // applied and durable on the target, or parked
  Sequence started_limit = 0;  // nothing above this was ever started
  Sequence published = 0;      // what the target's watermark says is at least this
  uint64_t epoch = 0;          // the highest that a lane may have taken on the target
  Uuid instance;               // of this lane's states, made at its first start; nil: none yet
};

// Two slots in one file, written in turn, each with a CRC: a torn write leaves the other one.
// Owner: the lane that holds the target's lock; core may Load to read a witness.
class LaneStateFile {
 public:
  // `directory`: the lane's own, open and outliving this.
  LaneStateFile(Env& env, FileHandle directory) : env_(env), directory_(directory) {}
  ~LaneStateFile() = default;
  LaneStateFile(const LaneStateFile&) = delete;
  LaneStateFile& operator=(const LaneStateFile&) = delete;

  // The newest good slot; a fresh state if there is no file. DATA_LOSS if neither slot is good.
  Awaitable<absl::StatusOr<LaneState>> Load();

  // Durable when it returns OK. After a failure the next Save makes a new file: a repeated sync of
  // the old one would prove nothing. One at a time.
  Awaitable<absl::Status> Save(const LaneState& state);

  // Closes the file.
  Awaitable<void> Close();

 private:
  Awaitable<absl::Status> Create(const std::string& slot);

  Env& env_;
  FileHandle directory_;
  FileHandle file_ = kNoFile;
  uint64_t saves_ = 0;    // counts up with every save; in the file
  bool replace_ = false;  // the file is not to be trusted any more
};

// The bytes of one slot, and back. DATA_LOSS if they are not a good one.
[[nodiscard]] std::string EncodeLaneState(const LaneState& state, uint64_t saves);
struct DecodedLaneState {
  LaneState state;
  uint64_t saves = 0;
};
[[nodiscard]] absl::StatusOr<DecodedLaneState> DecodeLaneState(absl::string_view slot);

inline constexpr size_t kLaneStateSlotBytes = 128 * 1024;
inline constexpr size_t kMaxLaneStateRanges = 7'500;  // fit into a slot
inline constexpr char kLaneStateName[] = "state";

// What the lane of `target` saved last, for core's start: how far the target is, and which
// sequences are proven to have been durable. A fresh state if there is none. DATA_LOSS if it is
// damaged.
Awaitable<absl::StatusOr<LaneState>> LoadLaneState(Env& env, std::string journal_directory,
                                                   std::string target);

}  // namespace tandem
