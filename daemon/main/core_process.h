// Core's role: gRPC, journal, acknowledgements, HTTP. Never touches a target's file.
#pragma once

#include "daemon/config/config.h"
#include "daemon/link/unique_fd.h"

namespace tandem {

// Runs until SIGTERM or SIGINT has drained it, or the supervisor is gone. Returns the exit status:
// 0, or one of supervisor.h's if it cannot start.
[[nodiscard]] int RunCoreProcess(const Config& config, UniqueFd control, Logger& log);

}  // namespace tandem
