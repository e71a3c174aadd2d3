#include "bench/daemon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tandem::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kStartLimitSeconds = 30;
constexpr int kDrainLimitSeconds = 300;

// Polls until `done`; false: `limit_s` seconds passed.
bool WaitUntil(const std::function<bool()>& done, int limit_s, milliseconds pause) {
  const auto end = steady_clock::now() + seconds(limit_s);
  while (!done()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

uint16_t FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  const bool bound = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(probe);
  return bound ? ntohs(address.sin_port) : 0;
}

std::string HttpGet(uint16_t port, const std::string& path) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  std::string answer;
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: localhost\r\n\r\n");
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(connection, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[16'384];
    ssize_t got = 0;
    while ((got = recv(connection, buffer, sizeof(buffer), 0)) > 0) {
      answer.append(buffer, static_cast<size_t>(got));
    }
  }
  close(connection);
  return answer;
}

// "supervisor", "core" or the lane's target, from a command line.
std::string RoleOf(const std::vector<std::string>& arguments) {
  for (absl::string_view argument : arguments) {
    if (absl::ConsumePrefix(&argument, "--internal-target=")) return std::string(argument);
    if (absl::ConsumePrefix(&argument, "--internal-core=")) return "core";
  }
  return "supervisor";
}

bool Accepts(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool accepts =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return accepts;
}

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status WaitForSocket(const std::string& socket, int limit_s) {
  if (WaitUntil([&] { return Accepts(socket); }, limit_s, milliseconds(1))) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("nobody listens at ", socket));
}

Daemon::Daemon(std::string binary, std::string directory)
    : binary_(std::move(binary)), directory_(std::move(directory)), http_port_(FreePort()) {
  // The children of a killed supervisor become ours, so that their end is seen.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

absl::Status Daemon::Start() {
  for (const char* name : {"local", "corebank", "journal"}) {
    std::filesystem::create_directories(absl::StrCat(directory_, "/", name));
  }
  return supervisor_.Start(
      {binary_, absl::StrCat("--local-efs-path=", directory_, "/local"),
       absl::StrCat("--corebank-efs-path=", directory_, "/corebank"),
       absl::StrCat("--journal-directory=", directory_, "/journal"),
       absl::StrCat("--socket-path=", socket()),
       absl::StrCat("--http-address=127.0.0.1:", http_port_), "--writer-name=bench",
       "--initialize-targets=true", "--require-mount=false", "--journal-on-volatile=true",
       // A bench writes more in its minutes than an application in a quarter of an hour.
       "--max-request-ids=20000000", "--journal-retention=10s", "--request-id-window=60s"},
      log());
}

absl::Status Daemon::WaitHealthy() {
  const bool healthy = WaitUntil(
      [&] {
        const auto status = Status();
        if (!status.ok() || status->targets_size() != 2) return false;
        return std::all_of(status->targets().begin(), status->targets().end(),
                           [](const auto& t) { return t.health() == v1::TARGET_HEALTH_HEALTHY; });
      },
      kStartLimitSeconds, milliseconds(20));
  if (healthy) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("tandemd is not ready:\n", Contents(log())));
}

void Daemon::Stop() {
  supervisor_.Signal(SIGTERM);
  supervisor_.Wait();
}

void Daemon::KillAll() {
  supervisor_.Kill();  // first: it would start the others again
  (void)WaitUntil(
      [&] {
        const auto processes = Processes();
        for (const auto& [role, process] : processes) {
          kill(process, SIGKILL);
          waitpid(process, nullptr, WNOHANG);
        }
        return processes.empty();
      },
      kStartLimitSeconds, milliseconds(5));
}

absl::Status Daemon::Signal(const std::string& role, int signal) const {
  const auto processes = Processes();
  const auto found = processes.find(role);
  if (found == processes.end()) return absl::NotFoundError(absl::StrCat("no process ", role));
  return kill(found->second, signal) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "kill");
}

std::map<std::string, pid_t> Daemon::Processes() const {
  const std::string mark = "--socket-path=" + socket();
  std::map<std::string, pid_t> processes;
  for (const pid_t process : AllProcesses()) {
    const auto arguments = CommandLineOf(process);
    if (std::find(arguments.begin(), arguments.end(), mark) == arguments.end()) continue;
    processes[RoleOf(arguments)] = process;
  }
  return processes;
}

absl::StatusOr<v1::GetStatusResponse> Daemon::Status() {
  const auto stub = v1::AdminService::NewStub(Connect(socket()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(5));
  v1::GetStatusResponse response;
  const grpc::Status status = stub->GetStatus(&context, {}, &response);
  if (!status.ok()) return absl::UnavailableError(status.error_message());
  return response;
}

absl::Status Daemon::Drain() {
  const bool drained = WaitUntil(
      [&] {
        const auto status = Status();
        return status.ok() &&
               std::all_of(status->targets().begin(), status->targets().end(),
                           [](const auto& target) { return target.lag_writes() == 0; });
      },
      kDrainLimitSeconds, milliseconds(50));
  return drained ? absl::OkStatus() : absl::DeadlineExceededError("the targets do not catch up");
}

uint64_t Daemon::LagBytes(const std::string& target) {
  const auto status = Status();
  if (!status.ok()) return 0;
  for (const auto& one : status->targets()) {
    if (one.name() == target) return one.lag_bytes();
  }
  return 0;
}

RoleUse Daemon::Use(bool with_pss) const {
  RoleUse use;
  for (const auto& [role, process] : Processes()) use[role] = UseOf(process, with_pss);
  return use;
}

double Daemon::Metric(const std::string& name) const {
  const std::string text = HttpGet(http_port_, "/metrics");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    double value = 0;
    if (absl::ConsumePrefix(&line, name) && absl::ConsumePrefix(&line, " ") &&
        absl::SimpleAtod(absl::StripTrailingAsciiWhitespace(line), &value)) {
      return value;
    }
  }
  return 0;
}

}  // namespace tandem::bench
