// Is the journal's directory a place where a journal means something?
#pragma once

#include <string>

#include "absl/status/status.h"
#include "daemon/core/options.h"
#include "daemon/io/env.h"

namespace tandem {

// Makes the directory if it is missing. FAILED_PRECONDITION if it is on tmpfs, ramfs or overlay,
// where it dies with the container, and not `volatile_is_meant`.
[[nodiscard]] absl::Status PrepareJournalPlace(const std::string& directory,
                                               bool volatile_is_meant);

// A target that is not configured any more would lose what the journal owes it, and nobody would
// say so: INVALID_ARGUMENT if the journal has a lane of one.
Awaitable<absl::Status> CheckNoTargetIsForgotten(Env& env, const CoreOptions& options);

}  // namespace tandem
