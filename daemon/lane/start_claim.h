// While a daemon takes the epoch it has a file of its own beside it, `claim-<instance>`: so of
// several daemons of one writer that start at once at most one gets it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/lane/directories.h"
#include "daemon/lane/epoch_file.h"

namespace tandem {

// FAILED_PRECONDITION: another one is at it, and this one's file is gone again.
Awaitable<absl::Status> EnterClaim(Env& env, Directory& own, int flags, const EpochFile& mine);
Awaitable<absl::Status> LeaveClaim(Env& env, Directory& own, std::string instance);

// What a daemon that died meanwhile has left. `own` is the writer's directory, open.
Awaitable<absl::StatusOr<EpochFile>> FirstClaim(Env& env, FileHandle own);  // NOT_FOUND: none
Awaitable<absl::Status> RemoveClaims(Env& env, Directory& own);

}  // namespace tandem
