// Core's role: gRPC, journal, acknowledgements, HTTP. Never touches a target's file.
#pragma once

#include "daemon/config/config.h"
#include "daemon/link/unique_fd.h"
#include "daemon/main/process_env.h"
#include "daemon/main/shared_text.h"

namespace tandem {

// Runs until SIGTERM or SIGINT has drained it, or the supervisor is gone. Returns the exit status:
// 0, or one of supervisor.h's if it cannot start. SIGHUP: `shared` has another configuration, of
// which the keys that may change take effect.
[[nodiscard]] int RunCoreProcess(const Config& config, const SharedText& shared, UniqueFd control,
                                 const FilesFactory& make_files, Logger& log);

}  // namespace tandem
