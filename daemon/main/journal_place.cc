#include "daemon/main/journal_place.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"

namespace tandem {

absl::Status PrepareJournalPlace(const std::string& directory, bool volatile_is_meant) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("make ", directory));
  struct statfs stat {};
  if (statfs(directory.c_str(), &stat) != 0) {
    return ErrnoStatus(errno, absl::StrCat("statfs ", directory));
  }
  const auto type = static_cast<uint64_t>(stat.f_type);
  const bool is_volatile =
      type == TMPFS_MAGIC || type == RAMFS_MAGIC || type == OVERLAYFS_SUPER_MAGIC;
  if (is_volatile && !volatile_is_meant) {
    return absl::FailedPreconditionError(absl::StrCat(
        directory,
        " is on tmpfs or overlay: a journal there dies with the container. Give it a volume, or "
        "say that it is meant: journal_on_volatile"));
  }
  return absl::OkStatus();
}

}  // namespace tandem
