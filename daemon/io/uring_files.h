// Files by io_uring.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/io/files.h"

namespace tandem {

struct UringOptions {
  // Submission queue entries, rounded up to a power of two; the kernel caps them at 32768. Twice
  // as many operations can be in the kernel at once; more wait in a queue.
  unsigned entries = 256;
  // Kernel workers of the thread that submits, bounded and unbounded each; 0 leaves the kernel's
  // own bound. A file system that hangs may hold all of them.
  unsigned max_workers = 0;
  // Threads for truncate, list, statfs and lock, which io_uring cannot do.
  unsigned helper_threads = 2;
};

// A ring of its own, which needs Linux 6.1 or newer. Fails with the kernel's errno where io_uring
// is denied or lacks an operation. What one turn of the loop submits goes to the kernel in one
// call; submitting never blocks. An operation under way keeps the io_context's run() from
// returning. Destruction waits a moment for operations under way; the memory of those that hang is
// never freed, and they never call back.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Files>> MakeUringFiles(Executor executor,
                                                                    const UringOptions& options);

}  // namespace tandem
