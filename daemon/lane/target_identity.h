// The file that says which target a directory is: `.tandem/target.json`. An empty mount point, a
// mount that fell off or the wrong export has none or another one, and is never written.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"

namespace tandem {

struct TargetIdentity {
  std::string target_id;   // a UUID, made once
  std::string target;      // its name when it was made: "local", "corebank"
  int64_t created_ms = 0;  // wall time, since 1970
};

[[nodiscard]] std::string EncodeTargetIdentity(const TargetIdentity& identity);
// DATA_LOSS if it is not one.
[[nodiscard]] absl::StatusOr<TargetIdentity> DecodeTargetIdentity(const std::string& json);

// `directory` is the target's own, open. NOT_FOUND: it has no identity. DATA_LOSS: not readable as
// one.
Awaitable<absl::StatusOr<TargetIdentity>> ReadTargetIdentity(Env& env, FileHandle directory);

// Writes the identity, durably. ALREADY_EXISTS if there is one; FAILED_PRECONDITION if the
// directory is not empty and not `even_if_not_empty`.
Awaitable<absl::StatusOr<TargetIdentity>> InitializeTarget(Env& env, FileHandle directory,
                                                           std::string target,
                                                           bool even_if_not_empty);

}  // namespace tandem
