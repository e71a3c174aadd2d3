// The system calls behind Files, made one at a time in the calling thread.
#pragma once

#include <linux/openat2.h>

#include "daemon/io/files.h"

struct statx;

namespace tandem {

// Most bytes one read or write asks for; the rest is the next call's.
inline constexpr uint64_t kMaxTransferBytes = 1ull << 30;

// Performs the request, blocking for as long as the file system does. Any thread.
[[nodiscard]] IoResult PerformPlainCall(const IoRequest& request);

// How `request` (a kOpen) is resolved: beneath its directory, or freely when it has none.
[[nodiscard]] open_how OpenHow(const IoRequest& request);

// The directory descriptor that the path of a kOpen starts from.
[[nodiscard]] int OpenDirectory(const IoRequest& request);

// fdatasync is enough for what can be written through this descriptor. A descriptor that only
// reads may be a directory, whose entries fdatasync need not cover.
[[nodiscard]] bool DataSyncIsEnough(int fd);

[[nodiscard]] FileStat ToFileStat(const struct statx& stat);

}  // namespace tandem
