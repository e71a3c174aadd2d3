// Resync, second part: one path from the source onto this target.
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/digest.h"
#include "daemon/base/status.h"
#include "daemon/lane/base_check.h"
#include "daemon/lane/errors.h"
#include "daemon/lane/new_file.h"
#include "daemon/lane/resync.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

using internal::v1::SourceAnswer;

bool IsNothing(const absl::Status& status) {
  return absl::IsNotFound(status) || ErrnoOf(status) == ENOTDIR;
}

std::string BytesOf(const Digest& digest) { return {digest.begin(), digest.end()}; }

}  // namespace

Awaitable<absl::Status> Resync::Copy(std::string path, bool hold) {
  const std::shared_ptr<Target> target = co_await parts_.keeper.Ready();
  if (target == nullptr) co_return absl::CancelledError("the lane stops");
  internal::v1::SourceQuery query;
  query.set_path(path);
  query.set_at_least(missed_.at(path).at_least);
  query.set_hold(hold);
  CO_ASSIGN_OR_RETURN(const SourceAnswer answer, co_await link_.Ask(std::move(query)));
  // What is parked is not tried meanwhile.
  const bool turn = !parts_.parked.writes().empty() || !parts_.parked.skipped().empty();
  if (turn) co_await quarantine_.TakeTurn();
  uint64_t bytes = 0;
  absl::Status status = absl::CancelledError("the lane stops");
  // It may have to be newer by now.
  if (answer.at() < missed_.at(path).at_least)
    status = absl::UnavailableError("too old by now");
  else if (!stopped_)
    status = co_await Take(*target, path, answer, &bytes);
  if (status.ok()) status = co_await Finish(path, answer.at(), bytes);
  if (turn) quarantine_.GiveTurnBack();
  if (answer.session() != 0) link_.Close(answer.session());
  const bool of_target = ErrnoOf(status) != 0 && ScopeOf(status) == FailureScope::kTarget;
  if (of_target) ++parts_.counters.failed_attempts;
  if (of_target && target == parts_.keeper.current()) parts_.keeper.WriteFailed(status);
  if (status.ok()) parts_.keeper.WriteSucceeded();
  co_return status;
}

Awaitable<absl::Status> Resync::Take(Target& target, const std::string& path,
                                     const SourceAnswer& answer, uint64_t* bytes) {
  target.files().Drop(path);
  CO_RETURN_IF_ERROR(co_await CheckAbove(target, path, answer.directories()));
  switch (static_cast<PathKind>(answer.kind())) {
    case PathKind::kAbsent:
      co_return co_await MakeAbsent(target, path);
    case PathKind::kDirectory:
      co_return co_await MakeDirectory(target, path);
    case PathKind::kFile:
      co_return co_await MakeFile(target, path, answer, bytes);
    default:
      co_return absl::UnavailableError("the source says what cannot be");
  }
}

