// A lane's own folder on the journal's volume: `<journal>/lanes/<target>/` with its lock, its state
// and its parked writes.
#pragma once

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/lane/directories.h"
#include "daemon/lane/options.h"

namespace tandem {

// Owner: the lane's thread. The handles stay open until the process ends: the lock must not be let
// go of while anything may still be under way on the target.
class LaneFiles {
 public:
  LaneFiles(Env& env, const LaneOptions& options) : env_(env), options_(options) {}

  // Makes the folders where they are missing.
  Awaitable<absl::Status> Open();

  // True: this process has the target now. False: another one still has it.
  Awaitable<absl::StatusOr<bool>> TryLock();

  [[nodiscard]] FileHandle directory() const { return directory_->handle; }
  [[nodiscard]] const DirectoryRef& parked_directory() const { return parked_; }

 private:
  Env& env_;
  const LaneOptions& options_;
  DirectoryRef directory_;
  DirectoryRef parked_;
  FileHandle lock_ = kNoFile;
};

}  // namespace tandem
