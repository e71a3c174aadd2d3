#include "tests/integration/daemon.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

// "supervisor", "core" or the lane's target, from a command line.
std::string RoleOf(const std::vector<std::string>& arguments) {
  for (absl::string_view argument : arguments) {
    if (absl::ConsumePrefix(&argument, "--internal-target=")) return std::string(argument);
    if (absl::ConsumePrefix(&argument, "--internal-core=")) return "core";
  }
  return "supervisor";
}

// A process that ended and waits for its parent has no command line.
std::vector<std::string> CommandLineOf(pid_t process) {
  std::string text = Contents(absl::StrCat("/proc/", process, "/cmdline"));
  if (!text.empty()) text.pop_back();
  if (text.empty()) return {};
  return absl::StrSplit(text, '\0');
}

std::vector<pid_t> AllProcesses() {
  std::vector<pid_t> all;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t process = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error == std::errc() && end == name.data() + name.size()) all.push_back(process);
  }
  return all;
}

}  // namespace

Daemon::Daemon(const Workspace& workspace, DaemonOptions options)
    : workspace_(workspace), options_(std::move(options)) {
  // The children of a killed supervisor become ours, so that we can wait for their end.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Daemon::~Daemon() {
  KillAll();
  if (testing::Test::HasFailure()) fprintf(stderr, "--- the daemon's log:\n%s", Log().c_str());
}

std::vector<std::string> Daemon::Arguments() const {
  std::map<std::string, std::string> keys = {{"local_efs_path", workspace_.local()},
                                             {"corebank_efs_path", workspace_.corebank()},
                                             {"journal_directory", workspace_.journal()},
                                             {"socket_path", workspace_.socket()},
                                             {"http_address", "127.0.0.1:0"},
                                             {"writer_name", "w"},
                                             {"initialize_targets", "true"},
                                             {"require_mount", "false"},
                                             {"journal_on_volatile", "true"},
                                             {"journal_segment_bytes", "1MiB"},
                                             {"journal_max_bytes", "8MiB"},
                                             {"journal_reserve_bytes", "1MiB"},
                                             {"batch_size", "256KiB"},
                                             {"max_write_bytes", "256KiB"},
                                             {"max_upload_bytes", "2MiB"},
                                             {"retry_max", "200ms"},
                                             {"path_state_limit", "2s"},
                                             {"io_threads", "16"}};
  for (const auto& [key, value] : options_.keys) keys[key] = value;
  std::vector<std::string> arguments = {options_.binary};
  for (const auto& [key, value] : keys) {
    if (value.empty()) continue;
    arguments.push_back(absl::StrCat("--", absl::StrReplaceAll(key, {{"_", "-"}}), "=", value));
  }
  return arguments;
}

void Daemon::Start(DaemonOptions options) {
  options_ = std::move(options);
  Start();
}

void Daemon::Start() {
  ASSERT_TRUE(Processes().empty()) << "the daemon runs already";
  exit_status_.reset();
  std::vector<std::string> arguments = Arguments();
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string log = workspace_.root() + "/log";
  supervisor_ = fork();
  if (supervisor_ != 0) {
    ASSERT_GT(supervisor_, 0);
    return;
  }
  setsid();
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (file < 0 || dup2(file, STDERR_FILENO) < 0 || dup2(file, STDOUT_FILENO) < 0) _exit(99);
  for (const auto& [name, value] : options_.environment) setenv(name.c_str(), value.c_str(), 1);
  if (options_.in_child && !options_.in_child()) {
    dprintf(STDERR_FILENO, "the test could not prepare the process: %s\n", strerror(errno));
    _exit(98);
  }
  execv(argv[0], argv.data());
  _exit(97);
}

bool Daemon::WaitServing() {
  const auto client = Connect();
  const absl::Status ready = client->WaitReady(absl::Seconds(60));
  EXPECT_TRUE(ready.ok()) << ready;
  return ready.ok();
}

