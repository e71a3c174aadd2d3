// What each operation does to a simulated disk at the moment it has its effect.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/sim_process.h"

namespace tandem {
namespace {

// Splits off the first component; leading slashes are skipped.
std::string TakeComponent(absl::string_view* path) {
  while (!path->empty() && path->front() == '/') path->remove_prefix(1);
  const size_t slash = std::min(path->find('/'), path->size());
  const std::string name(path->substr(0, slash));
  path->remove_prefix(slash);
  while (!path->empty() && path->front() == '/') path->remove_prefix(1);
  return name;
}

SimInodePtr Lookup(const SimInode& directory, const std::string& name) {
  const auto found = directory.entries.find(name);
  return found == directory.entries.end() ? nullptr : found->second;
}

FileStat StatOf(const SimInode& inode, uint64_t device) {
  FileStat stat;
  stat.type = inode.type;
  stat.mode = inode.mode;
  stat.size = inode.content.cached().size();
  stat.links = inode.type == FileType::kDirectory ? 2 : 1;
  stat.inode = inode.id;
  stat.device = device;
  return stat;
}

// Asks a file system to change, whether there will be anything to change or not.
bool Changes(const IoRequest& request) {
  switch (request.kind) {
    case IoKind::kWrite:
    case IoKind::kTruncate:
    case IoKind::kRename:
    case IoKind::kUnlink:
    case IoKind::kMkdir:
      return true;
    case IoKind::kOpen:
      return (request.open_flags & (O_CREAT | O_TRUNC)) != 0 ||
             (request.open_flags & O_ACCMODE) != O_RDONLY;
    default:
      return false;
  }
}

bool Writable(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

int64_t CheckOpenable(const SimInode& inode, int flags) {
  if (inode.type == FileType::kOther) return -ELOOP;
  if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return -EEXIST;
  if (inode.type == FileType::kDirectory) {
    return Writable(flags) || (flags & O_CREAT) != 0 ? -EISDIR : 0;
  }
  return (flags & O_DIRECTORY) != 0 ? -ENOTDIR : 0;
}

}  // namespace

int64_t SimFiles::Process::Run(SimOperation* operation, int error) {
  const IoKind kind = operation->request.kind;
  SimDisk& disk = *operation->at.disk;
  if (error == 0 && Changes(operation->request)) {
    if (forbidden.contains(&disk)) {
      disk.Violate(absl::StrCat("a process changed ", disk.options().name,
                                ", which is not its to write: ", operation->at.path, "/",
                                operation->request.path));
    }
    if (disk.read_only()) {
      disk.Hit(SimHit::kReadOnly);
      return -EROFS;
    }
  }
  if (kind == IoKind::kWrite) return RunWrite(operation, error);
  if (kind == IoKind::kSync) return RunSync(operation, error);
  const bool changes = kind == IoKind::kRename || kind == IoKind::kUnlink ||
                       kind == IoKind::kMkdir ||
                       (kind == IoKind::kOpen && (operation->request.open_flags & O_CREAT) != 0);
  if (error == 0 && changes && disk.random().Chance(disk.rates().meta_error)) {
    // The error of an answer that was lost: the change may have happened.
    disk.Hit(SimHit::kRandom);
    if (disk.random().Chance(0.5)) {
      if (kind == IoKind::kRename) (void)RunRename(operation);
      if (kind == IoKind::kUnlink) (void)RunUnlink(operation);
      if (kind == IoKind::kMkdir) (void)RunMkdir(operation);
    }
    return -EIO;
  }
  if (error != 0 && kind != IoKind::kClose) return -error;
  switch (kind) {
    case IoKind::kOpen:
      return RunOpen(operation);
    case IoKind::kClose:
      // Locks of the process go with the handle; an error does not bring it back.
      if (locked_.erase(operation->at.inode.get()) > 0) operation->at.inode->lock_owner = nullptr;
      return -error;
    case IoKind::kRead:
      return RunRead(operation);
    case IoKind::kTruncate:
      return RunTruncate(operation);
    case IoKind::kRename:
      return RunRename(operation);
    case IoKind::kUnlink:
      return RunUnlink(operation);
    case IoKind::kMkdir:
      return RunMkdir(operation);
    case IoKind::kStat:
      return RunStat(operation);
    case IoKind::kList:
      return RunList(operation);
    case IoKind::kStatFs:
      operation->result.stat_fs = {disk.options().type, disk.free_bytes(),
                                   disk.options().capacity_bytes};
      return 0;
    case IoKind::kLock:
      return RunLock(operation);
    case IoKind::kWrite:
    case IoKind::kSync:
      break;
  }
  return -EINVAL;
}

int64_t SimFiles::Process::RunOpen(SimOperation* operation) {
  const int flags = operation->request.open_flags;
  SimDisk& disk = *operation->at.disk;
  const bool absolute = operation->request.file == kNoFile;
  absl::string_view rest = operation->request.path;
  if (!absolute && (rest.empty() || rest.front() == '/')) return rest.empty() ? -ENOENT : -EXDEV;
  if ((flags & O_APPEND) != 0) return -EINVAL;
  SimHandle handle{&disk, operation->at.inode, disk.generation(), flags, operation->at.path};
  if (handle.inode->type != FileType::kDirectory) return -ENOTDIR;
  if (!dead_ && handles_.size() >= handle_limit) {
    ++refused_opens;
    return -EMFILE;
  }
  while (!rest.empty()) {
    const std::string name = TakeComponent(&rest);
    if (name.empty() || name == ".") continue;
    if (name == "..") return -EXDEV;
    if (name.size() > 255) return -ENAMETOOLONG;
    if (handle.inode->type == FileType::kOther) return -ELOOP;
    if (handle.inode->type != FileType::kDirectory) return -ENOTDIR;
    absl::StrAppend(&handle.path, handle.path.empty() ? "" : "/", name);
    SimInodePtr next = Lookup(*handle.inode, name);
    if (!next) {
      if (!rest.empty() || (flags & O_CREAT) == 0) return -ENOENT;
      if ((flags & O_DIRECTORY) != 0) return -EINVAL;
      if (disk.full_error() == EDQUOT && disk.free_bytes() == 0) {
        disk.Hit(SimHit::kNoSpace);
        return -EDQUOT;  // a quota counts files, too
      }
      next = disk.NewInode(FileType::kRegular, operation->request.mode);
      disk.Change({{handle.inode.get(), name, next}});
      handle.inode = std::move(next);
      return NewHandle(std::move(handle));
    }
    handle.inode = std::move(next);
  }
  if (const int64_t error = CheckOpenable(*handle.inode, flags); error != 0) return error;
  if ((flags & O_TRUNC) != 0 && Writable(flags)) {
    handle.inode->content.Truncate(0, disk.NextVersion());
    handle.inode->Recount();
  }
  return NewHandle(std::move(handle));
}

int64_t SimFiles::Process::RunRead(SimOperation* operation) {
  SimDisk& disk = *operation->at.disk;
  const SimInode& inode = *operation->at.inode;
  if (inode.type == FileType::kDirectory) return -EISDIR;
  if ((operation->at.flags & O_ACCMODE) == O_WRONLY) return -EBADF;
  if (disk.random().Chance(disk.rates().read_error)) return -EIO;
  const std::string& data = inode.content.cached();
  const IoRequest& request = operation->request;
  if (request.offset >= data.size()) return 0;
  const uint64_t length = std::min<uint64_t>(request.length, data.size() - request.offset);
  if (!dead_) std::memcpy(request.buffer, data.data() + request.offset, length);
  return static_cast<int64_t>(length);
}

int64_t SimFiles::Process::RunWrite(SimOperation* operation, int error) {
  SimDisk& disk = *operation->at.disk;
  SimInode& inode = *operation->at.inode;
  const IoRequest& request = operation->request;
  if (inode.type != FileType::kRegular || !Writable(operation->at.flags)) return -EBADF;
  uint64_t length = request.length;
  SimRandom& random = disk.random();
  if (error == 0 && random.Chance(disk.rates().write_error)) {
    error = random.Chance(0.5) ? EIO : ENOSPC;
    disk.Hit(SimHit::kRandom);
  }
  if (error != 0) {
    length = random.Below(length + 1);  // any part may have been written
  } else if (length > 1 && random.Chance(disk.rates().short_write)) {
    length = 1 + random.Below(length - 1);
  }
  const uint64_t size = inode.content.cached().size();
  const uint64_t room =
      std::max(size, request.offset) + disk.free_bytes() -
      (request.offset > size ? std::min(request.offset - size, disk.free_bytes()) : 0);
  if (request.offset + length > room) {
    length = room > request.offset ? room - request.offset : 0;
    disk.Hit(SimHit::kNoSpace);
    if (length == 0 && error == 0) return request.length == 0 ? 0 : -disk.full_error();
  }
  inode.content.Write(request.offset, absl::string_view(request.source, length),
                      disk.NextVersion());
  // On a remote file system a direct write is on permanent storage when it is answered.
  if (disk.remote() && (operation->at.flags & O_DIRECT) != 0) inode.content.Sync(disk.version());
  inode.Recount();
  return error != 0 ? -error : static_cast<int64_t>(length);
}

int64_t SimFiles::Process::RunSync(SimOperation* operation, int error) {
  SimDisk& disk = *operation->at.disk;
  SimInode& inode = *operation->at.inode;
  if (error == 0 && disk.random().Chance(disk.rates().sync_error)) {
    error = disk.random().Chance(0.5) ? EIO : ENOSPC;
    disk.Hit(SimHit::kRandom);
  }
  if (std::exchange(inode.lost_a_write, false) && error == 0) error = EIO;
  if (inode.type == FileType::kDirectory) {
    // A journaling file system still has the change after a failure; a later sync writes it.
    if (error == 0) SyncDirectory(inode, operation->started_at);
  } else if (error == 0) {
    inode.content.Sync(operation->started_at);
  } else {
    inode.content.Lose(operation->started_at);
  }
  return -error;
}

int64_t SimFiles::Process::RunTruncate(SimOperation* operation) {
  SimDisk& disk = *operation->at.disk;
  SimInode& inode = *operation->at.inode;
  if (inode.type != FileType::kRegular || !Writable(operation->at.flags)) return -EINVAL;
  const uint64_t size = inode.content.cached().size();
  const uint64_t length = operation->request.length;
  if (length > size && length - size > disk.free_bytes()) {
    disk.Hit(SimHit::kNoSpace);
    return -disk.full_error();
  }
  inode.content.Truncate(length, disk.NextVersion());
  inode.Recount();
  return 0;
}

int64_t SimFiles::Process::RunRename(SimOperation* operation) {
  const IoRequest& request = operation->request;
  if (operation->at.disk != operation->at2.disk) return -EXDEV;
  SimDisk& disk = *operation->at.disk;
  if (operation->at2.generation != disk.generation()) return -ESTALE;
  SimInode& from = *operation->at.inode;
  SimInode& to = *operation->at2.inode;
  if (from.type != FileType::kDirectory || to.type != FileType::kDirectory) return -ENOTDIR;
  const SimInodePtr inode = Lookup(from, request.path);
  if (!inode) return -ENOENT;
  const SimInodePtr replaced = Lookup(to, request.path2);
  if (inode->type == FileType::kDirectory) return -EPERM;  // nobody moves directories here
  if (replaced && replaced->type == FileType::kDirectory) return -EISDIR;
  if (replaced == inode) return 0;
  disk.Change({{&from, request.path, nullptr}, {&to, request.path2, inode}});
  return 0;
}

int64_t SimFiles::Process::RunUnlink(SimOperation* operation) {
  SimInode& directory = *operation->at.inode;
  if (directory.type != FileType::kDirectory) return -ENOTDIR;
  const SimInodePtr inode = Lookup(directory, operation->request.path);
  if (!inode) return -ENOENT;
  if (inode->type == FileType::kDirectory) return -EISDIR;
  operation->at.disk->Change({{&directory, operation->request.path, nullptr}});
  return 0;
}

int64_t SimFiles::Process::RunMkdir(SimOperation* operation) {
  SimDisk& disk = *operation->at.disk;
  SimInode& directory = *operation->at.inode;
  if (directory.type != FileType::kDirectory) return -ENOTDIR;
  if (operation->request.path.size() > 255) return -ENAMETOOLONG;
  if (Lookup(directory, operation->request.path)) return -EEXIST;
  disk.Change({{&directory, operation->request.path,
                disk.NewInode(FileType::kDirectory, operation->request.mode)}});
  return 0;
}

int64_t SimFiles::Process::RunStat(SimOperation* operation) {
  SimDisk& disk = *operation->at.disk;
  const SimInode& at = *operation->at.inode;
  if (operation->request.path.empty()) {
    operation->result.stat = StatOf(at, disk.device());
    return 0;
  }
  if (at.type != FileType::kDirectory) return -ENOTDIR;
  if (operation->request.path.size() > 255) return -ENAMETOOLONG;
  const SimInodePtr inode = Lookup(at, operation->request.path);
  if (!inode) return -ENOENT;
  operation->result.stat = StatOf(*inode, disk.device());
  return 0;
}

int64_t SimFiles::Process::RunList(SimOperation* operation) {
  const SimInode& at = *operation->at.inode;
  if (at.type != FileType::kDirectory) return -ENOTDIR;
  std::vector<std::string>& names = operation->result.names;
  for (const auto& [name, inode] : at.entries) names.push_back(name);
  // No file system promises an order.
  SimRandom& random = operation->at.disk->random();
  for (size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random.Below(i)]);
  return 0;
}

int64_t SimFiles::Process::RunLock(SimOperation* operation) {
  SimInode& inode = *operation->at.inode;
  if (inode.lock_owner != nullptr && inode.lock_owner != this) return -EWOULDBLOCK;
  inode.lock_owner = this;
  locked_.emplace(&inode, operation->at.inode);
  return 0;
}

}  // namespace tandem
