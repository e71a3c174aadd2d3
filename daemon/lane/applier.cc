#include "daemon/lane/applier.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/lane/base_check.h"
#include "daemon/lane/errors.h"
#include "daemon/lane/new_file.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

bool IsFullWrite(const Record& record) {
  return record.type == RecordType::kPut || record.type == RecordType::kUploadCommit;
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
  if (first.type == RecordType::kDelete) co_return co_await Delete(target, run);
  if (first.type == RecordType::kRename) co_return co_await Rename(target, run);
  const std::string parent_path(ParentOf(first.path));
  CO_ASSIGN_OR_RETURN(const DirectoryRef parent,
                      co_await target.directories().Get(parent_path, true, run.in_doubt));
  int base = FullWriteOf(run.records);
  if (base < 0 && run.in_doubt) base = LastEmptyingOf(run.records);
  absl::Status status;
  if (base >= 0) {
    target.files().Drop(first.path);
    const std::string temp = TempName(generation_, run.records.back()->sequence);
    auto& temps = target.directories().temps();
    temps.insert(temp);
    status = co_await Replace(target, *parent, temp, run, static_cast<size_t>(base));
    temps.erase(temp);
    if (status.ok()) late_.Made(first.path, run.by_predecessor);
  } else {
    status = co_await RenewIfNeeded(target, *parent, run);
    if (status.ok()) status = co_await Change(target, *parent, run);
  }
  // Opened afresh next time, and cleaned: a temp file may be left.
  if (!status.ok()) target.directories().Forget(parent_path);
  co_return status;
}

// The new content beside the old, then renamed over it: nobody ever sees half of it.
Awaitable<absl::Status> Applier::Replace(Target& target, Directory& parent, std::string temp,
                                         PathRun& run, size_t base) {
  const std::string name(NameOf(run.records.front()->path));
  uint32_t mode = run.records[base]->mode;
  if (run.records[base]->type == RecordType::kTruncate) {
    CO_ASSIGN_OR_RETURN(const FileStat old, co_await env_.files.Stat(parent.handle, name));
    mode = old.mode;
  }
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | target.data_flags();
  std::vector<IoRequest> steps;
  steps.push_back(ToStat(parent.handle, name));
  steps.back().may_fail = true;
  steps.push_back(ToOpen(parent.handle, temp, flags, mode));
  const IoRequest look = steps.front();
  ChainResult opened = co_await env_.files.Chain(std::move(steps));
  CO_RETURN_IF_ERROR(opened.status);
  const auto file = static_cast<FileHandle>(opened.steps.back().value);
  absl::Status status = CheckBase(run, FoundBy(look, opened.steps.front()));
  if (status.ok()) {
    status = co_await FinishTemp(parent, file, temp, run, base);
  } else {
    (co_await env_.files.Close(file)).IgnoreError();  // empty, and about to go
  }
  // A rename that failed may have happened; either way the temp name must not stay.
  if (!status.ok()) status = co_await RemoveTemp(env_, parent, temp, status);
  CO_RETURN_IF_ERROR(status);
  co_return co_await parent.Sync();
}

// Fills the file, makes it durable, and gives it its name. Closes it in any case.
Awaitable<absl::Status> Applier::FinishTemp(Directory& parent, FileHandle file, std::string temp,
                                            PathRun& run, size_t base) {
  const Record& full = *run.records[base];
  std::vector<IoRequest> steps;
  absl::Status status;
  if (full.type == RecordType::kPut) {
    if (!full.payload.empty()) steps.push_back(ToWrite(file, full.payload, 0));
  } else if (full.type == RecordType::kUploadCommit) {
    status = co_await CopyContent(file, run);
  }
  const std::vector<Edit> edits = EditsOf(run.records, base + 1);
  if (status.ok() && AnyCuts(edits)) {
    for (const IoRequest& step : std::exchange(steps, {})) {
      status = co_await env_.files.Write(file, absl::string_view(step.source, step.length), 0);
    }
    if (status.ok()) status = co_await ApplyEdits(file, edits, false);
  } else {
    for (const Edit& edit : edits) steps.push_back(ToWrite(file, edit.data(), edit.offset));
  }
  if (!status.ok()) {
    (co_await env_.files.Close(file)).IgnoreError();  // it is about to go
    co_return status;
  }
  steps.push_back(ToSync(file));
  const size_t close_step = steps.size();
  steps.push_back(ToClose(file));
  steps.push_back(
      ToRename(parent.handle, temp, parent.handle, std::string(NameOf(run.records.front()->path))));
  ChainResult finished = co_await env_.files.Chain(std::move(steps));
  if (finished.done < close_step) (co_await env_.files.Close(file)).IgnoreError();
  co_return finished.status;
}

