// For commands that work on a directory of this machine, without a daemon.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "daemon/io/env.h"

namespace tandem::ctl {

using DirectoryWork = std::function<Awaitable<absl::Status>(Env& env, FileHandle directory)>;

// Opens `directory`, does the work and closes it; what the work or the opening said.
[[nodiscard]] absl::Status OnDirectory(const std::string& directory, const DirectoryWork& work);

}  // namespace tandem::ctl