// Directories are data: those above the path on the source have to be here. One that is none yet
// may have records of its own that are still to come, so it is copied like any other path.
Awaitable<absl::Status> Resync::CheckAbove(Target& target, const std::string& path,
                                           size_t directories) {
  const std::vector<absl::string_view> above = AncestorsOf(path);
  if (directories > above.size()) co_return absl::UnavailableError("the source says nonsense");
  for (size_t i = 0; i < directories; ++i) {
    const auto found = co_await target.directories().Get(std::string(above[i]), false, true);
    if (IsNothing(found.status())) co_return NeedsPath(above[i]);
    CO_RETURN_IF_ERROR(found.status());
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Resync::MakeAbsent(Target& target, const std::string& path) {
  const std::string parent_path(ParentOf(path));
  const auto parent = co_await target.directories().Get(parent_path, false, true);
  if (IsNothing(parent.status())) co_return absl::OkStatus();
  CO_RETURN_IF_ERROR(parent.status());
  const std::string name(NameOf(path));
  const auto stat = co_await env_.files.Stat((*parent)->handle, name);
  // Directories are never removed: a record that made it one here is beyond the copy.
  if (stat.ok() && stat->type == FileType::kDirectory) co_return absl::OkStatus();
  CO_RETURN_IF_ERROR(CheckPlain(stat));
  absl::Status status = co_await env_.files.Unlink((*parent)->handle, name);
  if (absl::IsNotFound(status)) status = absl::OkStatus();
  if (status.ok()) status = co_await (*parent)->Sync();
  if (!status.ok()) target.directories().Forget(parent_path);
  co_return status;
}

Awaitable<absl::Status> Resync::MakeDirectory(Target& target, const std::string& path) {
  const std::string parent_path(ParentOf(path));
  CO_ASSIGN_OR_RETURN(const DirectoryRef parent,
                      co_await target.directories().Get(parent_path, false, true));
  const std::string name(NameOf(path));
  const auto stat = co_await env_.files.Stat(parent->handle, name);
  if (stat.ok() && stat->type != FileType::kDirectory) {
    CO_RETURN_IF_ERROR(CheckPlain(stat));
    CO_RETURN_IF_ERROR(co_await env_.files.Unlink(parent->handle, name));
  }
  const auto made = co_await target.directories().Get(path, true, true);
  co_return made.status();
}

Awaitable<absl::Status> Resync::MakeFile(Target& target, const std::string& path,
                                         const SourceAnswer& answer, uint64_t* bytes) {
  const std::string parent_path(ParentOf(path));
  CO_ASSIGN_OR_RETURN(const DirectoryRef parent,
                      co_await target.directories().Get(parent_path, false, true));
  const std::string name(NameOf(path));
  // What may have been begun here may not be durable, whatever it looks like.
  const Sequence first = missed_.at(path).first;
  if (first > doubt_limit_) {
    CO_ASSIGN_OR_RETURN(const bool equal, co_await IsEqual(target, *parent, name, answer));
    if (equal) co_return absl::OkStatus();
  }
  const absl::Status plain = CheckPlain(co_await env_.files.Stat(parent->handle, name));
  CO_RETURN_IF_ERROR(plain);
  NewFile copied{TempName(generation_, kFirstPin + ++temps_), name, answer.mode()};
  const auto fill = [&](FileHandle file) { return Fill(file, answer); };
  const absl::Status status = co_await MakeNewFile(env_, target, *parent, std::move(copied), fill);
  if (!status.ok()) target.directories().Forget(parent_path);
  *bytes = answer.size();
  co_return status;
}

Awaitable<absl::StatusOr<bool>> Resync::IsEqual(Target& target, Directory& parent, std::string name,
                                                const SourceAnswer& answer) {
  const auto stat = co_await env_.files.Stat(parent.handle, name);
  if (!stat.ok() || stat->type != FileType::kRegular || stat->links != 1 ||
      stat->size != answer.size() || stat->mode != answer.mode()) {
    co_return false;
  }
  CO_ASSIGN_OR_RETURN(
      const FileHandle file,
      co_await env_.files.Open(parent.handle, name, O_RDONLY | target.data_flags()));
  const absl::StatusOr<bool> equal = co_await IsContentEqual(file, answer);
  (co_await env_.files.Close(file)).IgnoreError();  // only read
  co_return equal;
}

Awaitable<absl::StatusOr<bool>> Resync::IsContentEqual(FileHandle file,
                                                       const SourceAnswer& answer) {
  if (answer.session() == 0) {
    std::string content(answer.size(), '\0');
    CO_ASSIGN_OR_RETURN(const size_t count,
                        co_await env_.files.Read(file, content.data(), content.size(), 0));
    co_return count == content.size() && content == answer.data();
  }
  for (uint64_t offset = 0; offset < answer.size(); offset += kSourceRangeBytes) {
    internal::v1::SourceQuery query;
    query.set_session(answer.session());
    query.set_offset(offset);
    query.set_digest(true);
    CO_ASSIGN_OR_RETURN(const SourceAnswer theirs, co_await link_.Ask(std::move(query)));
    CO_ASSIGN_OR_RETURN(const std::string ours, co_await DigestOfRange(file, offset));
    if (ours != theirs.digest()) co_return false;
  }
  co_return true;
}

// Its digest, in the pieces that the source has.
Awaitable<absl::StatusOr<std::string>> Resync::DigestOfRange(FileHandle file, uint64_t offset) {
  Digester digester;
  for (uint64_t at = offset; at < offset + kSourceRangeBytes; at += kSourcePieceBytes) {
    std::string piece(kSourcePieceBytes, '\0');
    CO_ASSIGN_OR_RETURN(const size_t count,
                        co_await env_.files.Read(file, piece.data(), piece.size(), at));
    piece.resize(count);
    digester.AddBytes(piece);
    if (count < kSourcePieceBytes) break;
  }
  co_return BytesOf(digester.Finish());
}

Awaitable<absl::Status> Resync::Fill(FileHandle file, const SourceAnswer& answer) {
  for (uint64_t offset = 0; offset < answer.size(); offset += kSourcePieceBytes) {
    std::string piece = answer.data();
    if (answer.session() != 0) {
      internal::v1::SourceQuery query;
      query.set_session(answer.session());
      query.set_offset(offset);
      CO_ASSIGN_OR_RETURN(SourceAnswer next, co_await link_.Ask(std::move(query)));
      piece = std::move(*next.mutable_data());
    }
    if (piece.size() != std::min<uint64_t>(kSourcePieceBytes, answer.size() - offset)) {
      co_return absl::UnavailableError("the source gives another size than it said");
    }
    CO_RETURN_IF_ERROR(co_await env_.files.Write(file, piece, offset));
  }
  co_return absl::OkStatus();
}

}  // namespace tandem
