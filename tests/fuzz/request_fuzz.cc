// Any bytes as a request: parsing and converting must hold, and a path that passes ValidatePath
// must stay beneath its root. The first byte chooses what the rest is.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "daemon/base/check.h"
#include "daemon/base/reason.h"
#include "daemon/model/path.h"
#include "daemon/rpc/convert.h"
#include "daemon/rpc/errors.h"

namespace tandem {
namespace {

// What ValidatePath promises, found out in another way than it does.
void CheckPath(const std::string& path) {
  const absl::Status status = ValidatePath(path);
  if (!status.ok()) {
    TANDEM_CHECK(ReasonOf(status).has_value());
    TANDEM_CHECK(ToRpcStatus(status).IsInitialized());
    return;
  }
  const std::filesystem::path root("/the/root");
  const std::filesystem::path whole = root / path;
  // Nothing in it leads up, restarts, or is written in two ways.
  TANDEM_CHECK(whole.string() == "/the/root/" + path);
  TANDEM_CHECK(whole.lexically_normal() == whole);
  TANDEM_CHECK(whole.lexically_relative(root).string() == path);
  TANDEM_CHECK(path.find('\0') == std::string::npos);
  TANDEM_CHECK(path.size() <= kMaxPathBytes);
  for (const absl::string_view name : absl::StrSplit(path, '/')) {
    TANDEM_CHECK(!name.empty() && name.size() <= kMaxNameBytes);
    TANDEM_CHECK(name != "." && name != ".." && name != kReservedDirectory);
    TANDEM_CHECK(!IsTempName(name));
  }
}

void CheckWrite(const absl::StatusOr<WriteRequest>& write) {
  if (!write.ok()) {
    TANDEM_CHECK(ReasonOf(write.status()).has_value());
    return;
  }
  TANDEM_CHECK(!write->request_id.IsNil());
  TANDEM_CHECK(!write->operations.empty());
  TANDEM_CHECK(write->level >= Level::kJournaled && write->level <= Level::kAll);
  TANDEM_CHECK(write->wait_timeout_ms > 0 && write->wait_timeout_ms <= kMaxWaitMs);
  for (const Operation& operation : write->operations) {
    TANDEM_CHECK(operation.mode > 0 && operation.mode <= 0777);
    CheckPath(operation.path);
    if (operation.type == OperationType::kRename) CheckPath(operation.new_path);
  }
}

template <typename Message>
void FuzzWrite(const std::string& bytes) {
  Message message;
  if (message.ParseFromString(bytes)) CheckWrite(FromProto(std::move(message), ConvertOptions()));
}

void FuzzUpload(const std::string& bytes) {
  v1::UploadRequest message;
  if (!message.ParseFromString(bytes) || !message.has_header()) return;
  const auto upload = FromProto(std::move(*message.mutable_header()), ConvertOptions());
  if (upload.ok()) {
    CheckPath(upload->path);
  } else {
    TANDEM_CHECK(ReasonOf(upload.status()).has_value());
  }
}

void FuzzStream(const std::string& bytes) {
  v1::WriteStreamRequest message;
  if (!message.ParseFromString(bytes)) return;
  if (message.has_single()) {
    CheckWrite(FromProto(std::move(*message.mutable_single()), ConvertOptions()));
  } else if (message.has_batch()) {
    CheckWrite(FromProto(std::move(*message.mutable_batch()), ConvertOptions()));
  }
}

void FuzzLookups(const std::string& bytes) {
  v1::WaitDurableRequest wait;
  if (wait.ParseFromString(bytes)) {
    const auto request = FromProto(wait, ConvertOptions());
    TANDEM_CHECK(request.ok() || ReasonOf(request.status()).has_value());
  }
  v1::GetWriteRequest get;
  if (get.ParseFromString(bytes)) {
    const auto key = FromProto(get);
    TANDEM_CHECK(key.ok() || ReasonOf(key.status()).has_value());
  }
}

}  // namespace
}  // namespace tandem

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'W':
      tandem::FuzzWrite<tandem::v1::WriteRequest>(rest);
      break;
    case 'B':
      tandem::FuzzWrite<tandem::v1::WriteBatchRequest>(rest);
      break;
    case 'U':
      tandem::FuzzUpload(rest);
      break;
    case 'S':
      tandem::FuzzStream(rest);
      break;
    case 'L':
      tandem::FuzzLookups(rest);
      break;
    default:
      tandem::CheckPath(rest);
      break;
  }
  return 0;
}
