#include "tests/unit/k8s/daemon_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace tandem {
namespace {

// JSON is YAML. Names that this architecture does not have are left out, as the runtimes do.
scmp_filter_ctx Filter(const std::string& profile) {
  const YAML::Node root = YAML::LoadFile(profile);
  EXPECT_EQ(root["defaultAction"].Scalar(), "SCMP_ACT_ERRNO");
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(root["defaultErrnoRet"].as<uint32_t>()));
  for (const YAML::Node& rule : root["syscalls"]) {
    EXPECT_EQ(rule["action"].Scalar(), "SCMP_ACT_ALLOW");
    for (const YAML::Node& name : rule["names"]) {
      const int call = seccomp_syscall_resolve_name(name.Scalar().c_str());
      EXPECT_NE(call, __NR_SCMP_ERROR) << name.Scalar();
      if (call >= 0) {
        EXPECT_EQ(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0), 0) << name.Scalar();
      }
    }
  }
  return filter;
}

}  // namespace

DaemonProcess::DaemonProcess(std::string directory, const std::string& seccomp_profile)
    : directory_(std::move(directory)) {
  std::filesystem::create_directories(directory_);
  scmp_filter_ctx filter = seccomp_profile.empty() ? nullptr : Filter(seccomp_profile);
  process_ = ::fork();
  if (process_ != 0) {
    if (filter != nullptr) seccomp_release(filter);
    return;
  }
  const int log = ::open((directory_ + "/log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (log < 0 || ::dup2(log, STDERR_FILENO) < 0 || ::chdir(directory_.c_str()) != 0) ::_exit(99);
  if (filter != nullptr && seccomp_load(filter) != 0) ::_exit(98);
  ::execl(TANDEMD, "tandemd", "--http-address=127.0.0.1:0", static_cast<char*>(nullptr));
  ::_exit(97);
}

DaemonProcess::~DaemonProcess() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

std::string DaemonProcess::Log() const {
  std::ifstream file(directory_ + "/log");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

int DaemonProcess::Stop() {
  ::kill(process_, SIGTERM);
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace tandem
