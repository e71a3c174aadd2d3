// Applier, third part: a file is copied into a new one before it is changed where a late write of
// another process could still land.
#include <algorithm>
#include <utility>

#include "daemon/base/status.h"
#include "daemon/lane/applier.h"
#include "daemon/lane/base_check.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr size_t kCopyPieceBytes = 1 << 20;
// Copying more would keep the path waiting for too long: it is changed in place.
constexpr uint64_t kMaxRenewedBytes = 64 << 20;

// Changes bytes that were written before. An append that comes late writes what is there anyway.
bool ChangesWhatIsThere(const std::vector<const Record*>& records) {
  return std::any_of(records.begin(), records.end(), [](const Record* record) {
    return record->type == RecordType::kWriteAt || record->type == RecordType::kTruncate;
  });
}

}  // namespace

Awaitable<absl::Status> Applier::RenewIfNeeded(Target& target, Directory& parent,
                                               const PathRun& run) {
  const std::string path = run.records.front()->path;
  if (run.by_predecessor) late_.Edited(path);
  if (!late_.MayCome(path) || !ChangesWhatIsThere(run.records)) co_return absl::OkStatus();
  const std::string name(NameOf(path));
  const auto found = co_await env_.files.Stat(parent.handle, name);
  if (absl::IsNotFound(found.status())) co_return absl::OkStatus();
  CO_RETURN_IF_ERROR(CheckBase(run, found));
  if (found->size > kMaxRenewedBytes) {
    env_.log.Warning("file_too_long_to_renew", {{"path", path}, {"size", found->size}});
    co_return absl::OkStatus();
  }
  target.files().Drop(path);
  const std::string temp = TempName(generation_, run.records.back()->sequence);
  target.directories().temps().insert(temp);
  absl::Status status = co_await CopyInto(parent, name, temp, *found, target.data_flags());
  if (status.ok()) status = co_await env_.files.Rename(parent.handle, temp, parent.handle, name);
  // A rename that failed may have happened; either way the temp name must not stay.
  if (!status.ok()) (co_await env_.files.Unlink(parent.handle, temp)).IgnoreError();
  target.directories().temps().erase(temp);
  if (status.ok()) status = co_await parent.Sync();
  if (status.ok()) late_.Made(path, run.by_predecessor);
  co_return status;
}

Awaitable<absl::Status> Applier::CopyInto(Directory& parent, std::string name, std::string temp,
                                          FileStat old, int flags) {
  CO_ASSIGN_OR_RETURN(const FileHandle from,
                      co_await env_.files.Open(parent.handle, name, O_RDONLY | flags));
  const auto to =
      co_await env_.files.Open(parent.handle, temp, O_WRONLY | O_CREAT | O_TRUNC | flags, old.mode);
  absl::Status status = to.status();
  std::string piece(std::min<uint64_t>(kCopyPieceBytes, old.size), '\0');
  for (uint64_t offset = 0; status.ok() && offset < old.size; offset += piece.size()) {
    piece.resize(std::min<uint64_t>(kCopyPieceBytes, old.size - offset));
    const auto count = co_await env_.files.Read(from, piece.data(), piece.size(), offset);
    status = count.status();
    if (status.ok() && *count != piece.size()) {
      status = absl::UnavailableError("the file was cut while it was copied");
    }
    if (status.ok()) status = co_await env_.files.Write(*to, piece, offset);
  }
  if (status.ok()) status = co_await env_.files.Sync(*to);
  (co_await env_.files.Close(from)).IgnoreError();  // only read
  if (to.ok()) {
    const absl::Status closed = co_await env_.files.Close(*to);
    if (status.ok()) status = closed;
  }
  co_return status;
}

}  // namespace tandem
