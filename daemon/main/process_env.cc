#include "daemon/main/process_env.h"

#include <utility>

#include "daemon/base/status.h"
#include "daemon/io/make_files.h"

namespace tandem {
namespace {

FilesOptions ToFilesOptions(const IoConfig& config) {
  FilesOptions options{.max_workers = config.threads, .threads = config.threads};
  switch (config.engine) {
    case IoEngineChoice::kAuto:
      options.engine = IoEngine::kAuto;
      break;
    case IoEngineChoice::kUring:
      options.engine = IoEngine::kUring;
      break;
    case IoEngineChoice::kThreads:
      options.engine = IoEngine::kThreads;
      break;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Files>> MakeConfiguredFiles(Executor executor,
                                                           const IoConfig& config, Logger& log) {
  return MakeFiles(std::move(executor), ToFilesOptions(config), log);
}

absl::StatusOr<std::unique_ptr<ProcessEnv>> ProcessEnv::Make(const IoConfig& config,
                                                             const FilesFactory& make_files,
                                                             Logger& log) {
  auto context = std::make_unique<boost::asio::io_context>(1);
  ASSIGN_OR_RETURN(std::unique_ptr<Files> files, make_files(context->get_executor(), config, log));
  return std::unique_ptr<ProcessEnv>(new ProcessEnv(std::move(context), std::move(files), log));
}

ProcessEnv::ProcessEnv(std::unique_ptr<boost::asio::io_context> context,
                       std::unique_ptr<Files> files, Logger& log)
    : owned_context_(std::move(context)),
      context_(*owned_context_),
      files_(std::move(files)),
      clock_(context_.get_executor()),
      env_{.executor = context_.get_executor(),
           .files = *files_,
           .clock = clock_,
           .random = random_,
           .log = log} {}

ProcessEnv::~ProcessEnv() = default;

}  // namespace tandem
