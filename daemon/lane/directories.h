// The directories of one target: opened once, created once, synced once per batch of changes.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/io/event.h"

namespace tandem {

// Of temp files that this process is writing now, in whatever directory and through whichever of
// its successive openings of the target.
using TempNames = absl::flat_hash_set<std::string>;

// An open directory; closed when the last user lets go of it and the cache has forgotten it.
// Owner: the lane's thread.
class Directory {
 public:
  // `distrusted`: a sync of it may have failed before, in whatever process.
  Directory(Env& env, FileHandle directory_handle, std::string directory_path, bool distrusted)
      : handle(directory_handle),
        path(std::move(directory_path)),
        env_(env),
        files_lifetime_(env.files.lifetime()),
        synced_(env.executor),
        distrusted_(distrusted) {}
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Makes every change of this directory's entries that was made before this call durable. Callers
  // at the same time share one sync.
  Awaitable<absl::Status> Sync();

  // The next sync is preceded by a change: a sync that failed has left the directory clean without
  // having written it, and a repeated one would prove nothing.
  void Distrust() { distrusted_ = true; }

  // Changes of names are durable when they are done (NFS): Sync has nothing to do.
  void NeverSync() { never_sync_ = true; }

  // Removes the temp files that a crash left, once; those named in `in_use` stay.
  Awaitable<absl::Status> CleanTemps(const TempNames& in_use);

  const FileHandle handle;
  const std::string path;  // beneath the root; "" is the root

 private:
  Awaitable<absl::Status> SyncOnce();

  Env& env_;
  std::weak_ptr<const void> files_lifetime_;
  Event synced_;
  bool cleaned_ = false;
  bool syncing_ = false;
  bool distrusted_;
  bool never_sync_ = false;
  uint64_t started_ = 0;  // syncs begun
  uint64_t finished_ = 0;
  absl::Status last_;
};

using DirectoryRef = std::shared_ptr<Directory>;

// Owner: the lane's thread. Holds no more than `limit` directories open beside those in use.
class Directories {
 public:
  // `root`: open, owned by this from now on. `suspicious`: syncs failed here before.
  Directories(Env& env, FileHandle root, size_t limit, bool suspicious,
              std::shared_ptr<TempNames> temps = std::make_shared<TempNames>());

  // The directory at `path` beneath the root; made, with its parents, if it is not there and
  // `create`. `verify`: whoever made it may have crashed before it synced, so its entry is synced
  // once more, and temp files are removed from it and its parents. NOT_FOUND if it is not there.
  Awaitable<absl::StatusOr<DirectoryRef>> Get(std::string path, bool create, bool verify);

  // The directory at `path`, only to look into: it is there, and may not be durable. Nothing on the
  // target changes, so nothing is left behind by whoever dies meanwhile. NOT_FOUND if it is not
  // there.
  Awaitable<absl::StatusOr<DirectoryRef>> Look(std::string path);

  // Something failed there: the next Get opens it again, and no sync is trusted unseen any more.
  void Forget(const std::string& path);

  // Of all directories opened from now on, and the root: see Directory.
  void NeverSync() {
    never_sync_ = true;
    root_->NeverSync();
  }

  [[nodiscard]] DirectoryRef root() const { return root_; }

  [[nodiscard]] TempNames& temps() { return *temps_; }

 private:
  Awaitable<absl::StatusOr<DirectoryRef>> OpenOrMake(std::string path, bool create, bool verify);
  // One that is open already, and used again; null: none is.
  DirectoryRef FindOpen(const std::string& path);
  void Remember(const DirectoryRef& directory);

  Env& env_;
  size_t limit_;
  bool suspicious_;
  bool never_sync_ = false;
  DirectoryRef root_;
  struct Entry {
    DirectoryRef directory;
    std::list<std::string>::iterator age;
  };
  std::list<std::string> ages_;  // newest first
  absl::flat_hash_map<std::string, Entry> open_;
  absl::flat_hash_set<std::string> verified_;  // found there and their entries synced since
  absl::flat_hash_set<std::string> unsynced_;  // made, but the sync of their entry failed
  absl::flat_hash_map<std::string, std::shared_ptr<Event>> opening_;
  std::shared_ptr<TempNames> temps_;
};

}  // namespace tandem
