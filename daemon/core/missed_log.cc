#include "daemon/core/missed_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"

namespace tandem {
namespace {

constexpr char kDetachedDirectory[] = "detached";
constexpr uint64_t kMaxLogBytes = uint64_t{4} << 30;
constexpr uint64_t kSlackBytes = 64 << 10;  // a log may always be so much longer than needed

}  // namespace

MissedLog::MissedLog(Env& env, std::string journal_directory, std::string target, MissedSet& set)
    : env_(env),
      journal_directory_(std::move(journal_directory)),
      target_(std::move(target)),
      set_(set),
      idle_(env.executor) {}

Awaitable<absl::Status> MissedLog::OpenDirectory() {
  if (directory_ != kNoFile) co_return absl::OkStatus();
  const std::string path = absl::StrCat(journal_directory_, "/", kDetachedDirectory);
  CO_ASSIGN_OR_RETURN(directory_, co_await OpenOrMakeDirectory(env_.files, path));
  co_return absl::OkStatus();
}

Awaitable<absl::Status> MissedLog::Load() {
  const std::string path = absl::StrCat(journal_directory_, "/", kDetachedDirectory);
  auto directory = co_await env_.files.Open(kNoFile, path, O_RDONLY | O_DIRECTORY);
  if (absl::IsNotFound(directory.status())) co_return absl::OkStatus();
  if (!directory.ok()) co_return directory.status();
  auto bytes = co_await ReadWholeFile(env_.files, *directory, target_, kMaxLogBytes);
  (co_await env_.files.Close(*directory)).IgnoreError();  // only read
  if (absl::IsNotFound(bytes.status())) co_return absl::OkStatus();
  if (!bytes.ok()) co_return bytes.status();
  const absl::Status decoded = DecodeMissedLog(*bytes, set_);
  if (!decoded.ok()) co_return Annotate(decoded, absl::StrCat("detached/", target_));
  ++noted_;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> MissedLog::Sync() {
  const uint64_t wanted = noted_;
  while (written_ < wanted) {
    if (busy_) {
      co_await idle_.Wait();
      continue;
    }
    busy_ = true;
    const absl::Status status = co_await WriteOnce();
    busy_ = false;
    idle_.Notify();
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

void MissedLog::SyncSoon() {
  if (looping_) return;
  looping_ = true;
  Spawn(env_.executor, SyncLoop());
}

Awaitable<void> MissedLog::SyncLoop() {
  while (written_ < noted_) {
    const absl::Status status = co_await Sync();
    if (status.ok()) continue;
    env_.log.Error("missed_paths_not_saved", {{"target", target_}, {"error", status}});
    co_await Sleep(env_.clock, kMissedRetryNs);
  }
  looping_ = false;
}

// The set had everything noted before this is called, and what `body_` loses by a failure too.
Awaitable<absl::Status> MissedLog::WriteOnce() {
  const uint64_t version = noted_;
  const std::string body = std::exchange(body_, {});
  absl::Status status;
  if (file_ == kNoFile || end_ > 2 * compact_bytes_ + kSlackBytes) {
    status = co_await Replace();
  } else {
    const std::string entry = EncodeMissedEntry(entries_, body);
    status = co_await env_.files.WriteAndSync(file_, entry, end_);
    end_ += entry.size();
    ++entries_;
  }
  if (!status.ok()) {
    // Nothing is known about that file's pages: the next one has the whole set.
    co_await CloseFile();
    co_return status;
  }
  written_ = version;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> MissedLog::Replace() {
  CO_RETURN_IF_ERROR(co_await OpenDirectory());
  co_await CloseFile();
  // What is noted while it is being written is appended, and may be in it already: no harm.
  const std::string entry = EncodeMissedEntry(0, BodyOf(set_));
  CO_RETURN_IF_ERROR(
      co_await ReplaceFile(env_.files, directory_, absl::StrCat(target_, ".new"), target_, entry));
  CO_ASSIGN_OR_RETURN(file_, co_await env_.files.Open(directory_, target_, O_WRONLY));
  end_ = compact_bytes_ = entry.size();
  entries_ = 1;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> MissedLog::Remove() {
  while (busy_) co_await idle_.Wait();
  // It may be missing something again by now.
  if (!set_.empty()) co_return absl::OkStatus();
  busy_ = true;
  const absl::Status status = co_await RemoveOnce();
  busy_ = false;
  idle_.Notify();
  co_return status;
}

Awaitable<absl::Status> MissedLog::RemoveOnce() {
  CO_RETURN_IF_ERROR(co_await OpenDirectory());
  co_await CloseFile();
  const absl::Status removed = co_await env_.files.Unlink(directory_, target_);
  if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  co_return co_await env_.files.Sync(directory_);
}

Awaitable<void> MissedLog::CloseFile() {
  if (file_ == kNoFile) co_return;
  // What was to be durable in it is synced.
  (co_await env_.files.Close(std::exchange(file_, kNoFile))).IgnoreError();
}

}  // namespace tandem
