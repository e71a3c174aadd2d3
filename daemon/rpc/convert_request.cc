#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/reason.h"
#include "daemon/base/status.h"
#include "daemon/rpc/convert.h"

namespace tandem {
namespace {

constexpr uint32_t kDefaultMode = 0640;
constexpr uint32_t kMaxMode = 0777;

absl::StatusOr<uint32_t> ModeOf(uint32_t mode) {
  if (mode > kMaxMode) return Refuse(Reason::kArgumentInvalid, "mode is over 0777");
  return mode == 0 ? kDefaultMode : mode;
}

absl::StatusOr<Level> LevelOf(int level, const ConvertOptions& options) {
  switch (level) {
    case v1::DURABILITY_LEVEL_UNSPECIFIED:
      return options.default_level;
    case v1::DURABILITY_LEVEL_JOURNALED:
      return Level::kJournaled;
    case v1::DURABILITY_LEVEL_LOCAL:
      return Level::kLocal;
    case v1::DURABILITY_LEVEL_ALL:
      return Level::kAll;
    default:
      return Refuse(Reason::kLevelUnknown, absl::StrCat("no durability level has number ", level));
  }
}

template <typename Message>
absl::StatusOr<int64_t> WaitMsOf(const Message& message, const ConvertOptions& options) {
  if (!message.has_wait_timeout()) return options.default_wait_ms;
  const int64_t seconds = message.wait_timeout().seconds();
  const int64_t nanos = message.wait_timeout().nanos();
  if (seconds < 0 || nanos < 0 || nanos > 999'999'999 || (seconds == 0 && nanos == 0)) {
    return Refuse(Reason::kArgumentInvalid, "wait_timeout is not above 0");
  }
  if (seconds > kMaxWaitMs / 1000 || (seconds == kMaxWaitMs / 1000 && nanos > 0)) {
    return Refuse(Reason::kArgumentInvalid, "wait_timeout is over 1 hour");
  }
  return seconds * 1000 + (nanos + 999'999) / 1'000'000;
}

// What the kinds that carry data have in common.
template <typename Kind>
absl::Status TakeData(Kind& kind, OperationType type, Operation* operation) {
  operation->type = type;
  operation->path = std::move(*kind.mutable_path());
  operation->payload = std::move(*kind.mutable_data());
  ASSIGN_OR_RETURN(operation->mode, ModeOf(kind.mode()));
  return absl::OkStatus();
}

absl::StatusOr<Operation> TakeOperation(v1::Operation& message) {
  Operation operation;
  switch (message.kind_case()) {
    case v1::Operation::kPut:
      RETURN_IF_ERROR(TakeData(*message.mutable_put(), OperationType::kPut, &operation));
      operation.if_absent = message.put().if_absent();
      break;
    case v1::Operation::kAppend:
      RETURN_IF_ERROR(TakeData(*message.mutable_append(), OperationType::kAppend, &operation));
      break;
    case v1::Operation::kWriteAt:
      RETURN_IF_ERROR(TakeData(*message.mutable_write_at(), OperationType::kWriteAt, &operation));
      operation.offset = message.write_at().offset();
      break;
    case v1::Operation::kTruncate:
      operation.type = OperationType::kTruncate;
      operation.path = std::move(*message.mutable_truncate()->mutable_path());
      operation.offset = message.truncate().size();
      break;
    case v1::Operation::kDelete:
      operation.type = OperationType::kDelete;
      operation.path = std::move(*message.mutable_delete_()->mutable_path());
      break;
    case v1::Operation::kRename:
      operation.type = OperationType::kRename;
      operation.path = std::move(*message.mutable_rename()->mutable_path());
      operation.new_path = std::move(*message.mutable_rename()->mutable_new_path());
      operation.if_absent = message.rename().if_absent();
      break;
    case v1::Operation::KIND_NOT_SET:
      return Refuse(Reason::kArgumentInvalid, "the operation is not set");
  }
  return operation;
}

// request_id, level and wait_timeout, which every write has. The id first: without it nothing else
// can be asked about.
template <typename Message, typename Request>
absl::Status TakeCommon(const Message& message, const ConvertOptions& options, Request* request) {
  ASSIGN_OR_RETURN(request->request_id, ParseUuid(message.request_id()));
  ASSIGN_OR_RETURN(request->level, LevelOf(message.level(), options));
  ASSIGN_OR_RETURN(request->wait_timeout_ms, WaitMsOf(message, options));
  return absl::OkStatus();
}

template <typename Message>
absl::StatusOr<WriteKey> KeyOf(const Message& message) {
  switch (message.write_case()) {
    case Message::kSequence:
      if (message.sequence() == 0) {
        return Refuse(Reason::kArgumentInvalid, "no write has sequence 0");
      }
      return WriteKey(message.sequence());
    case Message::kRequestId: {
      ASSIGN_OR_RETURN(const Uuid uuid, ParseUuid(message.request_id()));
      return WriteKey(uuid);
    }
    default:
      return Refuse(Reason::kArgumentInvalid, "neither sequence nor request_id is set");
  }
}

}  // namespace

absl::StatusOr<WriteRequest> FromProto(v1::WriteRequest&& request, const ConvertOptions& options) {
  WriteRequest result;
  RETURN_IF_ERROR(TakeCommon(request, options, &result));
  ASSIGN_OR_RETURN(Operation operation, TakeOperation(*request.mutable_operation()));
  if (request.has_data_crc32c() && request.data_crc32c() != Crc32c(operation.payload)) {
    return Refuse(Reason::kPayloadCorrupt, "the data does not match data_crc32c");
  }
  result.operations.push_back(std::move(operation));
  return result;
}

absl::StatusOr<WriteRequest> FromProto(v1::WriteBatchRequest&& request,
                                       const ConvertOptions& options) {
  WriteRequest result;
  RETURN_IF_ERROR(TakeCommon(request, options, &result));
  if (request.operations().empty()) {
    return Refuse(Reason::kArgumentInvalid, "the batch has no operations");
  }
  result.operations.reserve(static_cast<size_t>(request.operations_size()));
  for (v1::Operation& message : *request.mutable_operations()) {
    ASSIGN_OR_RETURN(Operation operation, TakeOperation(message));
    result.operations.push_back(std::move(operation));
  }
  return result;
}

absl::StatusOr<UploadRequest> FromProto(v1::UploadHeader&& header, const ConvertOptions& options) {
  UploadRequest result;
  RETURN_IF_ERROR(TakeCommon(header, options, &result));
  result.path = std::move(*header.mutable_path());
  ASSIGN_OR_RETURN(result.mode, ModeOf(header.mode()));
  result.if_absent = header.if_absent();
  if (header.has_size()) result.size = header.size();
  if (header.has_data_crc32c()) result.crc32c = header.data_crc32c();
  return result;
}

absl::StatusOr<WaitRequest> FromProto(const v1::WaitDurableRequest& request,
                                      const ConvertOptions& options) {
  WaitRequest result;
  ASSIGN_OR_RETURN(result.key, KeyOf(request));
  ASSIGN_OR_RETURN(result.level, LevelOf(request.level(), options));
  ASSIGN_OR_RETURN(result.wait_timeout_ms, WaitMsOf(request, options));
  return result;
}

absl::StatusOr<WriteKey> FromProto(const v1::GetWriteRequest& request) { return KeyOf(request); }

uint64_t PayloadBytes(const WriteRequest& request) {
  uint64_t bytes = 0;
  for (const Operation& operation : request.operations) bytes += operation.payload.size();
  return bytes;
}

int64_t EffectiveWaitMs(int64_t wait_ms, std::optional<int64_t> left_ms) {
  constexpr int64_t kLeastMarginMs = 20;
  if (!left_ms.has_value()) return wait_ms;
  const int64_t margin_ms = std::max(kLeastMarginMs, *left_ms / 20);
  return std::max<int64_t>(1, std::min(wait_ms, *left_ms - margin_ms));
}

}  // namespace tandem
