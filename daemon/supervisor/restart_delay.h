// How long to wait before starting a process again.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tandem {

struct RestartDelayOptions {
  int64_t initial_ms = 100;
  int64_t max_ms = 5'000;
  int64_t stable_after_ms = 10'000;  // a life this long starts over
};

// Doubles with every short life; a long one is followed by the next at once, if that is asked for.
class RestartDelay {
 public:
  RestartDelay(const RestartDelayOptions& options, bool at_once)
      : options_(options), at_once_(at_once) {}

  // Milliseconds to wait after a life of `lived_ms`.
  [[nodiscard]] int64_t Next(int64_t lived_ms) {
    if (lived_ms >= options_.stable_after_ms || next_ms_ == 0) {
      next_ms_ = options_.initial_ms;
      if (at_once_ && lived_ms >= options_.stable_after_ms) return 0;
    }
    const int64_t delay_ms = std::min(next_ms_, options_.max_ms);
    next_ms_ = std::min(options_.max_ms, delay_ms * 2);
    return delay_ms;
  }

 private:
  RestartDelayOptions options_;
  bool at_once_;
  int64_t next_ms_ = 0;
};

}  // namespace tandem
