#include "daemon/lane/applier.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/lane/errors.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

bool IsFullWrite(const Record& record) {
  return record.type == RecordType::kPut || record.type == RecordType::kUploadCommit;
}

// What the file must be like before the run, if nothing of it was applied yet.
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

// In doubt any size may be the right one; what is no plain file of ours never is.
absl::Status CheckPlain(const absl::StatusOr<FileStat>& found) {
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return found.status();
  if (found->type == FileType::kDirectory) return ErrnoStatus(EISDIR, "a directory is in the way");
  if (found->type != FileType::kRegular) return ForeignChange("it is not a regular file");
  return absl::OkStatus();
}

// The last record that empties the file, or -1.
int LastEmptyingOf(const std::vector<const Record*>& records) {
  for (size_t i = records.size(); i > 0; --i) {
    const Record& record = *records[i - 1];
    if (record.type == RecordType::kTruncate && record.offset == 0) return static_cast<int>(i - 1);
  }
  return -1;
}

}  // namespace

int FullWriteOf(const std::vector<const Record*>& records) {
  for (size_t i = records.size(); i > 0; --i) {
    if (IsFullWrite(*records[i - 1])) return static_cast<int>(i - 1);
  }
  return -1;
}

Awaitable<absl::Status> Applier::Apply(Target& target, PathRun& run) {
  TANDEM_CHECK(!run.records.empty());
  const Record& first = *run.records.front();
  if (first.type == RecordType::kDelete) co_return co_await Delete(target, first, run.in_doubt);
  if (first.type == RecordType::kRename) co_return co_await Rename(target, first, run.in_doubt);
  const std::string parent_path(ParentOf(first.path));
  CO_ASSIGN_OR_RETURN(const DirectoryRef parent,
                      co_await target.directories().Get(parent_path, true, run.in_doubt));
  int base = FullWriteOf(run.records);
  if (base < 0 && run.in_doubt) base = LastEmptyingOf(run.records);
  const std::string name(NameOf(first.path));
  absl::Status status;
  if (base >= 0) {
    const std::string temp = TempName(generation_, run.records.back()->sequence);
    auto& temps = target.directories().temps();
    temps.insert(temp);
    status = co_await Replace(*parent, name, temp, run, static_cast<size_t>(base));
    temps.erase(temp);
  } else {
    status = co_await Change(*parent, name, run);
  }
  // Opened afresh next time, and cleaned: a temp file may be left.
  if (!status.ok()) target.directories().Forget(parent_path);
  co_return status;
}

// The new content beside the old, then renamed over it: nobody ever sees half of it.
Awaitable<absl::Status> Applier::Replace(Directory& parent, std::string name, std::string temp,
                                         PathRun& run, size_t base) {
  CO_RETURN_IF_ERROR(co_await CheckBase(parent, name, *run.records.front(), run.in_doubt));
  uint32_t mode = run.records[base]->mode;
  if (run.records[base]->type == RecordType::kTruncate) {
    CO_ASSIGN_OR_RETURN(const FileStat old, co_await env_.files.Stat(parent.handle, name));
    mode = old.mode;
  }
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  auto file = co_await env_.files.Open(parent.handle, temp, flags, mode);
  absl::Status status = file.status();
  if (status.ok()) {
    status = co_await FillTemp(*file, run, base);
    if (status.ok()) status = co_await env_.files.Sync(*file);
    const absl::Status closed = co_await env_.files.Close(*file);
    if (status.ok()) status = closed;
    if (status.ok()) status = co_await env_.files.Rename(parent.handle, temp, parent.handle, name);
    // A rename that failed may have happened; either way the name must not stay.
    if (!status.ok()) (co_await env_.files.Unlink(parent.handle, temp)).IgnoreError();
  }
  CO_RETURN_IF_ERROR(status);
  co_return co_await parent.Sync();
}

Awaitable<absl::Status> Applier::FillTemp(FileHandle file, PathRun& run, size_t base) {
  const Record& full = *run.records[base];
  if (full.type == RecordType::kPut) {
    CO_RETURN_IF_ERROR(co_await env_.files.Write(file, full.payload, 0));
  } else if (full.type == RecordType::kUploadCommit) {
    TANDEM_CHECK(run.content != nullptr);
    uint64_t offset = 0;
    while (true) {
      CO_ASSIGN_OR_RETURN(const std::string piece, co_await run.content->Next());
      if (piece.empty()) break;
      CO_RETURN_IF_ERROR(co_await env_.files.Write(file, piece, offset));
      offset += piece.size();
    }
  }
  co_return co_await Edit(file, run.records, base + 1, false);
}

// Writes into the file that is there (or into a new one).
Awaitable<absl::Status> Applier::Change(Directory& parent, std::string name, PathRun& run) {
  const Record& first = *run.records.front();
  // Where the journal says that there is a file, making one would hide that it is gone.
  const bool may_create = first.base.kind == PathKind::kAbsent;
  const int flags = O_RDWR | (may_create ? O_CREAT : 0);
  CO_RETURN_IF_ERROR(co_await CheckBase(parent, name, first, run.in_doubt));
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env_.files.Open(parent.handle, name, flags, first.mode));
  auto stat = co_await env_.files.StatFile(file);
  absl::Status status = stat.status();
  if (status.ok() && (stat->type != FileType::kRegular || stat->links != 1)) {
    status = ForeignChange("it is not a regular file with one name");
  }
  if (status.ok()) status = co_await Edit(file, run.records, 0, run.in_doubt);
  if (status.ok()) status = co_await env_.files.Sync(file);
  const absl::Status closed = co_await env_.files.Close(file);
  CO_RETURN_IF_ERROR(status);
  CO_RETURN_IF_ERROR(closed);
  if (may_create) co_return co_await parent.Sync();
  co_return absl::OkStatus();
}

