// A supervisor in a process of its own, and its children under the test's control (fake_child.cc).
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/link/unique_fd.h"

namespace tandem {

// A hang is a failure; nothing is measured against it.
inline constexpr int kGiveUpMs = 60'000;

inline bool WaitReadable(int fd) {
  pollfd ready = {fd, POLLIN, 0};
  return poll(&ready, 1, kGiveUpMs) == 1;
}

// A child of the supervisor, under the test's control.
struct Process {
  UniqueFd socket;
  std::string hello;
  std::string name;
  pid_t pid = 0;

  std::string Next() const {
    std::array<char, 256> buffer{};
    if (!WaitReadable(socket.get())) return "nothing came";
    const ssize_t length = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (length <= 0) return "gone";
    return {buffer.data(), static_cast<size_t>(length)};
  }
  void Tell(const std::string& command) const {
    EXPECT_EQ(send(socket.get(), command.data(), command.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(command.size()));
  }
};

struct Generation {
  Process core;
  std::map<std::string, Process> lanes;
};

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    std::string folder =
        (std::filesystem::temp_directory_path() / "tandem-supervisor-XXXXXX").string();
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    sockaddr_un address = {.sun_family = AF_UNIX};
    const std::string path = SocketPath();
    std::memcpy(address.sun_path, path.data(), path.size());
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_.get(), 16), 0);
  }

  ~SupervisorTest() override {
    if (supervisor_ > 0) {
      kill(supervisor_, SIGKILL);
      waitpid(supervisor_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string SocketPath() const { return folder_ + "/socket"; }

  void Start(const std::array<const char*, 4>& options = {"1", "5", "3600000", "60000"}) {
    std::array<int, 2> log{};
    ASSERT_EQ(pipe2(log.data(), O_CLOEXEC), 0);
    log_ = UniqueFd(log[0]);
    const UniqueFd log_end(log[1]);
    const std::string socket_path = SocketPath();
    const std::array<const char*, 8> argv = {FAKE_CHILD, "supervisor", socket_path.c_str(),
                                             options[0], options[1],   options[2],
                                             options[3], nullptr};
    supervisor_ = fork();
    if (supervisor_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(log_end.get(), STDERR_FILENO);
      execv(argv[0], const_cast<char* const*>(argv.data()));
      _exit(127);
    }
  }

  // The next process that reports to the test.
  Process Accept() {
    Process process;
    if (!WaitReadable(listener_.get())) {
      ADD_FAILURE() << "no process came";
      std::abort();
    }
    process.socket = UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    process.hello = process.Next();
    const std::vector<std::string> words = absl::StrSplit(process.hello, ' ');
    process.name = words[0];
    process.pid = std::atoi(words[1].c_str());
    return process;
  }

  // A core and its lanes, linked.
  Generation AcceptGeneration() {
    Generation generation;
    for (int i = 0; i < 3; ++i) {
      Process process = Accept();
      if (process.name == "core") {
        generation.core = std::move(process);
      } else {
        generation.lanes[process.name] = std::move(process);
      }
    }
    EXPECT_EQ(generation.core.Next(), "fd local");
    EXPECT_EQ(generation.core.Next(), "fd corebank");
    for (const auto& [name, lane] : generation.lanes) {
      EXPECT_EQ(lane.Next(), absl::StrCat("link ", name, " of core ", generation.core.pid));
    }
    return generation;
  }

  // Once the supervisor knows that their core is gone: a lane that ends before is started again.
  void EndLanes(const Generation& generation) {
    NextLogLine({"child_exited", absl::StrCat("\"child_pid\":", generation.core.pid, ",")});
    for (const auto& [name, lane] : generation.lanes) {
      EXPECT_EQ(lane.Next(), "eof");
      lane.Tell("exit 0");
    }
  }

  // The supervisor's end; 128 + signal if one killed it.
  int WaitForEnd() {
    int status = 0;
    EXPECT_EQ(waitpid(std::exchange(supervisor_, 0), &status, 0) > 0, true);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  // The next line of the log that contains all of `texts`.
  std::string NextLogLine(const std::vector<std::string>& texts) {
    for (;;) {
      const size_t end = log_text_.find('\n');
      if (end != std::string::npos) {
        const std::string line = log_text_.substr(0, end);
        log_text_.erase(0, end + 1);
        bool all = true;
        for (const std::string& text : texts) all = all && absl::StrContains(line, text);
        if (all) return line;
        continue;
      }
      std::array<char, 4096> buffer{};
      if (!WaitReadable(log_.get())) return "nothing came";
      const ssize_t length = read(log_.get(), buffer.data(), buffer.size());
      if (length <= 0) return "end of the log";
      log_text_.append(buffer.data(), static_cast<size_t>(length));
    }
  }

  std::string folder_;
  UniqueFd listener_;
  UniqueFd log_;
  std::string log_text_;
  pid_t supervisor_ = 0;
};

}  // namespace tandem
