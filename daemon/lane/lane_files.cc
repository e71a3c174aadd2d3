#include "daemon/lane/lane_files.h"

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"

namespace tandem {
Awaitable<absl::Status> LaneFiles::Open() {
  constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY;
  CO_ASSIGN_OR_RETURN(
      const FileHandle journal,
      co_await env_.files.Open(kNoFile, options_.journal_directory, kDirectoryFlags));
  Directories beneath(env_, journal, 4, /*suspicious=*/true);
  // Verified: a predecessor may have made them and crashed before they were durable.
  const std::string own = absl::StrCat("lanes/", options_.target);
  const std::string parked = absl::StrCat(own, "/parked");
  CO_ASSIGN_OR_RETURN(directory_, co_await beneath.Get(own, true, true));
  CO_ASSIGN_OR_RETURN(parked_, co_await beneath.Get(parked, true, true));
  CO_ASSIGN_OR_RETURN(lock_,
                      co_await env_.files.Open(directory_->handle, "lock", O_RDWR | O_CREAT));
  co_return absl::OkStatus();
}

Awaitable<absl::StatusOr<bool>> LaneFiles::TryLock() {
  const absl::Status locked = co_await env_.files.Lock(lock_);
  if (locked.ok()) {
    // A predecessor may have seen the sync of its last names fail, after Open had looked.
    for (Directory* directory : {directory_.get(), parked_.get()}) {
      directory->Distrust();
      CO_RETURN_IF_ERROR(co_await directory->Sync());
    }
    co_return true;
  }
  const int error = ErrnoOf(locked);
  if (error == EWOULDBLOCK || error == EACCES) co_return false;
  co_return locked;
}

}  // namespace tandem
