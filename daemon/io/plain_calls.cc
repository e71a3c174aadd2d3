#include "daemon/io/plain_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tandem {
namespace {

// `call` again while a signal interrupts it; -errno on failure.
template <typename Call>
int64_t Retry(Call call) {
  for (;;) {
    const int64_t result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}

int64_t OpenFile(const IoRequest& request) {
  open_how how = OpenHow(request);
  return Retry([&] {
    return syscall(SYS_openat2, OpenDirectory(request), request.path.c_str(), &how, sizeof(how));
  });
}

// The descriptor is gone whatever close says, so it is never called twice.
int64_t CloseFile(const IoRequest& request) {
  if (close(request.file) == 0 || errno == EINTR) return 0;
  return -errno;
}

int64_t ReadFile(const IoRequest& request) {
  return Retry([&] {
    return pread(request.file, request.buffer, std::min(request.length, kMaxTransferBytes),
                 static_cast<off_t>(request.offset));
  });
}

int64_t WriteFile(const IoRequest& request) {
  return Retry([&] {
    return pwrite(request.file, request.source, std::min(request.length, kMaxTransferBytes),
                  static_cast<off_t>(request.offset));
  });
}

int64_t SyncFile(const IoRequest& request) {
  const bool data_only = DataSyncIsEnough(request.file);
  return Retry([&] { return data_only ? fdatasync(request.file) : fsync(request.file); });
}

void StatPath(const IoRequest& request, IoResult& result) {
  struct statx stat = {};
  const int flags = AT_SYMLINK_NOFOLLOW | (request.path.empty() ? AT_EMPTY_PATH : 0);
  result.value = Retry(
      [&] { return statx(request.file, request.path.c_str(), flags, STATX_BASIC_STATS, &stat); });
  if (result.value >= 0) result.stat = ToFileStat(stat);
}

void ListDirectory(const IoRequest& request, IoResult& result) {
  // An open of its own: a duplicate would share its place in the directory with other lists.
  const int64_t fd = Retry(
      [&] { return openat(request.file, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW); });
  if (fd < 0) {
    result.value = fd;
    return;
  }
  DIR* directory = fdopendir(static_cast<int>(fd));
  if (directory == nullptr) {
    result.value = -errno;
    close(static_cast<int>(fd));
    return;
  }
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(directory);
    if (entry == nullptr) break;
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") result.names.emplace_back(name);
  }
  result.value = -errno;
  if (result.value < 0) result.names.clear();
  closedir(directory);
}

void StatFileSystem(const IoRequest& request, IoResult& result) {
  struct statfs stat = {};
  result.value = Retry([&] { return fstatfs(request.file, &stat); });
  if (result.value < 0) return;
  const auto block = static_cast<uint64_t>(stat.f_bsize);
  result.stat_fs = {.type = static_cast<int64_t>(stat.f_type),
                    .free_bytes = stat.f_bavail * block,
                    .total_bytes = stat.f_blocks * block};
}

// Of the open file description, so that it also stands between two opens of one process.
int64_t LockFile(const IoRequest& request) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const int64_t result = Retry([&] { return fcntl(request.file, F_OFD_SETLK, &lock); });
  return result == -EACCES ? -EWOULDBLOCK : result;
}

}  // namespace

IoResult PerformPlainCall(const IoRequest& request) {
  IoResult result;
  const char* path = request.path.c_str();
  switch (request.kind) {
    case IoKind::kOpen:
      result.value = OpenFile(request);
      break;
    case IoKind::kClose:
      result.value = CloseFile(request);
      break;
    case IoKind::kRead:
      result.value = ReadFile(request);
      break;
    case IoKind::kWrite:
      result.value = WriteFile(request);
      break;
    case IoKind::kSync:
      result.value = SyncFile(request);
      break;
    case IoKind::kTruncate:
      result.value =
          Retry([&] { return ftruncate(request.file, static_cast<off_t>(request.length)); });
      break;
    case IoKind::kRename:
      result.value = Retry(
          [&] { return renameat(request.file, path, request.directory2, request.path2.c_str()); });
      break;
    case IoKind::kUnlink:
      result.value = Retry([&] { return unlinkat(request.file, path, 0); });
      break;
    case IoKind::kMkdir:
      result.value = Retry([&] { return mkdirat(request.file, path, request.mode); });
      break;
    case IoKind::kStat:
      StatPath(request, result);
      break;
    case IoKind::kList:
      ListDirectory(request, result);
      break;
    case IoKind::kStatFs:
      StatFileSystem(request, result);
      break;
    case IoKind::kLock:
      result.value = LockFile(request);
      break;
  }
  return result;
}

open_how OpenHow(const IoRequest& request) {
  open_how how = {};
  how.flags = static_cast<unsigned>(request.open_flags) | O_CLOEXEC;
  if ((request.open_flags & O_CREAT) != 0) how.mode = request.mode & 07777;
  if (request.file != kNoFile) {
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  }
  return how;
}

int OpenDirectory(const IoRequest& request) {
  return request.file == kNoFile ? AT_FDCWD : request.file;
}

bool DataSyncIsEnough(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
}

FileStat ToFileStat(const struct statx& stat) {
  FileStat result;
  if (S_ISREG(stat.stx_mode)) result.type = FileType::kRegular;
  if (S_ISDIR(stat.stx_mode)) result.type = FileType::kDirectory;
  result.mode = stat.stx_mode & 07777;
  result.size = stat.stx_size;
  result.links = stat.stx_nlink;
  result.inode = stat.stx_ino;
  result.device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
  return result;
}

}  // namespace tandem
