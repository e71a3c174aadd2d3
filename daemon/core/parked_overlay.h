// What a path is by the journal, told from a target that lacks some of its writes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/core/target_progress.h"
#include "daemon/model/operation.h"

namespace tandem {

// `found` is what the target has: components of `path` from the top that exist; nullopt: it has not
// said. What is parked or skipped there is laid over that in the journal's order: nothing later was
// applied there to what such a write concerns. nullopt: it cannot be told.
[[nodiscard]] std::optional<std::vector<PathState>> WithParked(
    const TargetProgress& target, const std::string& path,
    const std::optional<std::vector<PathState>>& found);

}  // namespace tandem
