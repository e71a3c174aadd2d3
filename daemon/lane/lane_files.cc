#include "daemon/lane/lane_files.h"

#include <cerrno>
#include <string>
#include <utility>

#include "daemon/base/status.h"

namespace tandem {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY;

}  // namespace

Awaitable<absl::Status> LaneFiles::Open() {
  CO_ASSIGN_OR_RETURN(
      const FileHandle journal,
      co_await env_.files.Open(kNoFile, options_.journal_directory, kDirectoryFlags));
  CO_ASSIGN_OR_RETURN(const FileHandle lanes, co_await OpenOrMake(journal, "lanes"));
  CO_RETURN_IF_ERROR(co_await env_.files.Close(journal));
  CO_ASSIGN_OR_RETURN(directory_, co_await OpenOrMake(lanes, options_.target));
  CO_RETURN_IF_ERROR(co_await env_.files.Close(lanes));
  CO_ASSIGN_OR_RETURN(parked_, co_await OpenOrMake(directory_, "parked"));
  CO_ASSIGN_OR_RETURN(lock_, co_await env_.files.Open(directory_, "lock", O_RDWR | O_CREAT));
  co_return absl::OkStatus();
}

Awaitable<absl::StatusOr<bool>> LaneFiles::TryLock() {
  const absl::Status locked = co_await env_.files.Lock(lock_);
  if (locked.ok()) co_return true;
  const int error = ErrnoOf(locked);
  if (error == EWOULDBLOCK || error == EACCES) co_return false;
  co_return locked;
}

Awaitable<absl::StatusOr<FileHandle>> LaneFiles::OpenOrMake(FileHandle parent, std::string name) {
  auto opened = co_await env_.files.Open(parent, name, kDirectoryFlags);
  if (!absl::IsNotFound(opened.status())) co_return opened;
  const absl::Status made = co_await env_.files.Mkdir(parent, name);
  if (!made.ok() && ErrnoOf(made) != EEXIST) co_return made;
  CO_RETURN_IF_ERROR(co_await env_.files.Sync(parent));
  co_return co_await env_.files.Open(parent, name, kDirectoryFlags);
}

}  // namespace tandem
