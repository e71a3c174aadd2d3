#include "daemon/ctl/local_files.h"

#include <fcntl.h>

#include "daemon/base/log.h"
#include "daemon/io/system_clock.h"
#include "daemon/io/system_random.h"
#include "daemon/io/thread_files.h"

namespace tandem::ctl {
namespace {

Awaitable<void> Work(Env& env, const std::string& directory, const DirectoryWork& work,
                     absl::Status* result) {
  auto opened = co_await env.files.Open(kNoFile, directory, O_RDONLY | O_DIRECTORY);
  if (!opened.ok()) {
    // Not NOT_FOUND: that is what `work` says of what is not in the directory.
    *result = absl::FailedPreconditionError(opened.status().message());
    co_return;
  }
  *result = co_await work(env, *opened);
  (co_await env.files.Close(*opened)).IgnoreError();  // a directory, synced where it changed
}

}  // namespace

absl::Status OnDirectory(const std::string& directory, const DirectoryWork& work) {
  absl::Status result = absl::InternalError("not run");
  const std::unique_ptr<Logger> log = MakeNullLogger();
  boost::asio::io_context context;
  SystemClock clock(context.get_executor());
  SystemRandom random;
  ThreadFiles files(context.get_executor(), 1);
  Env env{context.get_executor(), files, clock, random, *log};
  Spawn(context.get_executor(), Work(env, directory, work, &result));
  context.run();
  return result;
}

}  // namespace tandem::ctl
