#include "daemon/supervisor/child.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

constexpr int kChildFd = 3;
constexpr int kCannotExecute = 127;

// Between fork and exec: async-signal-safe calls only, as other threads may hold any lock.
[[noreturn]] void BecomeChild(const char* executable, char* const* argv, int inherited_fd) {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, nullptr);
  }
  setpgid(0, 0);
  if (inherited_fd == kChildFd) {
    if (fcntl(kChildFd, F_SETFD, 0) != 0) _exit(kCannotExecute);
  } else if (dup2(inherited_fd, kChildFd) < 0) {
    _exit(kCannotExecute);
  }
  // Ours are close-on-exec already; this is for what a library or our own parent left open.
  close_range(kChildFd + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(executable, argv);
  _exit(kCannotExecute);
}

}  // namespace

absl::StatusOr<pid_t> StartChild(const std::string& executable, const ChildSpec& spec,
                                 int inherited_fd) {
  std::vector<std::string> arguments;
  for (const std::string& argument : spec.argv) {
    arguments.push_back(absl::StrReplaceAll(argument, {{kFdPlaceholder, absl::StrCat(kChildFd)}}));
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
  if (pid == 0) BecomeChild(executable.c_str(), argv.data(), inherited_fd);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return ErrnoStatus(error, absl::StrCat("fork for ", spec.name));
  return pid;
}

}  // namespace tandem
