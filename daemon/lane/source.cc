#include "daemon/lane/source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/base/digest.h"
#include "daemon/base/status.h"
#include "daemon/lane/diverged_paths.h"
#include "daemon/lane/errors.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

using internal::v1::SourceAnswer;
using internal::v1::SourceQuery;

constexpr size_t kMaxSessions = 32;
constexpr size_t kMaxTasks = 128;  // some may wait for a target that hangs
constexpr int64_t kIdleNs = 60 * kNsPerSecond;
constexpr int64_t kHoldIdleNs = 5 * kNsPerSecond;
// Well below what clients wait for, and what a target may lag.
constexpr int64_t kHoldLimitNs = 15 * kNsPerSecond;

// As an edit of the path would have it: it waits behind everything that is parked or skipped there.
RecordHeader EditOf(const std::string& path) {
  RecordHeader header;
  header.type = RecordType::kAppend;
  header.sequence = kFirstPin;
  header.path = path;
  return header;
}

internal::v1::SourceTrouble TroubleOf(const absl::Status& failure) {
  if (absl::IsFailedPrecondition(failure)) return internal::v1::SOURCE_TROUBLE_PARKED;
  if (absl::IsAborted(failure)) return internal::v1::SOURCE_TROUBLE_CHANGED;
  return internal::v1::SOURCE_TROUBLE_LATER;
}

absl::Status Parked(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("the source lacks writes of it: ", why));
}

}  // namespace

SourceAnswer NotYet(const SourceQuery& query) {
  SourceAnswer answer;
  answer.set_id(query.id());
  answer.set_trouble(internal::v1::SOURCE_TROUBLE_LATER);
  answer.set_error("the source is busy");
  return answer;
}

void Source::Ask(SourceQuery query) {
  if (tasks_ >= kMaxTasks && !query.close()) {
    parts_.reporter.SourceAnswered(NotYet(query));
    return;
  }
  ++tasks_;
  Spawn(env_.executor, Answer(std::move(query)));
}

void Source::Stop() {
  stopped_ = true;
  changed_.Notify();
}

void Source::Touch(const RecordHeader& record) {
  if (sessions_.empty()) return;
  for (auto& [id, session] : sessions_) {
    if (record.path != session.path && record.new_path != session.path) continue;
    const bool adds = (record.type == RecordType::kAppend || record.type == RecordType::kWriteAt) &&
                      record.offset >= session.size;
    // The open file stays what it was: another one takes its name, or none.
    if (!adds && !ReplacesContent(record)) session.changed = true;
  }
}

Awaitable<void> Source::Answer(SourceQuery query) {
  SourceAnswer answer;
  answer.set_id(query.id());
  co_await CloseIdle();
  if (query.close()) {
    co_await Close(query.session());
  } else {
    absl::Status status = absl::CancelledError("the source stops");
    if (!stopped_ && query.session() == 0) {
      status = co_await Open(query, &answer);
      if (!status.ok()) co_await Close(query.id());
    } else if (!stopped_) {
      status = co_await Continue(query, &answer);
    }
    if (!status.ok()) {
      answer.Clear();
      answer.set_id(query.id());
      answer.set_trouble(TroubleOf(status));
      answer.set_error(std::string(status.message()));
    }
    parts_.reporter.SourceAnswered(std::move(answer));
  }
  --tasks_;
  hooks_.ended();
}

Awaitable<absl::Status> Source::Open(const SourceQuery& query, SourceAnswer* answer) {
  if (sessions_.size() >= kMaxSessions) co_return absl::UnavailableError("the source is busy");
  const PathPin pin = co_await hooks_.pin(query.path());
  if (pin.id == 0) co_return absl::CancelledError("the source stops");
  absl::Status status;
  Session session{.path = query.path()};
  const RecordHeader edit = EditOf(query.path());
  const std::shared_ptr<Target> target = parts_.keeper.current();
  if (pin.at < query.at_least()) {
    status = absl::UnavailableError("the source is not as far");
  } else if (parts_.parked.StandingOf(edit) != Standing::kFree) {
    status = Parked(parts_.parked.WhyWaits(edit));
  } else if (target == nullptr) {
    status = absl::UnavailableError("the source's target is down");
  } else {
    status = co_await Look(*target, query.path(), answer, &session);
  }
  answer->set_at(pin.at);
  session.used_ns = env_.clock.MonotonicNs();
  const bool is_long = session.file != kNoFile;
  const bool held = is_long && query.hold();
  if (held) session.pin = pin.id;
  // From here on Touch sees it.
  if (is_long) {
    sessions_[query.id()] = std::move(session);
    answer->set_session(query.id());
  }
  if (!held) hooks_.unpin(pin.id);
  if (held) {
    ++tasks_;
    Spawn(env_.executor, Hold(query.id()));
  }
  co_return status;
}

Awaitable<absl::Status> Source::Continue(const SourceQuery& query, SourceAnswer* answer) {
  if (query.digest()) {
    CO_ASSIGN_OR_RETURN(*answer->mutable_digest(),
                        co_await DigestOfRange(query.session(), query.offset()));
  } else {
    CO_ASSIGN_OR_RETURN(*answer->mutable_data(), co_await Piece(query.session(), query.offset()));
  }
  co_return absl::OkStatus();
}

