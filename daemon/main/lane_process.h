// The lane's role: one target, in a process of its own.
#pragma once

#include <string>

#include "daemon/config/config.h"
#include "daemon/link/unique_fd.h"
#include "daemon/main/process_env.h"
#include "daemon/main/shared_text.h"

namespace tandem {

// Runs until core is gone or the lane has drained. Returns the exit status. SIGHUP: `shared` has
// another configuration, of which the keys that may change take effect.
[[nodiscard]] int RunLaneProcess(const Config& config, const SharedText& shared,
                                 const std::string& target, UniqueFd link,
                                 const FilesFactory& make_files, Logger& log);

}  // namespace tandem
