// Whether and when a call is tried again, and what its caller is told in the end.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failure.h"
#include "tandem/client/options.h"

namespace tandem::client {

// While nobody is there to be bothered, the pauses grow no longer than this: a daemon that restarts
// is back within a second.
inline constexpr absl::Duration kLongestPauseUnsent = absl::Milliseconds(200);

// How long to wait after so many failures in a row (1 or more), the last of which was `failure`.
// What the daemon said counts before the back-off.
[[nodiscard]] absl::Duration PauseAfter(const RetryPolicy& policy, int failures,
                                        const Failure& failure);

// Of one call; not thread-safe.
class RetryState {
 public:
  struct Limits {
    RetryPolicy policy;
    absl::Time deadline = absl::InfiniteFuture();
    bool keep_waiting = false;  // DURABILITY_NOT_REACHED is tried again
    bool writes = false;        // an unknown outcome matters
    // The id was the caller's: an earlier life of it may have used it.
    bool callers_id = false;
    std::string request_id;
  };

  explicit RetryState(Limits limits) : limits_(std::move(limits)) {}

  // Call once per failed attempt. How long to wait before the next one, or nullopt: give up.
  [[nodiscard]] std::optional<absl::Duration> OnFailure(const Failure& failure, absl::Time now);

  // For the caller, after OnFailure gave up on `failure` (or was not asked).
  [[nodiscard]] absl::Status Final(const Failure& failure) const;

  [[nodiscard]] const Limits& limits() const { return limits_; }

 private:
  [[nodiscard]] bool MayRetry(const Failure& failure) const;

  const Limits limits_;
  int attempts_ = 0;
  bool ambiguous_ = false;  // some attempt may have been accepted
  // The farthest any attempt is known to have got.
  std::optional<uint64_t> sequence_;
  Level level_reached_ = Level::kUnspecified;
};

}  // namespace tandem::client
