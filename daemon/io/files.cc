#include "daemon/io/files.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

bool IsSingleName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

absl::Status StatusOf(const IoResult& result, absl::string_view what, absl::string_view object) {
  if (result.value >= 0) return absl::OkStatus();
  return ErrnoStatus(static_cast<int>(-result.value), absl::StrCat(what, " ", object));
}

}  // namespace

Awaitable<IoResult> Files::Do(IoRequest request) {
  co_return co_await AwaitCallback<IoResult>(
      [this, &request](IoDone done) { Submit(std::move(request), std::move(done)); });
}

Awaitable<absl::StatusOr<FileHandle>> Files::Open(FileHandle directory, std::string path, int flags,
                                                  uint32_t mode) {
  IoRequest request{
      .kind = IoKind::kOpen, .file = directory, .path = path, .open_flags = flags, .mode = mode};
  const IoResult result = co_await Do(std::move(request));
  if (result.value < 0) co_return StatusOf(result, "open", path);
  co_return static_cast<FileHandle>(result.value);
}

Awaitable<absl::Status> Files::Close(FileHandle file) {
  IoRequest request{.kind = IoKind::kClose, .file = file};
  const IoResult result = co_await Do(std::move(request));
  co_return StatusOf(result, "close", "");
}

Awaitable<absl::StatusOr<size_t>> Files::Read(FileHandle file, char* buffer, size_t length,
                                              uint64_t offset) {
  size_t total = 0;
  while (total < length) {
    IoRequest request{.kind = IoKind::kRead,
                      .file = file,
                      .buffer = buffer + total,
                      .length = length - total,
                      .offset = offset + total};
    const IoResult result = co_await Do(std::move(request));
    if (result.value == -EINTR || result.value == -EAGAIN) continue;
    if (result.value < 0) co_return StatusOf(result, "read", "");
    if (result.value == 0) break;
    total += static_cast<size_t>(result.value);
  }
  co_return total;
}

Awaitable<absl::Status> Files::Write(FileHandle file, absl::string_view data, uint64_t offset) {
  while (!data.empty()) {
    IoRequest request{.kind = IoKind::kWrite,
                      .file = file,
                      .source = data.data(),
                      .length = data.size(),
                      .offset = offset};
    const IoResult result = co_await Do(std::move(request));
    if (result.value == -EINTR || result.value == -EAGAIN) continue;
    if (result.value < 0) co_return StatusOf(result, "write", "");
    if (result.value == 0) co_return ErrnoStatus(EIO, "write made no progress");
    TANDEM_CHECK(static_cast<size_t>(result.value) <= data.size());
    data.remove_prefix(static_cast<size_t>(result.value));
    offset += static_cast<uint64_t>(result.value);
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Files::Sync(FileHandle file) {
  IoRequest request{.kind = IoKind::kSync, .file = file};
  const IoResult result = co_await Do(std::move(request));
  co_return StatusOf(result, "sync", "");
}

Awaitable<absl::Status> Files::Truncate(FileHandle file, uint64_t length) {
  IoRequest request{.kind = IoKind::kTruncate, .file = file, .length = length};
  const IoResult result = co_await Do(std::move(request));
  co_return StatusOf(result, "truncate", "");
}

Awaitable<absl::Status> Files::Rename(FileHandle directory, std::string name,
                                      FileHandle to_directory, std::string to_name) {
  TANDEM_CHECK(IsSingleName(name) && IsSingleName(to_name));
  IoRequest request{.kind = IoKind::kRename,
                    .file = directory,
                    .directory2 = to_directory,
                    .path = name,
                    .path2 = to_name};
  const IoResult result = co_await Do(std::move(request));
  co_return StatusOf(result, "rename", absl::StrCat(name, " to ", to_name));
}

Awaitable<absl::Status> Files::Unlink(FileHandle directory, std::string name) {
  TANDEM_CHECK(IsSingleName(name));
  IoRequest request{.kind = IoKind::kUnlink, .file = directory, .path = name};
  const IoResult result = co_await Do(std::move(request));
  co_return StatusOf(result, "unlink", name);
}

Awaitable<absl::Status> Files::Mkdir(FileHandle directory, std::string name, uint32_t mode) {
  TANDEM_CHECK(IsSingleName(name));
  IoRequest request{.kind = IoKind::kMkdir, .file = directory, .path = name, .mode = mode};
  const IoResult result = co_await Do(std::move(request));
  co_return StatusOf(result, "mkdir", name);
}

Awaitable<absl::StatusOr<FileStat>> Files::Stat(FileHandle directory, std::string name) {
  TANDEM_CHECK(IsSingleName(name));
  IoRequest request{.kind = IoKind::kStat, .file = directory, .path = name};
  const IoResult result = co_await Do(std::move(request));
  if (result.value < 0) co_return StatusOf(result, "stat", name);
  co_return result.stat;
}

Awaitable<absl::StatusOr<FileStat>> Files::StatFile(FileHandle file) {
  IoRequest request{.kind = IoKind::kStat, .file = file};
  const IoResult result = co_await Do(std::move(request));
  if (result.value < 0) co_return StatusOf(result, "stat", "");
  co_return result.stat;
}

Awaitable<absl::StatusOr<std::vector<std::string>>> Files::List(FileHandle directory) {
  IoRequest request{.kind = IoKind::kList, .file = directory};
  IoResult result = co_await Do(std::move(request));
  if (result.value < 0) co_return StatusOf(result, "list", "");
  co_return std::move(result.names);
}

Awaitable<absl::StatusOr<FileSystemStat>> Files::StatFs(FileHandle file) {
  IoRequest request{.kind = IoKind::kStatFs, .file = file};
  const IoResult result = co_await Do(std::move(request));
  if (result.value < 0) co_return StatusOf(result, "statfs", "");
  co_return result.stat_fs;
}

Awaitable<absl::Status> Files::Lock(FileHandle file) {
  IoRequest request{.kind = IoKind::kLock, .file = file};
  const IoResult result = co_await Do(std::move(request));
  co_return StatusOf(result, "lock", "");
}

}  // namespace tandem
