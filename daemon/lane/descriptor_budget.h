// How a lane lives with few file descriptors.
#pragma once

#include <cstdint>

#include "daemon/lane/options.h"

namespace tandem {

// Lowers what the lane keeps open and does at once, so that it stays below the process's limit of
// descriptors: better slow than never. No limit low enough stops it.
void FitToDescriptors(uint64_t limit, LaneOptions& options);

}  // namespace tandem
