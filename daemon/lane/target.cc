#include "daemon/lane/target.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/lane/target_identity.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY;
constexpr char kProbeName[] = "probe";
constexpr int64_t kNfsType = 0x6969;  // f_type of statfs(2)

}  // namespace

Awaitable<absl::StatusOr<std::unique_ptr<Target>>> Target::Open(Env& env,
                                                                const LaneOptions& options,
                                                                std::string pinned_id,
                                                                bool suspicious, TargetClaim* claim,
                                                                std::shared_ptr<TempNames> temps) {
  if (temps == nullptr) temps = std::make_shared<TempNames>();
  std::unique_ptr<Target> target(new Target(env, options));
  target->id_ = std::move(pinned_id);
  target->claim_ = claim;
  CO_ASSIGN_OR_RETURN(const FileHandle top,
                      co_await env.files.Open(kNoFile, options.target_path, kDirectoryFlags));
  // Owns `top` from here on.
  Directories whole(env, top, 8, suspicious, temps);
  CO_RETURN_IF_ERROR(co_await target->Admit(top));
  const std::string own = OwnDirectoryOf(options.writer);
  CO_ASSIGN_OR_RETURN(target->own_, co_await whole.Get(own, true, true));
  if (claim != nullptr) {
    CO_RETURN_IF_ERROR(co_await claim->Take(top, *target->own_, target->data_flags()));
  }
  CO_ASSIGN_OR_RETURN(const DirectoryRef root, co_await whole.Get(options.writer_root, true, true));
  // A handle of its own for the cache of what is beneath; from what was checked, not from the path,
  // which may lead to another mount by now.
  const std::string root_name = options.writer_root.empty() ? "." : options.writer_root;
  CO_ASSIGN_OR_RETURN(const FileHandle beneath,
                      co_await env.files.Open(top, root_name, kDirectoryFlags));
  target->directories_ =
      std::make_unique<Directories>(env, beneath, options.max_open_directories, suspicious, temps);
  // A server has made a change of names durable when it answers; a sync would only wait for the
  // directory's lock, which every change under way holds for a round trip.
  if (target->on_nfs_) target->directories_->NeverSync();
  CO_RETURN_IF_ERROR(co_await target->ProbeWrite());
  co_return target;
}

// Nothing of the writer's is touched before all of this holds.
Awaitable<absl::Status> Target::Admit(FileHandle top) {
  CO_RETURN_IF_ERROR(co_await CheckMount(top));
  absl::Status identified = co_await CheckIdentity(top);
  if (absl::IsNotFound(identified) && options_.initialize_target && id_.empty()) {
    auto made = co_await InitializeTarget(env_, top, options_.target, false);
    if (!made.ok()) co_return Annotate(made.status(), "initializing the target");
    id_ = made->target_id;
    env_.log.Info("target_initialized",
                  {{"target", options_.target}, {"target_id", made->target_id}});
    identified = absl::OkStatus();
  }
  if (absl::IsNotFound(identified)) {
    co_return absl::FailedPreconditionError(
        id_.empty() ? "the directory has no identity: it is not an initialized target, or its "
                      "mount is missing (tandemctl target init makes one)"
                    : absl::StrCat("the directory has no identity, expected ", id_,
                                   ": its mount is missing, or what was on it is lost"));
  }
  CO_RETURN_IF_ERROR(identified);
  if (claim_ != nullptr) CO_RETURN_IF_ERROR(co_await claim_->Check(top));
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Target::CheckMount(FileHandle directory) {
  CO_ASSIGN_OR_RETURN(const FileStat self, co_await env_.files.StatFile(directory));
  device_ = self.device;
  inode_ = self.inode;
  CO_ASSIGN_OR_RETURN(const FileSystemStat system, co_await env_.files.StatFs(directory));
  on_nfs_ = system.type == kNfsType;
  if (!options_.require_mount) co_return absl::OkStatus();
  const std::string above = absl::StrCat("/", ParentOf(options_.target_path.substr(1)));
  CO_ASSIGN_OR_RETURN(const FileHandle parent,
                      co_await env_.files.Open(kNoFile, above, kDirectoryFlags));
  auto parent_stat = co_await env_.files.StatFile(parent);
  (co_await env_.files.Close(parent)).IgnoreError();  // a directory, only looked at
  if (!parent_stat.ok()) co_return parent_stat.status();
  if (parent_stat->device == self.device) {
    co_return absl::FailedPreconditionError("nothing is mounted on the target's directory");
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Target::CheckIdentity(FileHandle directory) {
  auto identity = co_await ReadTargetIdentity(env_, directory);
  if (!identity.ok()) co_return identity.status();
  if (!id_.empty() && identity->target_id != id_) {
    co_return absl::FailedPreconditionError(
        absl::StrCat("the directory is another target: its identity is ", identity->target_id, " (",
                     identity->target, "), expected ", id_));
  }
  // Nothing is pinned yet: the first mount that is seen must not be the other target's.
  if (id_.empty() && identity->target != options_.target) {
    co_return absl::FailedPreconditionError(
        absl::StrCat("the directory is target '", identity->target, "', not '", options_.target,
                     "'; if it is meant, say so with target_id ", identity->target_id));
  }
  id_ = identity->target_id;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Target::Probe() {
  CO_RETURN_IF_ERROR(co_await Look());
  // The writer's root itself has to let names be looked up.
  const std::string root_name = absl::StrCat(
      options_.target_path, "/", options_.writer_root.empty() ? "." : options_.writer_root);
  CO_ASSIGN_OR_RETURN(const FileHandle root,
                      co_await env_.files.Open(kNoFile, root_name, kDirectoryFlags));
  CO_RETURN_IF_ERROR(co_await env_.files.Close(root));
  co_return co_await ProbeWrite();
}

Awaitable<absl::Status> Target::Look() {
  CO_ASSIGN_OR_RETURN(const FileHandle top,
                      co_await env_.files.Open(kNoFile, options_.target_path, kDirectoryFlags));
  absl::Status status = co_await CheckIdentity(top);
  if (status.ok() && claim_ != nullptr) status = co_await claim_->Check(top);
  auto stat = co_await env_.files.StatFile(top);
  (co_await env_.files.Close(top)).IgnoreError();  // a directory, only looked at
  CO_RETURN_IF_ERROR(status);
  if (!stat.ok()) co_return stat.status();
  if (stat->device != device_ || stat->inode != inode_) {
    co_return absl::UnavailableError("the target's directory was replaced");
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Target::ProbeWrite() {
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env_.files.Open(own_->handle, kProbeName, flags));
  absl::Status status = co_await env_.files.Write(file, "probe\n", 0);
  if (status.ok()) status = co_await env_.files.Sync(file);
  const absl::Status closed = co_await env_.files.Close(file);
  CO_RETURN_IF_ERROR(status);
  CO_RETURN_IF_ERROR(closed);
  co_return co_await env_.files.Unlink(own_->handle, kProbeName);
}

}  // namespace tandem
