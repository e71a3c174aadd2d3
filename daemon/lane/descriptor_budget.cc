#include "daemon/lane/descriptor_budget.h"

#include <algorithm>

namespace tandem {
namespace {

// Ring, sockets, log, the journal's and the lane's own files, a probe.
constexpr uint64_t kOwnDescriptors = 32;

}  // namespace

void FitToDescriptors(uint64_t limit, LaneOptions& options) {
  const uint64_t spare = limit > kOwnDescriptors ? limit - kOwnDescriptors : 0;
  // Files kept, directories kept, and for each path under way a file and maybe its directories.
  const auto share = static_cast<uint32_t>(std::clamp<uint64_t>(spare / 6, 1, UINT32_MAX));
  options.max_open_files = std::min(options.max_open_files, share);
  options.max_open_directories = std::min(options.max_open_directories, share);
  options.max_parallel_paths = std::min(options.max_parallel_paths, share);
}

}  // namespace tandem
