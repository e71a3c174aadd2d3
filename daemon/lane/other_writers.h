// Who else writes to a target: every writer owns a directory tree there, its root, alone.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/io/env.h"
#include "daemon/lane/epoch_file.h"
#include "daemon/lane/options.h"

namespace tandem {

// One is the other, or lies within it; "" is the target itself.
[[nodiscard]] bool RootsOverlap(absl::string_view a, absl::string_view b);

// Owner: the lane's thread.
class OtherWriters {
 public:
  // Both outlive it.
  OtherWriters(Env& env, const LaneOptions& options) : env_(env), options_(options) {}

  // For who has not begun to write: nobody else has a root that overlaps ours, or is about to.
  // `top` is the target's own directory, open. Only reads. FAILED_PRECONDITION says who it is.
  Awaitable<absl::Status> CheckBefore(FileHandle top);

  // For who writes already: the same of those who write too, as far as one look goes: whoever is
  // new, whoever was found before, and one of the others in turn.
  Awaitable<absl::Status> CheckWhile(FileHandle top);

 private:
  enum class Who { kHolders, kClaimants };
  Awaitable<absl::Status> CheckOne(FileHandle top, std::string writer, Who who);

  Env& env_;
  const LaneOptions& options_;
  absl::flat_hash_set<std::string> known_;  // writers that were looked at
  std::string found_;                       // the one whose root overlaps; "": none
  std::string last_;                        // the last that was looked at in turn
};

}  // namespace tandem