Awaitable<absl::Status> Applier::CopyContent(FileHandle file, PathRun& run) {
  TANDEM_CHECK(run.content != nullptr);
  uint64_t offset = 0;
  while (true) {
    CO_ASSIGN_OR_RETURN(const std::string piece, co_await run.content->Next());
    if (piece.empty()) co_return absl::OkStatus();
    CO_RETURN_IF_ERROR(co_await env_.files.Write(file, piece, offset));
    offset += piece.size();
  }
}

Awaitable<absl::Status> Applier::Delete(Target& target, const PathRun& run) {
  const Record& record = *run.records.front();
  target.files().Drop(record.path);
  const std::string parent_path(ParentOf(record.path));
  auto parent = co_await target.directories().Get(parent_path, false, run.in_doubt);
  if (absl::IsNotFound(parent.status()) || ErrnoOf(parent.status()) == ENOTDIR) {
    // Neither the directory nor the file: that is what was asked for. But nobody here removes
    // directories: one that had the file is merely out of sight.
    if (record.base.kind == PathKind::kAbsent) co_return absl::OkStatus();
    const bool heals = run.in_doubt && !run.sizes.has_value();
    if (!heals) co_return ForeignChange("the file's directory is gone");
    // What made it was skipped here.
    parent = co_await target.directories().Get(parent_path, true, true);
    co_return parent.status();
  }
  if (!parent.ok()) co_return parent.status();
  const std::string name(NameOf(record.path));
  const auto found = co_await env_.files.Stat((*parent)->handle, name);
  // Gone already is what was asked for; another one than the journal left is a stranger's.
  if (!absl::IsNotFound(found.status())) CO_RETURN_IF_ERROR(CheckBase(run, found));
  const absl::Status unlinked = co_await env_.files.Unlink((*parent)->handle, name);
  if (!unlinked.ok() && !absl::IsNotFound(unlinked)) {
    target.directories().Forget(parent_path);
    co_return unlinked;
  }
  late_.Made(record.path, run.by_predecessor);
  co_return co_await (*parent)->Sync();
}

// A rename is not idempotent: whether it was done is told by which of the names is there. Nothing
// that depends on it is started before it is recorded as done, so no third state exists.
Awaitable<absl::Status> Applier::Rename(Target& target, const PathRun& run) {
  const Record& record = *run.records.front();
  const bool in_doubt = run.in_doubt;
  const bool any_size = in_doubt && !run.sizes.has_value();
  target.files().Drop(record.path);
  target.files().Drop(record.new_path);
  Directories& directories = target.directories();
  CO_ASSIGN_OR_RETURN(const DirectoryRef from,
                      co_await directories.Get(std::string(ParentOf(record.path)), true, in_doubt));
  CO_ASSIGN_OR_RETURN(
      const DirectoryRef to,
      co_await directories.Get(std::string(ParentOf(record.new_path)), true, in_doubt));
  const std::string name(NameOf(record.path));
  const std::string new_name(NameOf(record.new_path));
  std::vector<IoRequest> looks;
  looks.push_back(ToStat(from->handle, name));
  looks.push_back(ToStat(to->handle, new_name));
  for (IoRequest& look : looks) look.may_fail = true;
  const ChainResult looked = co_await env_.files.Chain(looks);
  const auto source = FoundBy(looks[0], looked.steps[0]);
  const auto destination = FoundBy(looks[1], looked.steps[1]);
  CO_RETURN_IF_ERROR(CheckPlain(source));
  CO_RETURN_IF_ERROR(CheckPlain(destination));
  if (source.ok()) {
    // What is there has not been renamed yet: that it is as it was before holds in doubt, too.
    if (!any_size) {
      CO_RETURN_IF_ERROR(CompareWithBase(record.base, source));
      CO_RETURN_IF_ERROR(CompareWithBase(record.new_base, destination));
    }
    CO_RETURN_IF_ERROR(co_await env_.files.Rename(from->handle, name, to->handle, new_name));
  } else if (!destination.ok() || !in_doubt) {
    co_return ForeignChange("the file to rename is gone");
  } else if (!any_size && destination->size != record.result_size) {
    co_return ForeignChange(absl::StrCat("the file to rename is gone, and at its new name are ",
                                         destination->size, " bytes, not ", record.result_size));
  }
  late_.Renamed(record.path, record.new_path, run.by_predecessor);
  // The new name first: a crash between the two must not lose both.
  CO_RETURN_IF_ERROR(co_await to->Sync());
  if (from != to) CO_RETURN_IF_ERROR(co_await from->Sync());
  co_return absl::OkStatus();
}

}  // namespace tandem
