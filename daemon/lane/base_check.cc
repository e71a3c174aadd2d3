#include "daemon/lane/base_check.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/lane/errors.h"

namespace tandem {

absl::Status CompareWithBase(const PathState& base, const absl::StatusOr<FileStat>& found) {
  if (!found.ok()) {
    if (!absl::IsNotFound(found.status())) return found.status();
    if (base.kind == PathKind::kAbsent) return absl::OkStatus();
    return ForeignChange("the file is gone");
  }
  if (found->type == FileType::kDirectory) return ErrnoStatus(EISDIR, "a directory is in the way");
  if (found->type != FileType::kRegular) return ForeignChange("it is not a regular file");
  if (base.kind == PathKind::kAbsent) return ForeignChange("a file is there that was not written");
  if (found->size != base.size) {
    return ForeignChange(absl::StrCat("the file has ", found->size, " bytes, not ", base.size));
  }
  return absl::OkStatus();
}

absl::Status CheckPlain(const absl::StatusOr<FileStat>& found) {
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return found.status();
  if (found->type == FileType::kDirectory) return ErrnoStatus(EISDIR, "a directory is in the way");
  if (found->type != FileType::kRegular) return ForeignChange("it is not a regular file");
  return absl::OkStatus();
}

absl::StatusOr<FileStat> FoundBy(const IoRequest& stat, const IoResult& result) {
  if (result.value < 0) return StatusOf(stat, result);
  return result.stat;
}

absl::Status CheckOpen(const PathRun& run, const OpenFile& file,
                       const absl::StatusOr<FileStat>& found) {
  RETURN_IF_ERROR(CompareWithBase(run.records.front()->base, found));
  if (found->inode != file.inode || found->device != file.device || found->links != 1) {
    return ForeignChange("another file has been put in its place");
  }
  return absl::OkStatus();
}

absl::Status CheckBase(const PathRun& run, const absl::StatusOr<FileStat>& found) {
  return run.in_doubt ? CheckPlain(found) : CompareWithBase(run.records.front()->base, found);
}

}  // namespace tandem
