// Is the journal's directory a place where a journal means something?
#pragma once

#include <string>

#include "absl/status/status.h"

namespace tandem {

// Makes the directory if it is missing. FAILED_PRECONDITION if it is on tmpfs, ramfs or overlay,
// where it dies with the container, and not `volatile_is_meant`.
[[nodiscard]] absl::Status PrepareJournalPlace(const std::string& directory,
                                               bool volatile_is_meant);

}  // namespace tandem
