#include "daemon/io/make_files.h"

#include <utility>

#include "daemon/base/status.h"
#include "daemon/io/thread_files.h"
#include "daemon/io/uring_files.h"

namespace tandem {

absl::StatusOr<std::unique_ptr<Files>> MakeFiles(Executor executor, const FilesOptions& options,
                                                 Logger& log) {
  if (options.threads == 0) return absl::InvalidArgumentError("io threads must be at least 1");
  std::string reason = "configured";
  if (options.engine != IoEngine::kThreads) {
    const UringOptions uring = {.entries = options.ring_entries,
                                .max_workers = options.max_workers};
    absl::StatusOr<std::unique_ptr<Files>> files = MakeUringFiles(executor, uring);
    if (files.ok()) {
      const bool asked = options.engine == IoEngine::kUring;
      log.Info("io_engine",
               {{"engine", (*files)->engine()}, {"reason", asked ? "configured" : "available"}});
      return files;
    }
    if (options.engine == IoEngine::kUring) {
      return Annotate(files.status(), "io_uring is configured but cannot be used");
    }
    reason = files.status().ToString(absl::StatusToStringMode::kWithNoExtraData);
  }
  auto files = std::make_unique<ThreadFiles>(std::move(executor), options.threads);
  log.Info("io_engine", {{"engine", files->engine()}, {"reason", reason}});
  return files;
}

}  // namespace tandem
