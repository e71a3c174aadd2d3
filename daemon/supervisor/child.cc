#include "daemon/supervisor/child.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

constexpr int kChildFd = 3;
constexpr int kSharedFd = 4;
constexpr int kCannotExecute = 127;

// Between fork and exec: async-signal-safe calls only, as other threads may hold any lock.
[[noreturn]] void BecomeChild(const char* executable, char* const* argv, int inherited_fd,
                              int shared_fd, int nice) {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, nullptr);
  }
  struct sigaction ignored = {};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGHUP, &ignored, nullptr);
  setpgid(0, 0);
  if (getpriority(PRIO_PROCESS, 0) < nice) setpriority(PRIO_PROCESS, 0, nice);
  // Out of each other's way first.
  const int own = fcntl(inherited_fd, F_DUPFD, kSharedFd + 1);
  const int shared = shared_fd < 0 ? -1 : fcntl(shared_fd, F_DUPFD, kSharedFd + 1);
  if (own < 0 || dup2(own, kChildFd) < 0) _exit(kCannotExecute);
  if (shared_fd >= 0 && (shared < 0 || dup2(shared, kSharedFd) < 0)) _exit(kCannotExecute);
  // Ours are close-on-exec already; this is for what a library or our own parent left open.
  close_range(shared_fd >= 0 ? kSharedFd + 1 : kChildFd + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(executable, argv);
  _exit(kCannotExecute);
}

}  // namespace

absl::StatusOr<pid_t> StartChild(const std::string& executable, const ChildSpec& spec,
                                 int inherited_fd, int shared_fd) {
  std::vector<std::string> arguments;
  for (const std::string& argument : spec.argv) {
    arguments.push_back(
        absl::StrReplaceAll(argument, {{kFdPlaceholder, absl::StrCat(kChildFd)},
                                       {kSharedFdPlaceholder, absl::StrCat(kSharedFd)}}));
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  // A signal must not run the parent's handlers in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) BecomeChild(executable.c_str(), argv.data(), inherited_fd, shared_fd, spec.nice);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return ErrnoStatus(error, absl::StrCat("fork for ", spec.name));
  return pid;
}

}  // namespace tandem
