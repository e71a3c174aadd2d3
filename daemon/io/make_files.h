// Chooses the engine that stands behind Files in production.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/io/files.h"

namespace tandem {

enum class IoEngine { kAuto, kUring, kThreads };

struct FilesOptions {
  IoEngine engine = IoEngine::kAuto;
  unsigned ring_entries = 256;  // of io_uring's submission queue
  unsigned max_workers = 0;     // io_uring's kernel workers; 0 leaves the kernel's own bound
  unsigned threads = 16;        // of the thread engine, at least 1
};

// kAuto takes io_uring, or threads where it is denied; a forced io_uring that is denied is an
// error, with the kernel's errno. Logs `io_engine` with the choice and its reason.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Files>> MakeFiles(Executor executor,
                                                               const FilesOptions& options,
                                                               Logger& log);

}  // namespace tandem
