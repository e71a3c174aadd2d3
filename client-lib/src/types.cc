#include "tandem/client/types.h"

#include <utility>

#include "absl/strings/match.h"

namespace tandem::client {

absl::string_view LevelName(Level level) {
  switch (level) {
    case Level::kUnspecified:
      return "NONE";
    case Level::kJournaled:
      return "JOURNALED";
    case Level::kLocal:
      return "LOCAL";
    case Level::kAll:
      return "ALL";
  }
  return "NONE";
}

std::optional<Level> ParseLevel(absl::string_view name) {
  for (const Level level : {Level::kJournaled, Level::kLocal, Level::kAll}) {
    if (absl::EqualsIgnoreCase(name, LevelName(level))) return level;
  }
  return std::nullopt;
}

absl::string_view TargetStateName(TargetState state) {
  switch (state) {
    case TargetState::kPending:
      return "PENDING";
    case TargetState::kDurable:
      return "DURABLE";
    case TargetState::kFailed:
      return "FAILED";
    case TargetState::kUnspecified:
      break;
  }
  return "UNKNOWN";
}

absl::string_view TargetHealthName(TargetHealth health) {
  switch (health) {
    case TargetHealth::kStarting:
      return "STARTING";
    case TargetHealth::kHealthy:
      return "HEALTHY";
    case TargetHealth::kSlow:
      return "SLOW";
    case TargetHealth::kStalled:
      return "STALLED";
    case TargetHealth::kDown:
      return "DOWN";
    case TargetHealth::kCatchingUp:
      return "CATCHING_UP";
    case TargetHealth::kUnspecified:
      break;
  }
  return "UNKNOWN";
}

Operation Operation::Put(std::string path, std::string data, uint32_t mode, bool if_absent) {
  Operation operation;
  operation.type = OperationType::kPut;
  operation.path = std::move(path);
  operation.data = std::move(data);
  operation.mode = mode;
  operation.if_absent = if_absent;
  return operation;
}

Operation Operation::Append(std::string path, std::string data, uint32_t mode) {
  Operation operation;
  operation.type = OperationType::kAppend;
  operation.path = std::move(path);
  operation.data = std::move(data);
  operation.mode = mode;
  return operation;
}

Operation Operation::WriteAt(std::string path, uint64_t offset, std::string data, uint32_t mode) {
  Operation operation;
  operation.type = OperationType::kWriteAt;
  operation.path = std::move(path);
  operation.offset = offset;
  operation.data = std::move(data);
  operation.mode = mode;
  return operation;
}

Operation Operation::Truncate(std::string path, uint64_t size) {
  Operation operation;
  operation.type = OperationType::kTruncate;
  operation.path = std::move(path);
  operation.size = size;
  return operation;
}

Operation Operation::Delete(std::string path) {
  Operation operation;
  operation.type = OperationType::kDelete;
  operation.path = std::move(path);
  return operation;
}

Operation Operation::Rename(std::string path, std::string new_path, bool if_absent) {
  Operation operation;
  operation.type = OperationType::kRename;
  operation.path = std::move(path);
  operation.new_path = std::move(new_path);
  operation.if_absent = if_absent;
  return operation;
}

absl::string_view PendingStateName(PendingState state) {
  switch (state) {
    case PendingState::kParked:
      return "PARKED";
    case PendingState::kDiverged:
      return "DIVERGED";
    case PendingState::kUnspecified:
      break;
  }
  return "UNKNOWN";
}

}  // namespace tandem::client
