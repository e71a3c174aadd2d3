// The processes of supervisor_test: a real supervisor with children that do what the test tells
// them. Every child connects to the test's socket, says who it is, reports what happens to it and
// obeys. Ends when the test does.
//
//   fake_child supervisor SOCKET INITIAL_MS MAX_MS STABLE_MS LANES_LIMIT_MS
//   fake_child core SOCKET FD core SHARED_FD
//   fake_child lane SOCKET FD NAME SHARED_FD
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/link/fd_passing.h"
#include "daemon/supervisor/supervisor.h"

namespace tandem {
namespace {

int64_t Number(absl::string_view text) {
  int64_t number = 0;
  TANDEM_CHECK(absl::SimpleAtoi(text, &number));
  return number;
}

// The production logger's lines, written at once.
class LineLogger final : public Logger {
 public:
  void Log(LogLevel, absl::string_view event, std::vector<LogField> fields) override {
    std::string line = absl::StrCat("{\"event\":", JsonString(event));
    for (const LogField& field : fields) {
      absl::StrAppend(&line, ",", JsonString(field.key), ":", field.json);
    }
    line += "}\n";
    TANDEM_CHECK(write(STDERR_FILENO, line.data(), line.size()) ==
                 static_cast<ssize_t>(line.size()));
  }
};

int RunAsSupervisor(const std::vector<std::string>& args) {
  // As process 1 of a container does, adopt orphans.
  TANDEM_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  // What a careless library could leave open.
  TANDEM_CHECK(fcntl(STDERR_FILENO, F_DUPFD, 100) == 100);
  SupervisorOptions options;
  options.core = {.name = "core", .argv = {"fake", "core", args[2], "{fd}", "core", "{shared}"}};
  for (const char* name : {"local", "corebank"}) {
    options.lanes.push_back(
        {.name = name, .argv = {"fake", "lane", args[2], "{fd}", name, "{shared}"}, .nice = 3});
  }
  options.restart = {
      .initial_ms = Number(args[3]), .max_ms = Number(args[4]), .stable_after_ms = Number(args[5])};
  options.lanes_exit_limit_ms = Number(args[6]);
  LineLogger log;
  // What the children share is one digit: how many hangups there were. Only the first is news.
  options.shared_fd = memfd_create("shared", MFD_CLOEXEC);
  TANDEM_CHECK(pwrite(options.shared_fd, "0", 1, 0) == 1);
  options.on_hangup = [&, hangups = 0]() mutable {
    ++hangups;
    TANDEM_CHECK(pwrite(options.shared_fd, absl::StrCat(hangups).data(), 1, 0) == 1);
    log.Info("hangup");
    return hangups == 1;
  };
  return RunSupervisor(options, log);
}

class FakeChild {
 public:
  FakeChild(const std::string& socket_path, int inherited_fd)
      : inherited_fd_(inherited_fd), test_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {.sun_family = AF_UNIX};
    TANDEM_CHECK(socket_path.size() < sizeof(address.sun_path));
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    if (connect(test_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) _exit(0);
  }

  void Report(const std::string& what) {
    if (send(test_, what.data(), what.size(), MSG_NOSIGNAL) < 0) _exit(0);
  }

  void CatchSignals() {
    // It was ignored until now; what is ignored does not wait either.
    std::signal(SIGHUP, SIG_DFL);
    sigset_t caught;
    sigemptyset(&caught);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&caught, signal);
    sigprocmask(SIG_BLOCK, &caught, nullptr);
    signals_ = signalfd(-1, &caught, SFD_CLOEXEC);
  }

  [[noreturn]] void Obey(bool is_core) {
    for (;;) {
      std::array<pollfd, 3> fds = {pollfd{test_, POLLIN, 0}, pollfd{inherited_fd_, POLLIN, 0},
                                   pollfd{signals_, POLLIN, 0}};
      poll(fds.data(), fds.size(), -1);
      if (fds[0].revents != 0) ObeyOne();
      if (fds[1].revents != 0) is_core ? TakeLink() : ReadLink();
      if (fds[2].revents != 0) {
        signalfd_siginfo info = {};
        TANDEM_CHECK(read(signals_, &info, sizeof(info)) == sizeof(info));
        Report(absl::StrCat("signal ", info.ssi_signo));
      }
    }
  }

 private:
  void ObeyOne() {
    std::array<char, 64> buffer{};
    const ssize_t length = recv(test_, buffer.data(), buffer.size(), 0);
    if (length <= 0) _exit(0);
    absl::string_view command(buffer.data(), static_cast<size_t>(length));
    if (absl::ConsumePrefix(&command, "exit ")) _exit(static_cast<int>(Number(command)));
    if (command == "die") raise(SIGKILL);
    if (command == "orphan") MakeOrphan();
  }

  // A child that ends when this process has.
  void MakeOrphan() {
    std::array<int, 2> fds{};
    TANDEM_CHECK(pipe2(fds.data(), O_CLOEXEC) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
      close(fds[1]);
      close(test_);
      close(inherited_fd_);
      char byte = 0;
      _exit(read(fds[0], &byte, 1) == 0 ? 0 : 1);
    }
    Report(absl::StrCat("orphan ", pid));
  }

  void TakeLink() {
    absl::StatusOr<TaggedFd> link = ReceiveFd(inherited_fd_);
    if (!link.ok()) {
      Ended();
      return;
    }
    const std::string text = absl::StrCat("link ", link->tag, " of core ", getpid());
    TANDEM_CHECK(send(link->fd.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0 ||
                 errno == EPIPE);
    Report(absl::StrCat("fd ", link->tag));
    links_.push_back(std::move(link->fd));
  }

  void ReadLink() {
    std::array<char, 64> buffer{};
    const ssize_t length = recv(inherited_fd_, buffer.data(), buffer.size(), 0);
    if (length <= 0) {
      Ended();
      return;
    }
    Report(std::string(buffer.data(), static_cast<size_t>(length)));
  }

  void Ended() {
    Report("eof");
    close(inherited_fd_);
    inherited_fd_ = -1;
  }

  int inherited_fd_;
  int test_;
  int signals_ = -1;
  std::vector<UniqueFd> links_;
};

[[noreturn]] void RunAsChild(const std::vector<std::string>& args) {
  const bool is_core = args[1] == "core";
  const int inherited_fd = static_cast<int>(Number(args[3]));
  int open_fds = 0;
  for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd) open_fds += fcntl(fd, F_GETFD) != -1;
  FakeChild child(args[2], inherited_fd);
  child.CatchSignals();
  char shared = '?';
  TANDEM_CHECK(pread(static_cast<int>(Number(args[5])), &shared, 1, 0) == 1);
  child.Report(absl::StrCat(args[4], " ", getpid(), " fds ", open_fds, " group ",
                            getpgrp() == getpid() ? "own" : "shared", " nice ",
                            getpriority(PRIO_PROCESS, 0), " shared ", std::string(1, shared)));
  child.Obey(is_core);
}

}  // namespace
}  // namespace tandem

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv, argv + argc);
  if (args.size() == 7 && args[1] == "supervisor") return tandem::RunAsSupervisor(args);
  if (args.size() < 6) return 2;
  tandem::RunAsChild(args);
}
