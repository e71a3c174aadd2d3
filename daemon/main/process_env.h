// What every role's process is built on: an event loop, files, a clock.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/config/config.h"
#include "daemon/io/env.h"
#include "daemon/io/system_clock.h"
#include "daemon/io/system_random.h"

namespace tandem {

// Makes the files of a role's process; a test program's may wrap the real ones.
using FilesFactory = std::function<absl::StatusOr<std::unique_ptr<Files>>(
    Executor executor, const IoConfig& config, Logger& log)>;

// The engine that the configuration asks for. Errors: a forced io_uring that is denied.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Files>> MakeConfiguredFiles(Executor executor,
                                                                         const IoConfig& config,
                                                                         Logger& log);

// Owner: the process's main thread.
class ProcessEnv {
 public:
  // Errors: the factory's.
  static absl::StatusOr<std::unique_ptr<ProcessEnv>> Make(const IoConfig& config,
                                                          const FilesFactory& make_files,
                                                          Logger& log);
  ~ProcessEnv();
  ProcessEnv(const ProcessEnv&) = delete;
  ProcessEnv& operator=(const ProcessEnv&) = delete;

  [[nodiscard]] Env& env() { return env_; }
  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  ProcessEnv(std::unique_ptr<boost::asio::io_context> context, std::unique_ptr<Files> files,
             Logger& log);

  std::unique_ptr<boost::asio::io_context> owned_context_;
  boost::asio::io_context& context_;
  std::unique_ptr<Files> files_;
  SystemClock clock_;
  SystemRandom random_;
  Env env_;
};

}  // namespace tandem
