// The journal's directory: making it, locking it, small files in it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/base/async.h"
#include "daemon/io/env.h"

namespace tandem {

// Opens the directory at `path` (absolute), making what is missing of it, durably.
Awaitable<absl::StatusOr<FileHandle>> OpenOrMakeDirectory(Files& files, std::string path);

// Opens the directory `name` in `parent`, making it, durably, if it is not there.
Awaitable<absl::StatusOr<FileHandle>> OpenOrMakeChild(Files& files, FileHandle parent,
                                                      std::string name);

// Takes the exclusive lock of the journal in `directory`: tries for about a second, for a process
// that just died may keep its files open a moment longer. FAILED_PRECONDITION, with what the
// holder wrote about itself, if someone else has it.
Awaitable<absl::StatusOr<FileHandle>> LockJournal(Env& env, FileHandle directory);

// Says in the lock file who holds it. For people only, so failing to write it is no error.
Awaitable<void> DescribeOwner(Files& files, FileHandle lock, std::string text);

// "pid 17 on host a": this process.
[[nodiscard]] std::string ThisProcess();

// Errno ENOENT if there is none, DATA_LOSS if it is longer than `limit`.
Awaitable<absl::StatusOr<std::string>> ReadWholeFile(Files& files, FileHandle directory,
                                                     std::string name, uint64_t limit);

// Writes `temp`, syncs it, renames it to `name`, syncs the directory.
Awaitable<absl::Status> ReplaceFile(Files& files, FileHandle directory, std::string temp,
                                    std::string name, absl::string_view content);

// No room on the disk, rather than something broken.
[[nodiscard]] bool IsNoRoom(const absl::Status& status);

}  // namespace tandem