// The writes of records[from..] in their order, neighbours as one. What a later Truncate of the run
// cuts off is not written: done again on a file that is short already, it would leave a hole.
Awaitable<absl::Status> Applier::Edit(FileHandle file, const std::vector<const Record*>& records,
                                      size_t from, bool in_doubt) {
  std::vector<uint64_t> limits(records.size(), UINT64_MAX);
  for (size_t i = records.size() - 1; i > from; --i) {
    const bool cuts = records[i]->type == RecordType::kTruncate;
    limits[i - 1] = std::min(limits[i], cuts ? records[i]->offset : UINT64_MAX);
  }
  size_t i = from;
  while (i < records.size()) {
    const Record& record = *records[i];
    const uint64_t limit = limits[i];
    if (record.type == RecordType::kTruncate) {
      const uint64_t size = std::min(record.offset, limit);
      if (in_doubt) CO_RETURN_IF_ERROR(co_await Redirty(file, size));
      CO_RETURN_IF_ERROR(co_await env_.files.Truncate(file, size));
      ++i;
      continue;
    }
    TANDEM_CHECK(record.type == RecordType::kAppend || record.type == RecordType::kWriteAt);
    size_t end = i + 1;
    uint64_t next_offset = record.offset + record.payload.size();
    while (end < records.size() && records[end]->type != RecordType::kTruncate &&
           records[end]->offset == next_offset) {
      next_offset += records[end]->payload.size();
      ++end;
    }
    std::string merged;
    absl::string_view data = record.payload;
    if (end > i + 1) {
      merged.reserve(next_offset - record.offset);
      for (size_t j = i; j < end; ++j) merged += records[j]->payload;
      data = merged;
    }
    data = data.substr(0, limit > record.offset ? limit - record.offset : 0);
    CO_RETURN_IF_ERROR(co_await env_.files.Write(file, data, record.offset));
    i = end;
  }
  co_return absl::OkStatus();
}

// If the size was set before and its sync failed, setting it again would change nothing, and the
// next sync would write nothing: so the last byte is written again. (What empties a file comes
// another way, see Apply.)
Awaitable<absl::Status> Applier::Redirty(FileHandle file, uint64_t size) {
  CO_ASSIGN_OR_RETURN(const FileStat stat, co_await env_.files.StatFile(file));
  if (stat.size != size || size == 0) co_return absl::OkStatus();
  char last = 0;
  CO_RETURN_IF_ERROR((co_await env_.files.Read(file, &last, 1, size - 1)).status());
  co_return co_await env_.files.Write(file, absl::string_view(&last, 1), size - 1);
}

Awaitable<absl::Status> Applier::Delete(Target& target, const Record& record, bool in_doubt) {
  const std::string parent_path(ParentOf(record.path));
  auto parent = co_await target.directories().Get(parent_path, false, in_doubt);
  // Neither the directory nor the file: that is what was asked for.
  if (absl::IsNotFound(parent.status()) || ErrnoOf(parent.status()) == ENOTDIR) {
    co_return absl::OkStatus();
  }
  if (!parent.ok()) co_return parent.status();
  const std::string name(NameOf(record.path));
  const absl::Status plain = CheckPlain(co_await env_.files.Stat((*parent)->handle, name));
  CO_RETURN_IF_ERROR(plain);
  const absl::Status unlinked = co_await env_.files.Unlink((*parent)->handle, name);
  if (!unlinked.ok() && !absl::IsNotFound(unlinked)) {
    target.directories().Forget(parent_path);
    co_return unlinked;
  }
  co_return co_await (*parent)->Sync();
}

// A rename is not idempotent: whether it was done is told by which of the names is there. Nothing
// that depends on it is started before it is recorded as done, so no third state exists.
Awaitable<absl::Status> Applier::Rename(Target& target, const Record& record, bool in_doubt) {
  Directories& directories = target.directories();
  CO_ASSIGN_OR_RETURN(const DirectoryRef from,
                      co_await directories.Get(std::string(ParentOf(record.path)), true, in_doubt));
  CO_ASSIGN_OR_RETURN(
      const DirectoryRef to,
      co_await directories.Get(std::string(ParentOf(record.new_path)), true, in_doubt));
  const std::string name(NameOf(record.path));
  const std::string new_name(NameOf(record.new_path));
  const auto source = co_await env_.files.Stat(from->handle, name);
  const auto destination = co_await env_.files.Stat(to->handle, new_name);
  CO_RETURN_IF_ERROR(CheckPlain(source));
  CO_RETURN_IF_ERROR(CheckPlain(destination));
  if (source.ok()) {
    if (!in_doubt) {
      CO_RETURN_IF_ERROR(CompareWithBase(record.base, source));
      CO_RETURN_IF_ERROR(CompareWithBase(record.new_base, destination));
    }
    CO_RETURN_IF_ERROR(co_await env_.files.Rename(from->handle, name, to->handle, new_name));
  } else if (!destination.ok() || !in_doubt) {
    co_return ForeignChange("the file to rename is gone");
  }
  // The new name first: a crash between the two must not lose both.
  CO_RETURN_IF_ERROR(co_await to->Sync());
  if (from != to) CO_RETURN_IF_ERROR(co_await from->Sync());
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Applier::CheckBase(Directory& parent, std::string name, const Record& first,
                                           bool in_doubt) {
  const auto found = co_await env_.files.Stat(parent.handle, name);
  co_return in_doubt ? CheckPlain(found) : CompareWithBase(first.base, found);
}

}  // namespace tandem
