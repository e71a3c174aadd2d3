// A file made beside the one whose place it takes, so that nobody ever sees half of it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "daemon/io/env.h"
#include "daemon/lane/target.h"

namespace tandem {

struct NewFile {
  std::string temp;  // the name that it has until it is complete
  std::string name;
  uint32_t mode = 0;
};

// Makes it in `parent`, lets `fill` write it, and gives it its name, all durable. Any error: it may
// have its name all the same, but not its temp name. `fill` and what it refers to outlive this.
// Owner: the lane's thread.
[[nodiscard]] Awaitable<absl::Status> MakeNewFile(
    Env& env, Target& target, Directory& parent, NewFile file,
    absl::FunctionRef<Awaitable<absl::Status>(FileHandle)> fill);

// After `failed`: `temp` goes, if it is there. Returns `failed`, or why it could not go if only
// that is the target's fault: then the write must be tried again, and not quarantined with its temp
// file left behind, which nobody would look for.
[[nodiscard]] Awaitable<absl::Status> RemoveTemp(Env& env, Directory& parent, std::string temp,
                                                 absl::Status failed);

}  // namespace tandem
