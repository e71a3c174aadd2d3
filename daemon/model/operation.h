// What a satellite asks for, and what it is told: plain data that every layer shares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/base/digest.h"
#include "daemon/base/sequence_set.h"
#include "daemon/base/uuid.h"

namespace tandem {

// How far a write got. Ordered: a higher level includes the lower ones.
enum class Level : uint8_t {
  kNone = 0,       // accepted, not durable anywhere yet
  kJournaled = 1,  // durable in the journal: lives and dies with the journal's volume
  kLocal = 2,      // and durable on the target `local`
  kAll = 3,        // and durable on every target
};

[[nodiscard]] absl::string_view LevelName(Level level);  // "JOURNALED", ...

enum class OperationType : uint8_t {
  kPut = 1,     // replace the whole file atomically
  kAppend = 2,  // to the end; journaled as a write at an absolute offset
  kWriteAt = 3,
  kTruncate = 4,
  kDelete = 5,
  kRename = 6,
  kUploadCommit = 7,  // a Put whose content is earlier chunk records
};

[[nodiscard]] absl::string_view OperationName(OperationType type);  // "Put", ...

struct Operation {
  OperationType type = OperationType::kPut;
  std::string path;        // relative to the writer's root, validated
  std::string new_path;    // kRename: the destination
  std::string payload;     // kPut, kAppend, kWriteAt
  uint64_t offset = 0;     // kWriteAt: bytes from the start; kTruncate: the new size
  uint32_t mode = 0640;    // permission bits of a file that this creates or replaces
  bool if_absent = false;  // kPut, kRename: refuse if something is at the (new) path
};

// What everything that decides an operation's effect digests to.
[[nodiscard]] Digest DigestOf(const std::vector<Operation>& operations);

// What a path is.
enum class PathKind : uint8_t { kAbsent = 0, kFile = 1, kDirectory = 2, kOther = 3 };

struct PathState {
  PathKind kind = PathKind::kAbsent;
  uint64_t size = 0;  // kFile: bytes
  friend bool operator==(const PathState&, const PathState&) = default;
};

// One operation's result, fixed when it was sequenced.
struct OperationResult {
  Sequence sequence = 0;
  uint32_t crc32c = 0;   // of the payload as journaled
  uint64_t offset = 0;   // where the payload went
  uint64_t size = 0;     // of the file afterwards
  bool existed = false;  // there was a file at the path before
};

enum class TargetWriteState : uint8_t { kPending = 0, kDurable = 1, kFailed = 2 };

}  // namespace tandem
