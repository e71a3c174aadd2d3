// Applier, second part: writes into files that are there.
#include <optional>
#include <utility>

#include "daemon/base/status.h"
#include "daemon/lane/applier.h"
#include "daemon/lane/base_check.h"
#include "daemon/lane/errors.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

// A file that is open is looked at before it is written when its last look is older than this.
constexpr int64_t kTrustNs = 1'000'000'000;

}  // namespace

// Writes into the file that is there (or into a new one).
Awaitable<absl::Status> Applier::Change(Target& target, Directory& parent, PathRun& run) {
  const Record& first = *run.records.front();
  const std::vector<Edit> edits = EditsOf(run.records, 0);
  std::optional<OpenFile> file = target.files().Take(first.path);
  if (file.has_value() && (run.in_doubt || AnyCuts(edits))) {
    (co_await env_.files.Close(file->handle)).IgnoreError();  // nothing unsynced is in it
    file.reset();
  }
  if (file.has_value()) {
    const absl::Status status = co_await ChangeOpen(parent, *file, run, edits);
    if (status.ok()) target.files().Keep(first.path, *file);
    if (!status.ok()) (co_await env_.files.Close(file->handle)).IgnoreError();  // to be redone
    co_return status;
  }
  co_return co_await ChangeByName(target, parent, run, edits);
}

Awaitable<absl::Status> Applier::ChangeByName(Target& target, Directory& parent, PathRun& run,
                                              const std::vector<Edit>& edits) {
  const Record& first = *run.records.front();
  const std::string name(NameOf(first.path));
  // Where the journal says that there is a file, making one would hide that it is gone.
  const bool may_create = first.base.kind == PathKind::kAbsent;
  const int flags = O_RDWR | (may_create ? O_CREAT : 0) | target.data_flags();
  CO_RETURN_IF_ERROR(CheckBase(run, co_await env_.files.Stat(parent.handle, name)));
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env_.files.Open(parent.handle, name, flags, first.mode));
  auto stat = co_await env_.files.StatFile(file);
  absl::Status status = stat.status();
  if (status.ok() && (stat->type != FileType::kRegular || stat->links != 1)) {
    status = ForeignChange("it is not a regular file with one name");
  }
  if (status.ok()) status = co_await ApplyEdits(file, edits, run.in_doubt);
  if (status.ok()) status = co_await env_.files.Sync(file);
  if (status.ok() && may_create) status = co_await parent.Sync();
  if (!status.ok()) {
    (co_await env_.files.Close(file)).IgnoreError();  // the run is done again
    co_return status;
  }
  target.files().Keep(first.path, {.handle = file,
                                   .inode = stat->inode,
                                   .device = stat->device,
                                   .checked_ns = env_.clock.MonotonicNs()});
  co_return absl::OkStatus();
}

// The file is open from an earlier run. Whether its name still leads to it, and nobody else changed
// its size, is looked at in the same breath; after a pause before anything is written.
Awaitable<absl::Status> Applier::ChangeOpen(Directory& parent, OpenFile& file, const PathRun& run,
                                            const std::vector<Edit>& edits) {
  std::vector<IoRequest> steps;
  const IoRequest look = ToStat(parent.handle, std::string(NameOf(run.records.front()->path)));
  steps.push_back(look);
  steps.back().may_fail = true;
  const int64_t now_ns = env_.clock.MonotonicNs();
  if (now_ns - file.checked_ns > kTrustNs) {
    const ChainResult looked = co_await env_.files.Chain(steps);
    CO_RETURN_IF_ERROR(CheckOpen(run, file, FoundBy(look, looked.steps.front())));
    steps.clear();
  }
  for (const Edit& edit : edits) steps.push_back(ToWrite(file.handle, edit.data(), edit.offset));
  steps.push_back(ToSync(file.handle));
  const bool looks = steps.front().kind == IoKind::kStat;
  const ChainResult written = co_await env_.files.Chain(std::move(steps));
  if (looks && written.done > 0) {
    CO_RETURN_IF_ERROR(CheckOpen(run, file, FoundBy(look, written.steps.front())));
  }
  file.checked_ns = now_ns;
  co_return written.status;
}

Awaitable<absl::Status> Applier::ApplyEdits(FileHandle file, const std::vector<Edit>& edits,
                                            bool in_doubt) {
  for (const Edit& edit : edits) {
    if (edit.cuts) {
      if (in_doubt) CO_RETURN_IF_ERROR(co_await Redirty(file, edit.offset));
      CO_RETURN_IF_ERROR(co_await env_.files.Truncate(file, edit.offset));
    } else {
      CO_RETURN_IF_ERROR(co_await env_.files.Write(file, edit.data(), edit.offset));
    }
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

}  // namespace tandem