std::map<std::string, pid_t> Daemon::Processes() const {
  const std::string mark = "--socket-path=" + workspace_.socket();
  std::map<std::string, pid_t> processes;
  for (const pid_t process : AllProcesses()) {
    const std::vector<std::string> arguments = CommandLineOf(process);
    if (std::find(arguments.begin(), arguments.end(), mark) == arguments.end()) continue;
    // Between fork and exec a child looks like its parent.
    const std::string role = RoleOf(arguments);
    if (role == "supervisor" && process != supervisor_) continue;
    processes[role] = process;
  }
  return processes;
}

pid_t Daemon::ProcessOf(const std::string& role) const {
  const auto processes = Processes();
  const auto found = processes.find(role);
  return found == processes.end() ? 0 : found->second;
}

void Daemon::Signal(const std::string& role, int signal) {
  pid_t process = 0;
  ASSERT_TRUE(WaitUntil([&] { return (process = ProcessOf(role)) != 0; })) << "no " << role;
  kill(process, signal);
}

void Daemon::Kill(const std::string& role) {
  pid_t process = 0;
  ASSERT_TRUE(WaitUntil([&] { return (process = ProcessOf(role)) != 0; })) << "no " << role;
  kill(process, SIGKILL);
  if (process == supervisor_) {
    ASSERT_EQ(WaitExit(), -SIGKILL);
    return;
  }
  ASSERT_TRUE(WaitUntil([&] {
    waitpid(process, nullptr, WNOHANG);
    return CommandLineOf(process).empty();
  }));
}

void Daemon::KillAll() {
  const bool gone = WaitUntil([&] {
    const auto processes = Processes();
    // The supervisor first: it would start the others again.
    if (processes.contains("supervisor")) kill(processes.at("supervisor"), SIGKILL);
    for (const auto& [role, process] : processes) {
      kill(process, SIGKILL);
      if (process != supervisor_) waitpid(process, nullptr, WNOHANG);
    }
    return processes.empty();
  });
  EXPECT_TRUE(gone) << "a process of the daemon does not go";
  if (supervisor_ > 0) (void)WaitExit();
}

std::optional<int> Daemon::WaitExit() {
  (void)WaitUntil([&] {
    int status = 0;
    if (supervisor_ > 0 && waitpid(supervisor_, &status, WNOHANG) == supervisor_) {
      exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
      supervisor_ = -1;
    }
    return exit_status_.has_value();
  });
  return exit_status_;
}

std::optional<int> Daemon::Stop() {
  if (supervisor_ > 0) kill(supervisor_, SIGTERM);
  return WaitExit();
}

std::string Daemon::Log() const { return Contents(workspace_.root() + "/log"); }

std::unique_ptr<client::Client> Daemon::Connect() const {
  client::ClientOptions options;
  options.address = address();
  options.timeout = absl::Seconds(60);
  options.retry.max_backoff = absl::Milliseconds(200);
  auto client = client::Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

std::optional<client::TargetStatus> StatusOf(client::Client& client, absl::string_view target) {
  const auto status = client.GetStatus();
  if (!status.ok()) return std::nullopt;
  for (const client::TargetStatus& each : status->targets) {
    if (each.name == target) return each;
  }
  return std::nullopt;
}

bool WaitHealth(client::Client& client, absl::string_view target, client::TargetHealth health) {
  return WaitUntil([&] {
    const auto status = StatusOf(client, target);
    return status.has_value() && status->health == health;
  });
}

bool WaitConverged(client::Client& client) {
  return WaitUntil([&] {
    const auto status = client.GetStatus();
    return status.ok() && !status->targets.empty() &&
           std::all_of(status->targets.begin(), status->targets.end(), [&](const auto& target) {
             return target.lag_writes == 0 && target.parked_writes == 0 &&
                    target.applied_sequence >= status->journal.durable_sequence;
           });
  });
}

}  // namespace tandem
