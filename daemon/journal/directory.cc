#include "daemon/journal/directory.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY;
// For a second: a predecessor that was killed lets go a moment later, an orphan after its drain.
constexpr int kLockTries = 101;
constexpr int64_t kLockPauseNs = 10'000'000;
constexpr size_t kMaxOwnerBytes = 512;

Awaitable<std::string> ReadOwner(Files& files, FileHandle lock) {
  std::string text(kMaxOwnerBytes, '\0');
  const absl::StatusOr<size_t> count = co_await files.Read(lock, text.data(), text.size(), 0);
  text.resize(count.value_or(0));
  for (char& c : text) c = absl::ascii_isprint(static_cast<unsigned char>(c)) ? c : ' ';
  absl::StripAsciiWhitespace(&text);
  co_return text.empty() ? "a process that did not say its name" : text;
}

Awaitable<absl::Status> SyncParent(Files& files, std::string path) {
  path.resize(std::max<size_t>(path.rfind('/'), 1));
  const absl::StatusOr<FileHandle> parent = co_await files.Open(kNoFile, path, kDirectoryFlags);
  if (!parent.ok()) co_return absl::OkStatus();  // not ours to read: we did not make what is in it
  const absl::Status synced = co_await files.Sync(*parent);
  (void)co_await files.Close(*parent);
  co_return synced;
}

}  // namespace

Awaitable<absl::StatusOr<FileHandle>> OpenOrMakeDirectory(Files& files, std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty() || path.front() != '/') {
    co_return absl::InvalidArgumentError(absl::StrCat("journal directory is not absolute: ", path));
  }
  // Upwards to what is there, then down again.
  std::vector<std::string> missing;
  std::string at = path;
  absl::StatusOr<FileHandle> directory = co_await files.Open(kNoFile, at, kDirectoryFlags);
  while (ErrnoOf(directory.status()) == ENOENT && at != "/") {
    const size_t slash = at.rfind('/');
    missing.push_back(at.substr(slash + 1));
    at.resize(std::max<size_t>(slash, 1));
    directory = co_await files.Open(kNoFile, at, kDirectoryFlags);
  }
  if (directory.ok() && at != "/") {
    // Whoever made it may have failed to sync it into its parent.
    const absl::Status synced = co_await SyncParent(files, at);
    if (!synced.ok()) {
      (void)co_await files.Close(*directory);
      co_return Annotate(synced, absl::StrCat("journal ", path));
    }
  }
  for (; directory.ok() && !missing.empty(); missing.pop_back()) {
    absl::StatusOr<FileHandle> child = co_await OpenOrMakeChild(files, *directory, missing.back());
    (void)co_await files.Close(*directory);
    directory = std::move(child);
  }
  if (!directory.ok()) co_return Annotate(directory.status(), absl::StrCat("journal ", path));
  co_return *directory;
}

Awaitable<absl::StatusOr<FileHandle>> OpenOrMakeChild(Files& files, FileHandle parent,
                                                      std::string name) {
  absl::StatusOr<FileHandle> child = co_await files.Open(parent, name, kDirectoryFlags);
  if (ErrnoOf(child.status()) != ENOENT) co_return child;
  const absl::Status made = co_await files.Mkdir(parent, name);
  if (!made.ok() && ErrnoOf(made) != EEXIST) co_return made;
  CO_RETURN_IF_ERROR(co_await files.Sync(parent));
  co_return co_await files.Open(parent, name, kDirectoryFlags);
}

Awaitable<absl::StatusOr<FileHandle>> LockJournal(Env& env, FileHandle directory) {
  CO_ASSIGN_OR_RETURN(const FileHandle lock,
                      co_await env.files.Open(directory, "LOCK", O_RDWR | O_CREAT));
  absl::Status locked;
  for (int i = 0; i < kLockTries; ++i) {
    if (i > 0) co_await Sleep(env.clock, kLockPauseNs);
    locked = co_await env.files.Lock(lock);
    if (ErrnoOf(locked) != EWOULDBLOCK) break;
  }
  if (locked.ok()) co_return lock;
  if (ErrnoOf(locked) == EWOULDBLOCK) {
    const std::string owner = co_await ReadOwner(env.files, lock);
    locked = absl::FailedPreconditionError(
        absl::StrCat("the journal is in use by another daemon: ", owner));
  }
  (void)co_await env.files.Close(lock);
  co_return locked;
}

Awaitable<void> DescribeOwner(Files& files, FileHandle lock, std::string text) {
  if (text.size() >= kMaxOwnerBytes) text.resize(kMaxOwnerBytes - 1);
  text += '\n';
  const absl::Status emptied = co_await files.Truncate(lock, 0);
  if (!emptied.ok()) co_return;
  (void)co_await files.Write(lock, text, 0);
}

std::string ThisProcess() {
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return absl::StrCat("pid ", getpid(), " on host ", host);
}

Awaitable<absl::StatusOr<std::string>> ReadWholeFile(Files& files, FileHandle directory,
                                                     std::string name, uint64_t limit) {
  CO_ASSIGN_OR_RETURN(const FileHandle file, co_await files.Open(directory, name, O_RDONLY));
  std::string content;
  absl::StatusOr<FileStat> stat = co_await files.StatFile(file);
  absl::Status status = stat.status();
  if (stat.ok() && stat->size > limit) {
    status = absl::DataLossError(absl::StrCat(name, " is longer than it can be"));
  }
  if (status.ok()) {
    content.resize(stat->size);
    const absl::StatusOr<size_t> count =
        co_await files.Read(file, content.data(), content.size(), 0);
    status = count.status();
    content.resize(count.value_or(0));
  }
  (void)co_await files.Close(file);
  if (!status.ok()) co_return Annotate(status, name);
  co_return content;
}

Awaitable<absl::Status> ReplaceFile(Files& files, FileHandle directory, std::string temp,
                                    std::string name, absl::string_view content) {
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await files.Open(directory, temp, O_WRONLY | O_CREAT | O_TRUNC));
  absl::Status status = co_await files.Write(file, content, 0);
  if (status.ok()) status = co_await files.Sync(file);
  const absl::Status closed = co_await files.Close(file);
  if (status.ok()) status = closed;
  if (!status.ok()) {
    // What a failed sync left in the cache must not be taken for good by anyone.
    (void)co_await files.Unlink(directory, temp);
    co_return Annotate(status, name);
  }
  CO_RETURN_IF_ERROR(co_await files.Rename(directory, temp, directory, name));
  co_return co_await files.Sync(directory);
}

bool IsNoRoom(const absl::Status& status) {
  const int error = ErrnoOf(status);
  return error == ENOSPC || error == EDQUOT;
}

}  // namespace tandem
