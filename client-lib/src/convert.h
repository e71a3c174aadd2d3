// Between the public structs and the wire's messages.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tandem/client/types.h"
#include "tandem/v1/admin.pb.h"
#include "tandem/v1/tandem.pb.h"

namespace tandem::client {

[[nodiscard]] v1::DurabilityLevel ToWire(Level level);
// Moves the data out of `operation`.
void ToWire(Operation&& operation, v1::Operation* wire);
// One operation makes a WriteRequest; `checksum` adds its data's CRC32C.
[[nodiscard]] v1::WriteRequest ToWriteRequest(Operation&& operation, const std::string& request_id,
                                              Level level, bool checksum);
[[nodiscard]] v1::WriteBatchRequest ToBatchRequest(std::vector<Operation>&& operations,
                                                   const std::string& request_id, Level level);

[[nodiscard]] absl::Time ToTime(const google::protobuf::Timestamp& time);
[[nodiscard]] absl::Duration FromWire(const google::protobuf::Duration& duration);
[[nodiscard]] WriteResult FromWire(const v1::WriteResponse& wire, const std::string& request_id);
[[nodiscard]] WriteResult FromWire(const v1::WriteBatchResponse& wire,
                                   const std::string& request_id);
[[nodiscard]] WriteResult FromWire(const v1::UploadResponse& wire, const std::string& request_id);
[[nodiscard]] WriteResult FromWire(const v1::WaitDurableResponse& wire);
[[nodiscard]] WriteInfo FromWire(const v1::GetWriteResponse& wire);
[[nodiscard]] DaemonStatus FromWire(const v1::GetStatusResponse& wire);
[[nodiscard]] PendingList FromWire(const v1::ListPendingResponse& wire);
[[nodiscard]] PendingResult FromWire(const v1::RetryPendingResponse& wire);
[[nodiscard]] PendingResult FromWire(const v1::SkipPendingResponse& wire);

}  // namespace tandem::client
