// Why a call failed, for a program: what the daemon's error details said and what the client knows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tandem/client/types.h"

namespace tandem::client {

struct ErrorDetail {
  // UPPER_SNAKE reason of Tandem's catalogue, e.g. "DURABILITY_NOT_REACHED"; empty if the error did
  // not come from the daemon's logic (a lost connection, say).
  std::string reason;
  // All that the daemon added, `sequence` and `level_reached` included.
  std::map<std::string, std::string> metadata;
  // The id to ask again with; empty for calls that write nothing.
  std::string request_id;
  // The write's place in the journal, if the daemon said it.
  std::optional<uint64_t> sequence;
  // How far the write is known to have got.
  Level level_reached = Level::kUnspecified;
  // Advice of the daemon: do not ask again before this.
  std::optional<absl::Duration> retry_delay;
  // Asking again, under the same request id, can succeed.
  bool retryable = false;
  // The write may or may not have happened or may still happen: ask again under the same
  // request id (it is never applied twice), or GetWrite.
  bool outcome_unknown = false;
  // How often the library tried.
  int attempts = 0;
};

// The detail that an error of this library carries; defaults for a status from elsewhere.
[[nodiscard]] ErrorDetail DetailOf(const absl::Status& status);

}  // namespace tandem::client
