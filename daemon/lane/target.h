// One target, opened: its identity checked, its directories at hand.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/lane/directories.h"
#include "daemon/lane/open_files.h"
#include "daemon/lane/options.h"
#include "daemon/lane/target_claim.h"

namespace tandem {

// Owner: the lane's thread, while the lane's process holds the target's lock.
class Target {
 public:
  // Opens the directory, checks that it is a mount (if required) and has the identity `pinned_id`
  // ("" : any; options.initialize_target: makes one where there is none) and what `claim` asks for
  // (null: nothing), makes the writer's root, and proves that it can be written. `suspicious`: it
  // failed before, so no sync is trusted unseen. `temps`: of all openings of this target. Errors
  // say what is wrong, for status and log.
  static Awaitable<absl::StatusOr<std::unique_ptr<Target>>> Open(
      Env& env, const LaneOptions& options, std::string pinned_id, bool suspicious,
      TargetClaim* claim = nullptr, std::shared_ptr<TempNames> temps = nullptr);

  // Is it still the directory that was opened, with its identity, and nobody else's? Only looks.
  Awaitable<absl::Status> Look();

  // The same, and can it be written? A real create, write, sync and delete. Never inside the
  // writer's own files.
  Awaitable<absl::Status> Probe();

  [[nodiscard]] Directories& directories() { return *directories_; }
  // `.tandem/writers/<writer>`
  [[nodiscard]] Directory& own() { return *own_; }
  [[nodiscard]] OpenFiles& files() { return files_; }
  // What files with content are opened with besides: on NFS past the page cache, where a write then
  // needs no worker of the kernel, and is on permanent storage when it is done.
  [[nodiscard]] int data_flags() const { return on_nfs_ ? O_DIRECT : 0; }
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  Target(Env& env, const LaneOptions& options)
      : env_(env), options_(options), files_(env, options.max_open_files) {}

  Awaitable<absl::Status> Admit(FileHandle top);
  Awaitable<absl::Status> CheckIdentity(FileHandle directory);
  Awaitable<absl::Status> CheckMount(FileHandle directory);
  Awaitable<absl::Status> ProbeWrite();

  Env& env_;
  const LaneOptions& options_;
  std::string id_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  bool on_nfs_ = false;
  OpenFiles files_;
  TargetClaim* claim_ = nullptr;
  DirectoryRef own_;  // <target>/.tandem/writers/<writer>
  std::unique_ptr<Directories> directories_;
};

}  // namespace tandem
