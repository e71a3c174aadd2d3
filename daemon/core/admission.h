// What a request must be like before anything else is done with it, and how much may wait at once.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "absl/status/status.h"
#include "daemon/core/core.h"

namespace tandem {

inline constexpr int64_t kMaxWaitTimeoutMs = 3'600'000;

// OK or the refusal: paths, sizes, modes, level, wait_timeout, number of operations.
[[nodiscard]] absl::Status ValidateWrite(const WriteRequest& request, const CoreOptions& options);
[[nodiscard]] absl::Status ValidateUpload(const UploadRequest& request, const CoreOptions& options);
// LEVEL_UNKNOWN, ARGUMENT_INVALID.
[[nodiscard]] absl::Status ValidateWait(Level level, int64_t wait_timeout_ms);

// One upload's limit, bytes: the configured one, and at most a quarter of the journal's cap.
[[nodiscard]] uint64_t UploadLimit(const CoreOptions& options);

[[nodiscard]] uint64_t PayloadBytes(const std::vector<Operation>& operations);

// How many requests wait for their answer, and the payload that is not durable in the journal yet.
// Owner: core's thread.
class Budget {
 public:
  Budget(uint64_t max_writes, uint64_t max_bytes)
      : max_writes_(max_writes), max_bytes_(max_bytes) {}

  // QUEUE_FULL with a delay, or OK: then the request and its bytes count from now.
  [[nodiscard]] absl::Status Take(uint64_t bytes);
  // The request was answered.
  void Answered();
  // The bytes will not be journaled.
  void Dropped(uint64_t bytes);
  // The bytes were appended; they count until `last` is durable.
  void Appended(Sequence last, uint64_t bytes);
  void Durable(Sequence durable);

  [[nodiscard]] uint64_t writes() const { return writes_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  const uint64_t max_writes_;
  const uint64_t max_bytes_;
  uint64_t writes_ = 0;
  uint64_t bytes_ = 0;
  std::deque<std::pair<Sequence, uint64_t>> appended_;
};

}  // namespace tandem
