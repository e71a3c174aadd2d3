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

SizeRange SizesOf(const std::vector<const Record*>& records) {
  const Record& first = *records.front();
  const uint64_t before = first.base.kind == PathKind::kFile ? first.base.size : 0;
  SizeRange sizes{.least = before, .most = before};
  if (first.type == RecordType::kDelete || first.type == RecordType::kRename) return sizes;
  for (const Record* record : records) {
    sizes.Add({.least = record->result_size, .most = record->result_size});
  }
  return sizes;
}

absl::Status CheckBase(const PathRun& run, const absl::StatusOr<FileStat>& found) {
  const PathState& base = run.records.front()->base;
  if (!run.in_doubt) return CompareWithBase(base, found);
  if (!run.sizes.has_value()) return CheckPlain(found);
  // Nothing is there that a whole file could overwrite.
  if (absl::IsNotFound(found.status()) && FullWriteOf(run.records) == 0) return absl::OkStatus();
  if (!found.ok() || found->type != FileType::kRegular) return CompareWithBase(base, found);
  if (found->size >= run.sizes->least && found->size <= run.sizes->most) return absl::OkStatus();
  return ForeignChange(absl::StrCat("the file has ", found->size, " bytes, not ", run.sizes->least,
                                    " to ", run.sizes->most));
}

}  // namespace tandem
