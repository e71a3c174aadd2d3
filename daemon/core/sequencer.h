// Decides what a write does and makes journal records of it: appends get absolute offsets,
// conditions are evaluated once (rules 2 and 3).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/base/uuid.h"
#include "daemon/core/path_states.h"
#include "daemon/journal/record.h"
#include "daemon/model/operation.h"

namespace tandem {

// Of the file that an upload's commit makes; the operation's payload is the manifest.
struct UploadFacts {
  uint64_t size = 0;
  uint32_t crc32c = 0;
};

struct Decision {
  enum class Kind {
    kGo,       // `records` is what to journal
    kRefused,  // `refusal`, once everything up to `depends_on` is durable
    kUnknown,  // lanes must be asked about `unknown`
  };
  Kind kind = Kind::kGo;
  // One for each operation; sequence, payload and request are filled in by MakeRecords.
  std::vector<Record> records;
  absl::Status refusal;
  Sequence depends_on = 0;
  std::vector<std::string> unknown;
};

// Owner: core's thread. Keeps nothing: what paths are is in PathStates.
class Sequencer {
 public:
  Sequencer(PathStates& states, uint64_t max_file_bytes)
      : states_(states), max_file_bytes_(max_file_bytes) {}

  // All or none of the operations, which are valid; each sees the effects of those before it.
  [[nodiscard]] Decision Decide(const std::vector<Operation>& operations,
                                const std::optional<UploadFacts>& upload);

  // Completes the records, the first of which gets the sequence `first`, taking the payloads over,
  // and remembers their effects. To be appended on the same turn.
  void MakeRecords(std::vector<Record>& records, std::vector<Operation>& operations,
                   const Uuid& request_id, const Digest& digest, Sequence first, int64_t wall_ms);

 private:
  // One operation. OK, a refusal, or `decision.unknown` is not empty.
  absl::Status DecideOne(const Operation& operation, const std::optional<UploadFacts>& upload,
                         const PathOverlay* overlay, Record& record, Decision& decision);
  // The paths of the operations from `from` on that are not known as things are now.
  void AddUnknown(const std::vector<Operation>& operations, size_t from, const PathOverlay& overlay,
                  std::vector<std::string>& unknown);
  absl::Status DecideData(const Operation& operation, const ResolvedPath& found, Record& record);

  PathStates& states_;
  const uint64_t max_file_bytes_;
};

// What the caller is told of a record. An upload's commit keeps the file's CRC in `offset`.
[[nodiscard]] OperationResult ResultOf(const RecordHeader& record);

}  // namespace tandem
