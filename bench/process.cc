#include "bench/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tandem::bench {
namespace {

namespace fs = std::filesystem;

// The number of a line "key:   number ..." of a text; 0 if it is not there.
uint64_t NumberOf(const std::string& text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, key) || !absl::ConsumePrefix(&line, ":")) continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint64_t number = 0;
    if (!words.empty() && absl::SimpleAtoi(words[0], &number)) return number;
  }
  return 0;
}

double CpuSeconds(pid_t process) {
  const std::string stat = Contents(absl::StrCat("/proc/", process, "/stat"));
  const size_t name_end = stat.rfind(')');  // the name may hold spaces
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 2), ' ');
  uint64_t user = 0;
  uint64_t system = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user) ||
      !absl::SimpleAtoi(fields[12], &system)) {
    return 0;
  }
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t ContextSwitches(pid_t process) {
  uint64_t sum = 0;
  std::error_code error;
  for (const auto& thread :
       fs::directory_iterator(absl::StrCat("/proc/", process, "/task"), error)) {
    const std::string status = Contents(thread.path() / "status");
    sum += NumberOf(status, "voluntary_ctxt_switches");
    sum += NumberOf(status, "nonvoluntary_ctxt_switches");
  }
  return sum;
}

}  // namespace

absl::Status ChildProcess::Start(const std::vector<std::string>& arguments,
                                 const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid_ > 0) return absl::OkStatus();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0 || dup2(file, STDERR_FILENO) < 0 || dup2(file, STDOUT_FILENO) < 0) _exit(99);
  execv(argv[0], argv.data());
  _exit(97);
}

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

void ChildProcess::Wait() {
  while (pid_ > 0 && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void ChildProcess::Kill() {
  Signal(SIGKILL);
  Wait();
}

ProcessUse UseOf(pid_t process, bool with_pss) {
  const std::string directory = absl::StrCat("/proc/", process);
  return {.rss_kib = NumberOf(Contents(directory + "/status"), "VmRSS"),
          .pss_kib = with_pss ? NumberOf(Contents(directory + "/smaps_rollup"), "Pss") : 0,
          .cpu_seconds = CpuSeconds(process),
          .context_switches = ContextSwitches(process)};
}

std::vector<pid_t> AllProcesses() {
  std::vector<pid_t> all;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    pid_t process = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &process)) all.push_back(process);
  }
  return all;
}

std::vector<std::string> CommandLineOf(pid_t process) {
  std::string text = Contents(absl::StrCat("/proc/", process, "/cmdline"));
  if (!text.empty()) text.pop_back();
  if (text.empty()) return {};
  return absl::StrSplit(text, '\0');
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  return std::move(content).str();
}

}  // namespace tandem::bench
