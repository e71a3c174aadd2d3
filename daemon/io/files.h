// The one seam between Tandem's logic and files. Three implementations: io_uring (uring_files.h), a
// thread pool of plain calls (thread_files.h), and simulated files with faults (tests/sim).
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/base/async.h"

namespace tandem {

// An open file or directory of one Files; a descriptor in production.
using FileHandle = int;
inline constexpr FileHandle kNoFile = -1;

enum class IoKind : uint8_t {
  kOpen,      // directory, path (any depth, resolved beneath), open_flags, mode -> handle
  kClose,     // file
  kRead,      // file, buffer, length, offset -> bytes read; short at the end of the file
  kWrite,     // file, buffer, length, offset -> bytes written; may be short
  kSync,      // file: fdatasync; a directory: fsync
  kTruncate,  // file, length
  kRename,    // directory, path -> directory2, path2 (single names); replaces
  kUnlink,    // directory, path (single name); files only
  kMkdir,     // directory, path (single name), mode
  kStat,      // directory, path (single name), not followed; or file with an empty path -> stat
  kList,      // directory -> names, without . and ..
  kStatFs,    // file -> stat_fs
  kLock,      // file: exclusive, not waiting; EWOULDBLOCK if someone else holds it
};

enum class FileType : uint8_t { kRegular, kDirectory, kOther };

struct FileStat {
  FileType type = FileType::kOther;
  uint32_t mode = 0;  // permission bits only
  uint64_t size = 0;  // bytes
  uint64_t links = 0;
  uint64_t inode = 0;
  uint64_t device = 0;
};

struct FileSystemStat {
  int64_t type = 0;  // f_type of statfs(2)
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
};

struct IoRequest {
  IoKind kind = IoKind::kClose;
  FileHandle file = kNoFile;  // also the directory that `path` starts from
  FileHandle directory2 = kNoFile;
  std::string path;
  std::string path2;
  int open_flags = 0;  // O_* of open(2); O_CLOEXEC is implied
  uint32_t mode = 0;
  char* buffer = nullptr;        // owned by the caller until completion, however late that is
  const char* source = nullptr;  // the same for writes
  uint64_t length = 0;
  uint64_t offset = 0;
  bool may_fail = false;  // in a chain: the next step is done whatever became of this one
};

// Requests ready to be submitted. What they point to stays the caller's until completion.
[[nodiscard]] IoRequest ToOpen(FileHandle directory, std::string path, int flags, uint32_t mode);
[[nodiscard]] IoRequest ToClose(FileHandle file);
[[nodiscard]] IoRequest ToWrite(FileHandle file, absl::string_view data, uint64_t offset);
[[nodiscard]] IoRequest ToSync(FileHandle file);
[[nodiscard]] IoRequest ToRename(FileHandle directory, std::string name, FileHandle to_directory,
                                 std::string to_name);
[[nodiscard]] IoRequest ToStat(FileHandle directory, std::string name);

struct IoResult {
  int64_t value = 0;  // handle or count; -errno on failure
  FileStat stat;
  FileSystemStat stat_fs;
  std::vector<std::string> names;
};

// OK, or the errno with what failed.
[[nodiscard]] absl::Status StatusOf(const IoRequest& request, const IoResult& result);

// For the engines: a chain does not go on after this result of this step.
[[nodiscard]] bool EndsChain(const IoRequest& request, int64_t result);

using IoDone = absl::AnyInvocable<void(IoResult)>;
using ChainDone = absl::AnyInvocable<void(std::vector<IoResult>)>;

// Of a chain: how it ended, and the results of the steps that were done.
struct ChainResult {
  absl::Status status;  // the first failure of a step that may not fail
  size_t done = 0;      // steps before that one
  std::vector<IoResult> steps;
};

// Owner: the thread that runs the executor; Submit is called and `done` comes on it only.
class Files {
 public:
  virtual ~Files() = default;

  // Starts the operation and returns at once, also when the file system hangs. `done` is called
  // exactly once, later, never inside Submit; dropped uncalled only when the Files goes away.
  virtual void Submit(IoRequest request, IoDone done) = 0;

  // Does the requests one after another, with one handing over where the engine can. A step that
  // fails or is short ends the chain, unless it may fail: those after it are not done and get
  // -ECANCELED. `done` gets a result for every request, under the same rules as Submit's.
  virtual void SubmitChain(std::vector<IoRequest> requests, ChainDone done);

  // Expires when this goes away: for destructors that would still close something. What outlives
  // the engine (a coroutine that nobody resumes any more) must not call it.
  [[nodiscard]] std::weak_ptr<const void> lifetime() const { return lifetime_; }

  // "io_uring", "threads" or "simulated".
  [[nodiscard]] virtual absl::string_view engine() const = 0;

  // Operations under way now, and for how long the oldest has been, in nanoseconds.
  [[nodiscard]] virtual size_t in_flight() const = 0;
  [[nodiscard]] virtual int64_t oldest_in_flight_ns() const { return 0; }

  // Below, each is one Submit that is waited for. Failures carry their errno (ErrnoOf).

  // Opens beneath `directory`: no symlink is followed and the root is never left (openat2).
  // `directory` kNoFile: `path` is absolute or relative to the working directory, links allowed.
  Awaitable<absl::StatusOr<FileHandle>> Open(FileHandle directory, std::string path, int flags,
                                             uint32_t mode = 0640);
  Awaitable<absl::Status> Close(FileHandle file);
  // Reads until `length` or the end of the file. Returns the count.
  Awaitable<absl::StatusOr<size_t>> Read(FileHandle file, char* buffer, size_t length,
                                         uint64_t offset);
  // Writes all of it, however many calls that takes; `data` stays the caller's and unchanged.
  Awaitable<absl::Status> Write(FileHandle file, absl::string_view data, uint64_t offset);
  Awaitable<absl::Status> Sync(FileHandle file);
  Awaitable<absl::Status> Truncate(FileHandle file, uint64_t length);
  Awaitable<absl::Status> Rename(FileHandle directory, std::string name, FileHandle to_directory,
                                 std::string to_name);
  Awaitable<absl::Status> Unlink(FileHandle directory, std::string name);
  Awaitable<absl::Status> Mkdir(FileHandle directory, std::string name, uint32_t mode = 0750);
  Awaitable<absl::StatusOr<FileStat>> Stat(FileHandle directory, std::string name);
  Awaitable<absl::StatusOr<FileStat>> StatFile(FileHandle file);
  Awaitable<absl::StatusOr<std::vector<std::string>>> List(FileHandle directory);
  Awaitable<absl::StatusOr<FileSystemStat>> StatFs(FileHandle file);
  Awaitable<absl::Status> Lock(FileHandle file);
  // Write and Sync as one chain.
  Awaitable<absl::Status> WriteAndSync(FileHandle file, absl::string_view data, uint64_t offset);
  // A chain; steps that were interrupted or short are gone on with.
  Awaitable<ChainResult> Chain(std::vector<IoRequest> requests);

 private:
  const std::shared_ptr<const void> lifetime_ = std::make_shared<char>();

  Awaitable<IoResult> Do(IoRequest request);
  Awaitable<absl::Status> DoSimple(IoRequest request);
};

}  // namespace tandem
