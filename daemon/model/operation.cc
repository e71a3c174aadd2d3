#include "daemon/model/operation.h"

namespace tandem {

absl::string_view LevelName(Level level) {
  switch (level) {
    case Level::kNone:
      return "NONE";
    case Level::kJournaled:
      return "JOURNALED";
    case Level::kLocal:
      return "LOCAL";
    case Level::kAll:
      return "ALL";
  }
  return "UNKNOWN";
}

absl::string_view OperationName(OperationType type) {
  switch (type) {
    case OperationType::kPut:
      return "Put";
    case OperationType::kAppend:
      return "Append";
    case OperationType::kWriteAt:
      return "WriteAt";
    case OperationType::kTruncate:
      return "Truncate";
    case OperationType::kDelete:
      return "Delete";
    case OperationType::kRename:
      return "Rename";
    case OperationType::kUploadCommit:
      return "Upload";
  }
  return "Unknown";
}

Digest DigestOf(const std::vector<Operation>& operations) {
  Digester digester;
  digester.AddNumber(operations.size());
  for (const Operation& operation : operations) {
    digester.AddNumber(static_cast<uint64_t>(operation.type));
    digester.AddBytes(operation.path);
    digester.AddBytes(operation.new_path);
    digester.AddBytes(operation.payload);
    digester.AddNumber(operation.offset);
    digester.AddNumber(operation.mode);
    digester.AddNumber(operation.if_absent ? 1 : 0);
  }
  return digester.Finish();
}

}  // namespace tandem
