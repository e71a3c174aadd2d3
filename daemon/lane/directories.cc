#include "daemon/lane/directories.h"

#include <cerrno>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

// A name that no journaled path can have, for a change that makes a directory dirty again.
constexpr char kTouchName[] = ".tandem-tmp.touch";

}  // namespace

Directory::~Directory() {
  if (files_lifetime_.expired()) return;
  IoRequest request{.kind = IoKind::kClose, .file = handle};
  // Only ever read or synced: its close has nothing left to report.
  env_.files.Submit(std::move(request), [](const IoResult&) {});
}

Awaitable<absl::Status> Directory::Sync() {
  if (never_sync_) co_return absl::OkStatus();
  // A sync under way may have begun before this caller's change: the next one counts.
  const uint64_t wanted = started_ + 1;
  while (finished_ < wanted) {
    if (syncing_) {
      co_await synced_.Wait();
      continue;
    }
    syncing_ = true;
    const uint64_t number = ++started_;
    last_ = co_await SyncOnce();
    finished_ = number;
    syncing_ = false;
    synced_.Notify();
  }
  co_return last_;
}

Awaitable<absl::Status> Directory::SyncOnce() {
  if (distrusted_) {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    CO_ASSIGN_OR_RETURN(const FileHandle touched,
                        co_await env_.files.Open(handle, kTouchName, flags));
    CO_RETURN_IF_ERROR(co_await env_.files.Close(touched));
    const absl::Status removed = co_await env_.files.Unlink(handle, kTouchName);
    if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  }
  absl::Status status = co_await env_.files.Sync(handle);
  distrusted_ = !status.ok();
  co_return status;
}

Awaitable<absl::Status> Directory::CleanTemps(const TempNames& in_use) {
  if (cleaned_) co_return absl::OkStatus();
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> names, co_await env_.files.List(handle));
  for (const std::string& name : names) {
    if (!IsTempName(name) || in_use.contains(name)) continue;
    const absl::Status removed = co_await env_.files.Unlink(handle, name);
    if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  }
  cleaned_ = true;
  co_return absl::OkStatus();
}

Directories::Directories(Env& env, FileHandle root, size_t limit, bool suspicious,
                         std::shared_ptr<TempNames> temps)
    : env_(env),
      limit_(limit),
      suspicious_(suspicious),
      root_(std::make_shared<Directory>(env, root, "", suspicious)),
      temps_(std::move(temps)) {}

Awaitable<absl::StatusOr<DirectoryRef>> Directories::Get(std::string path, bool create,
                                                         bool verify) {
  if (path.empty()) {
    if (verify) {
      if (verified_.insert(path).second) root_->Distrust();
      CO_RETURN_IF_ERROR(co_await root_->CleanTemps(*temps_));
    }
    co_return root_;
  }
  while (true) {
    if (DirectoryRef found = FindOpen(path);
        found != nullptr && (!verify || verified_.contains(path))) {
      co_return found;
    }
    auto under_way = opening_.find(path);
    if (under_way == opening_.end()) break;
    const std::shared_ptr<Event> opened = under_way->second;
    co_await opened->Wait();
  }
  auto opened = std::make_shared<Event>(env_.executor);
  opening_.emplace(path, opened);
  auto result = co_await OpenOrMake(path, create, verify);
  opening_.erase(path);
  opened->Notify();
  if (result.ok()) Remember(*result);
  co_return result;
}

Awaitable<absl::StatusOr<DirectoryRef>> Directories::OpenOrMake(std::string path, bool create,
                                                                bool verify) {
  const std::string parent_path(ParentOf(path));
  const std::string name(NameOf(path));
  auto parent = co_await Get(parent_path, create, verify);
  if (!parent.ok()) co_return parent.status();
  // On a mount whose servers answer after the fact, "failed" may have happened: EEXIST is success.
  constexpr int kFlags = O_RDONLY | O_DIRECTORY;
  auto handle = co_await env_.files.Open((*parent)->handle, name, kFlags);
  // What something failed to make may be there all the same, and nobody has synced its entry.
  bool sync_parent = verify || suspicious_ || unsynced_.contains(path);
  if (absl::IsNotFound(handle.status()) && create) {
    const absl::Status made = co_await env_.files.Mkdir((*parent)->handle, name);
    if (!made.ok() && ErrnoOf(made) != EEXIST) {
      unsynced_.insert(path);
      co_return made;
    }
    sync_parent = true;
    handle = co_await env_.files.Open((*parent)->handle, name, kFlags);
  }
  if (!handle.ok()) co_return handle.status();
  auto directory = std::make_shared<Directory>(env_, *handle, path, suspicious_ || verify);
  if (never_sync_) directory->NeverSync();
  if (verify) CO_RETURN_IF_ERROR(co_await directory->CleanTemps(*temps_));
  if (sync_parent) {
    const absl::Status synced = co_await (*parent)->Sync();
    // Not remembered: whoever comes next finds it there and must not take it for durable.
    if (!synced.ok()) {
      unsynced_.insert(path);
      co_return synced;
    }
    unsynced_.erase(path);
    if (verify) verified_.insert(path);
  }
  co_return directory;
}

Awaitable<absl::StatusOr<DirectoryRef>> Directories::Look(std::string path) {
  if (path.empty()) co_return root_;
  if (DirectoryRef found = FindOpen(path); found != nullptr) co_return found;
  if (never_sync_ || (!suspicious_ && unsynced_.empty())) {
    auto remembered = co_await Get(std::move(path), false, false);
    co_return remembered;
  }
  // Get would sync its parent. Not remembered: who changes something there must do so.
  const auto parent = co_await Look(std::string(ParentOf(path)));
  if (!parent.ok()) co_return parent.status();
  const std::string name(NameOf(path));
  const auto handle = co_await env_.files.Open((*parent)->handle, name, O_RDONLY | O_DIRECTORY);
  if (!handle.ok()) co_return handle.status();
  co_return std::make_shared<Directory>(env_, *handle, std::move(path), /*distrusted=*/true);
}

void Directories::Forget(const std::string& path) {
  suspicious_ = true;
  auto found = open_.find(path);
  if (found == open_.end()) return;
  ages_.erase(found->second.age);
  open_.erase(found);
}

DirectoryRef Directories::FindOpen(const std::string& path) {
  const auto found = open_.find(path);
  if (found == open_.end()) return nullptr;
  ages_.splice(ages_.begin(), ages_, found->second.age);
  return found->second.directory;
}

void Directories::Remember(const DirectoryRef& directory) {
  if (open_.contains(directory->path)) return;
  ages_.push_front(directory->path);
  open_.emplace(directory->path, Entry{.directory = directory, .age = ages_.begin()});
  while (open_.size() > limit_) {
    open_.erase(ages_.back());
    ages_.pop_back();
  }
}

}  // namespace tandem
