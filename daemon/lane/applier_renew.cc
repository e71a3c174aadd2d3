// Applier, third part: a file is copied into a new one before it is changed where a late write of
// another process could still land.
#include <algorithm>
#include <utility>

#include "daemon/base/status.h"
#include "daemon/lane/applier.h"
#include "daemon/lane/base_check.h"
#include "daemon/lane/new_file.h"
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
  CO_ASSIGN_OR_RETURN(
      const FileHandle old,
      co_await env_.files.Open(parent.handle, name, O_RDONLY | target.data_flags()));
  const auto copy = [&](FileHandle file) { return CopyInto(old, file, found->size); };
  NewFile renewed{TempName(generation_, run.records.back()->sequence), name, found->mode};
  const absl::Status made = co_await MakeNewFile(env_, target, parent, std::move(renewed), copy);
  (co_await env_.files.Close(old)).IgnoreError();  // only read
  if (made.ok()) late_.Made(path, run.by_predecessor);
  co_return made;
}

Awaitable<absl::Status> Applier::CopyInto(FileHandle from, FileHandle to, uint64_t size) {
  std::string piece(std::min<uint64_t>(kCopyPieceBytes, size), '\0');
  for (uint64_t offset = 0; offset < size; offset += piece.size()) {
    piece.resize(std::min<uint64_t>(kCopyPieceBytes, size - offset));
    CO_ASSIGN_OR_RETURN(const size_t count,
                        co_await env_.files.Read(from, piece.data(), piece.size(), offset));
    if (count != piece.size()) {
      co_return absl::UnavailableError("the file was cut while it was copied");
    }
    CO_RETURN_IF_ERROR(co_await env_.files.Write(to, piece, offset));
  }
  co_return absl::OkStatus();
}

}  // namespace tandem