Awaitable<void> Source::Hold(uint64_t id) {
  const int64_t until_ns = env_.clock.MonotonicNs() + kHoldLimitNs;
  while (!stopped_) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) break;
    const int64_t now_ns = env_.clock.MonotonicNs();
    const int64_t end_ns = std::min(until_ns, found->second.used_ns + kHoldIdleNs);
    if (now_ns >= end_ns) break;
    (void)co_await changed_.WaitFor(env_.clock, end_ns - now_ns);
  }
  Release(id);
  --tasks_;
  hooks_.ended();
}

void Source::Release(uint64_t id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.pin == 0) return;
  hooks_.unpin(std::exchange(found->second.pin, 0));
}

Awaitable<absl::Status> Source::Look(Target& target, const std::string& path, SourceAnswer* answer,
                                     Session* session) {
  std::vector<absl::string_view> names = AncestorsOf(path);
  DirectoryRef parent = target.directories().root();
  uint32_t directories = 0;
  for (const absl::string_view ancestor : names) {
    auto next = co_await target.directories().Look(std::string(ancestor));
    if (absl::IsNotFound(next.status()) || ErrnoOf(next.status()) == ENOTDIR) break;
    if (!next.ok()) co_return absl::UnavailableError(next.status().message());
    parent = *next;
    ++directories;
  }
  answer->set_directories(directories);
  answer->set_kind(static_cast<uint32_t>(PathKind::kAbsent));
  if (directories < names.size()) co_return absl::OkStatus();
  const auto stat = co_await env_.files.Stat(parent->handle, std::string(NameOf(path)));
  if (absl::IsNotFound(stat.status())) co_return absl::OkStatus();
  if (!stat.ok()) co_return absl::UnavailableError(stat.status().message());
  if (stat->type == FileType::kDirectory) {
    answer->set_kind(static_cast<uint32_t>(PathKind::kDirectory));
    co_return absl::OkStatus();
  }
  if (stat->type != FileType::kRegular || stat->links != 1) {
    co_return Parked("it is no regular file with one link there");
  }
  answer->set_kind(static_cast<uint32_t>(PathKind::kFile));
  answer->set_size(stat->size);
  answer->set_mode(stat->mode);
  co_return co_await OpenFile(target, *parent, path, answer, session);
}

Awaitable<absl::Status> Source::OpenFile(Target& target, Directory& parent, const std::string& path,
                                         SourceAnswer* answer, Session* session) {
  session->size = answer->size();
  auto file = co_await env_.files.Open(parent.handle, std::string(NameOf(path)),
                                       O_RDONLY | target.data_flags());
  if (!file.ok()) co_return absl::UnavailableError(file.status().message());
  if (session->size > kSourcePieceBytes) {
    session->file = *file;
    co_return absl::OkStatus();
  }
  std::string content(session->size, '\0');
  const auto count = co_await env_.files.Read(*file, content.data(), content.size(), 0);
  (co_await env_.files.Close(*file)).IgnoreError();  // only read
  if (!count.ok()) co_return absl::UnavailableError(count.status().message());
  if (*count != session->size) co_return absl::UnavailableError("the file was cut");
  answer->set_data(std::move(content));
  co_return absl::OkStatus();
}

Awaitable<absl::StatusOr<std::string>> Source::DigestOfRange(uint64_t id, uint64_t offset) {
  Digester digester;
  for (uint64_t at = offset; at < offset + kSourceRangeBytes; at += kSourcePieceBytes) {
    CO_ASSIGN_OR_RETURN(const std::string piece, co_await Piece(id, at));
    digester.AddBytes(piece);
    if (piece.size() < kSourcePieceBytes) break;
  }
  const Digest digest = digester.Finish();
  co_return std::string(digest.begin(), digest.end());
}

Awaitable<absl::StatusOr<std::string>> Source::Piece(uint64_t id, uint64_t offset) {
  const auto changed = [this, id] {
    const auto found = sessions_.find(id);
    return found == sessions_.end() || found->second.changed;
  };
  const absl::Status over = absl::AbortedError("the source's file has changed meanwhile");
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) co_return absl::UnavailableError("the session is over");
  Session& session = found->second;
  session.used_ns = env_.clock.MonotonicNs();
  if (offset > session.size) co_return absl::UnavailableError("beyond the end");
  const size_t length = std::min<uint64_t>(kSourcePieceBytes, session.size - offset);
  if (changed()) co_return over;
  std::string piece(length, '\0');
  ++session.reading;
  const auto count = co_await env_.files.Read(session.file, piece.data(), length, offset);
  --sessions_.at(id).reading;
  if (!count.ok()) co_return absl::UnavailableError(count.status().message());
  // A change that began while it was read may be in it.
  if (changed() || *count != length) co_return over;
  co_return piece;
}

Awaitable<void> Source::Close(uint64_t id) {
  Release(id);
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.reading > 0) co_return;
  const FileHandle file = found->second.file;
  sessions_.erase(found);
  changed_.Notify();
  if (file != kNoFile) (co_await env_.files.Close(file)).IgnoreError();  // only read
}

Awaitable<void> Source::CloseIdle() {
  const int64_t now_ns = env_.clock.MonotonicNs();
  std::vector<uint64_t> idle;
  for (const auto& [id, session] : sessions_) {
    if (now_ns - session.used_ns > kIdleNs) idle.push_back(id);
  }
  for (const uint64_t id : idle) co_await Close(id);
}

}  // namespace tandem
