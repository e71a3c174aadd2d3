// Request ids: what makes a retry harmless.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"

namespace tandem::client {

// Makes version 7 UUIDs (RFC 9562). Callable from any thread; each id sorts after all that the same
// generator made before, also when the clock goes back.
class RequestIdGenerator {
 public:
  // By the system clock.
  RequestIdGenerator();
  // `now_ms`: milliseconds since 1970.
  explicit RequestIdGenerator(std::function<int64_t()> now_ms);

  // 36 characters, lower case.
  [[nodiscard]] std::string Next();

 private:
  std::function<int64_t()> now_ms_;
  std::mutex mutex_;
  int64_t last_ms_ = 0;
  uint32_t counter_ = 0;  // 12 bits, counts ids of one millisecond from a random start
};

// 36 characters with dashes in their places, hexadecimal, not nil.
[[nodiscard]] bool IsRequestId(absl::string_view text);

}  // namespace tandem::client
