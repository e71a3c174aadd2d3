// Between the API's messages and core's plain data. Pure functions, callable from any thread; no
// gRPC server here, so that they can be fuzzed alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/core/core.h"
#include "tandem/v1/admin.pb.h"
#include "tandem/v1/tandem.pb.h"

namespace tandem {

struct ConvertOptions {
  Level default_level = Level::kLocal;  // where a request says UNSPECIFIED
  int64_t default_wait_ms = 60'000;     // where wait_timeout is unset (dual_write_timeout)
};

// The longest wait_timeout that is taken.
inline constexpr int64_t kMaxWaitMs = 3'600'000;

// Requests are taken apart: payloads and paths are moved out of them, never copied. What is left of
// `request` is unspecified. Refusals: REQUEST_ID_INVALID, ARGUMENT_INVALID, LEVEL_UNKNOWN,
// PAYLOAD_CORRUPT. Paths, sizes and counts are core's to judge.
[[nodiscard]] absl::StatusOr<WriteRequest> FromProto(v1::WriteRequest&& request,
                                                     const ConvertOptions& options);
[[nodiscard]] absl::StatusOr<WriteRequest> FromProto(v1::WriteBatchRequest&& request,
                                                     const ConvertOptions& options);
[[nodiscard]] absl::StatusOr<UploadRequest> FromProto(v1::UploadHeader&& header,
                                                      const ConvertOptions& options);

struct WaitRequest {
  WriteKey key;
  Level level = Level::kLocal;
  int64_t wait_timeout_ms = 60'000;
};
[[nodiscard]] absl::StatusOr<WaitRequest> FromProto(const v1::WaitDurableRequest& request,
                                                    const ConvertOptions& options);
[[nodiscard]] absl::StatusOr<WriteKey> FromProto(const v1::GetWriteRequest& request);

// Pages of pending writes.
inline constexpr size_t kDefaultPage = 100;
inline constexpr size_t kMaxPage = 1'000;
struct ListPendingCommand {
  std::string target;  // "": all
  PendingPlace after;
  size_t limit = kDefaultPage;
};
// ARGUMENT_INVALID; likewise below.
[[nodiscard]] absl::StatusOr<ListPendingCommand> FromProto(const v1::ListPendingRequest& request);
// `caller`: what the connection says of who asks.
[[nodiscard]] absl::StatusOr<PendingRequest> FromProto(const v1::RetryPendingRequest& request,
                                                       const std::string& caller);
[[nodiscard]] absl::StatusOr<PendingRequest> FromProto(const v1::SkipPendingRequest& request,
                                                       const std::string& caller);

// Bytes of all payloads together.
[[nodiscard]] uint64_t PayloadBytes(const WriteRequest& request);

// How long a call may wait so that the answer is out before the client gives up: the smaller of
// `wait_ms` and the time left, less a margin of max(20 ms, 5 % of it); at least 1. `left_ms`:
// until the call's deadline, nullopt if it has none.
[[nodiscard]] int64_t EffectiveWaitMs(int64_t wait_ms, std::optional<int64_t> left_ms);

// Replies. A reply without results, where one is needed, is core's bug: INTERNAL.
[[nodiscard]] absl::Status ToProto(const WriteReply& reply, v1::WriteResponse* response);
[[nodiscard]] absl::Status ToProto(const WriteReply& reply, v1::WriteBatchResponse* response);
[[nodiscard]] absl::Status ToProto(const WriteReply& reply, v1::UploadResponse* response);
[[nodiscard]] absl::Status ToProto(const WriteReply& reply, v1::WaitDurableResponse* response);
[[nodiscard]] absl::Status ToProto(const WriteInfo& info, v1::GetWriteResponse* response);

void ToProto(const PendingPage& page, v1::ListPendingResponse* response);
void ToProto(const internal::v1::PendingResult& result, v1::RetryPendingResponse* response);
void ToProto(const internal::v1::PendingResult& result, v1::SkipPendingResponse* response);

// What GetStatus tells besides core's view.
struct StatusInfo {
  std::string version;
  std::string writer;
  int64_t started_ms = 0;  // wall time, since 1970
  std::string journal_directory;
  uint64_t journal_max_bytes = 0;
  std::string io_engine;  // the journal's
};
void ToProto(const CoreView& view, const StatusInfo& info, v1::GetStatusResponse* response);

// "SERVING", "FULL", "DISK_FULL", "FAILED".
[[nodiscard]] absl::string_view JournalStateName(JournalState state);

}  // namespace tandem
