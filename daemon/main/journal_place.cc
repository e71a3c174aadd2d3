#include "daemon/main/journal_place.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

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

Awaitable<absl::Status> CheckNoTargetIsForgotten(Env& env, const CoreOptions& options) {
  const std::string lanes = absl::StrCat(options.journal.directory, "/lanes");
  const auto directory = co_await env.files.Open(kNoFile, lanes, O_RDONLY | O_DIRECTORY);
  if (absl::IsNotFound(directory.status())) co_return absl::OkStatus();
  if (!directory.ok()) co_return directory.status();
  auto names = co_await env.files.List(*directory);
  std::string forgotten;
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    const bool known = std::any_of(options.targets.begin(), options.targets.end(),
                                   [&](const CoreTarget& target) { return target.name == name; });
    if (known) continue;
    const auto stat = co_await env.files.Stat(*directory, name);
    if (stat.ok() && stat->type == FileType::kDirectory) forgotten = name;
  }
  CO_RETURN_IF_ERROR(co_await env.files.Close(*directory));
  if (!names.ok()) co_return names.status();
  if (forgotten.empty()) co_return absl::OkStatus();
  co_return absl::InvalidArgumentError(
      absl::StrCat("target '", forgotten,
                   "' is not configured any more, and the journal may owe it writes: they would be "
                   "dropped. Configure it again; or, if it is gone for good, remove ",
                   lanes, "/", forgotten));
}

}  // namespace tandem
