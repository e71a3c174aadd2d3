#include "daemon/core/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/reason.h"
#include "daemon/base/status.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr uint32_t kMaxMode = 0777;
constexpr int64_t kQueueFullRetryMs = 100;

absl::Status ValidateMode(uint32_t mode) {
  if (mode <= kMaxMode) return absl::OkStatus();
  return Refuse(Reason::kArgumentInvalid, "mode has bits other than permissions");
}

absl::Status ValidateOperation(const Operation& operation, const CoreOptions& options) {
  RETURN_IF_ERROR(ValidatePath(operation.path));
  RETURN_IF_ERROR(ValidateMode(operation.mode));
  switch (operation.type) {
    case OperationType::kPut:
    case OperationType::kAppend:
    case OperationType::kDelete:
      return absl::OkStatus();
    case OperationType::kWriteAt:
    case OperationType::kTruncate:
      if (operation.offset > options.max_file_bytes) {
        return Refuse(Reason::kFileTooLarge,
                      absl::StrCat(operation.path, ": beyond ", options.max_file_bytes, " bytes"));
      }
      return absl::OkStatus();
    case OperationType::kRename:
      RETURN_IF_ERROR(ValidatePath(operation.new_path));
      if (operation.path == operation.new_path) {
        return Refuse(Reason::kArgumentInvalid, "the file would be renamed to its own name");
      }
      return absl::OkStatus();
    case OperationType::kUploadCommit:
      break;
  }
  return Refuse(Reason::kArgumentInvalid, "unknown operation");
}

}  // namespace

absl::Status ValidateWait(Level level, int64_t wait_timeout_ms) {
  if (level != Level::kJournaled && level != Level::kLocal && level != Level::kAll) {
    return Refuse(Reason::kLevelUnknown, "unknown durability level");
  }
  if (wait_timeout_ms <= 0 || wait_timeout_ms > kMaxWaitTimeoutMs) {
    return Refuse(Reason::kArgumentInvalid, "wait_timeout is not above 0 and at most 1 hour");
  }
  return absl::OkStatus();
}

absl::Status ValidateWrite(const WriteRequest& request, const CoreOptions& options) {
  if (request.request_id.IsNil()) {
    return Refuse(Reason::kRequestIdInvalid, "request_id is missing");
  }
  RETURN_IF_ERROR(ValidateWait(request.level, request.wait_timeout_ms));
  if (request.operations.empty() || request.operations.size() > options.max_batch_operations) {
    return Refuse(Reason::kArgumentInvalid,
                  absl::StrCat("not 1 to ", options.max_batch_operations, " operations"));
  }
  for (const Operation& operation : request.operations) {
    RETURN_IF_ERROR(ValidateOperation(operation, options));
  }
  if (PayloadBytes(request.operations) > options.max_write_bytes) {
    return Refuse(Reason::kPayloadTooLarge,
                  absl::StrCat("over ", options.max_write_bytes, " bytes; use an upload"));
  }
  return absl::OkStatus();
}

uint64_t UploadLimit(const CoreOptions& options) {
  return std::min(options.max_upload_bytes, options.journal.max_bytes / 4);
}

absl::Status ValidateUpload(const UploadRequest& request, const CoreOptions& options) {
  if (request.request_id.IsNil()) {
    return Refuse(Reason::kRequestIdInvalid, "request_id is missing");
  }
  RETURN_IF_ERROR(ValidateWait(request.level, request.wait_timeout_ms));
  RETURN_IF_ERROR(ValidatePath(request.path));
  RETURN_IF_ERROR(ValidateMode(request.mode));
  if (request.size.value_or(0) > UploadLimit(options)) {
    return Refuse(Reason::kPayloadTooLarge,
                  absl::StrCat("an upload takes at most ", UploadLimit(options), " bytes"));
  }
  if (request.size.value_or(0) > options.max_file_bytes) {
    return Refuse(Reason::kFileTooLarge,
                  absl::StrCat("a file takes at most ", options.max_file_bytes, " bytes"));
  }
  return absl::OkStatus();
}

uint64_t PayloadBytes(const std::vector<Operation>& operations) {
  uint64_t bytes = 0;
  for (const Operation& operation : operations) bytes += operation.payload.size();
  return bytes;
}

absl::Status Budget::Take(uint64_t bytes) {
  // A single write always fits an empty budget, whatever the limits are.
  const bool full = writes_ >= max_writes_ || (bytes_ > 0 && bytes_ + bytes > max_bytes_);
  if (full) {
    return Refuse(Reason::kQueueFull, "too many writes wait already",
                  {.retry_after_ms = kQueueFullRetryMs});
  }
  ++writes_;
  bytes_ += bytes;
  return absl::OkStatus();
}

void Budget::Answered() {
  TANDEM_CHECK(writes_ > 0);
  --writes_;
}

void Budget::Dropped(uint64_t bytes) {
  TANDEM_CHECK(bytes_ >= bytes);
  bytes_ -= bytes;
}

void Budget::Appended(Sequence last, uint64_t bytes) {
  if (bytes > 0) appended_.emplace_back(last, bytes);
}

void Budget::Durable(Sequence durable) {
  while (!appended_.empty() && appended_.front().first <= durable) {
    Dropped(appended_.front().second);
    appended_.pop_front();
  }
}

}  // namespace tandem
