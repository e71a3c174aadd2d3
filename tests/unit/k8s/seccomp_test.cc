// The profile that the pod asks for must let the daemon do its work, io_uring included.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "absl/time/time.h"
#include "tandem/client/client.h"
#include "tests/unit/k8s/daemon_process.h"

namespace tandem {
namespace {

constexpr const char* kProfile = TANDEM_SOURCE_DIR "/k8s/base/seccomp/tandem.json";

std::string Contents(const std::string& file) {
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Writes through every kind of operation; returns the I/O engines that core and the lanes chose.
std::set<std::string> WriteThrough(const std::string& directory, const std::string& profile) {
  DaemonProcess daemon(directory, profile);
  client::ClientOptions options;
  options.address = daemon.address();
  options.level = client::Level::kAll;
  auto client = client::Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  if (!client.ok()) return {};
  const absl::Status ready = (*client)->WaitReady(absl::Seconds(30));
  EXPECT_TRUE(ready.ok()) << ready << "\n" << daemon.Log();
  if (!ready.ok()) return {};
  EXPECT_TRUE((*client)->Put("a/b/put", "one").ok());
  EXPECT_TRUE((*client)->Append("a/log", "two").ok());
  EXPECT_TRUE((*client)->WriteAt("a/log", 1, "W").ok());
  EXPECT_TRUE((*client)->Truncate("a/log", 2).ok());
  EXPECT_TRUE((*client)->Rename("a/b/put", "a/renamed").ok());
  const auto deleted = (*client)->Delete("a/log");
  EXPECT_TRUE(deleted.ok()) << deleted.status() << "\n" << daemon.Log();
  std::set<std::string> engines;
  if (const auto status = (*client)->GetStatus(); status.ok()) {
    engines.insert(status->io_engine);
    for (const auto& target : status->targets) engines.insert(target.io_engine);
  }
  EXPECT_EQ(daemon.Stop(), 0) << daemon.Log();
  for (const char* target : {"local", "corebank"}) {
    const std::string root = directory + "/var/" + target + "/demo/a/";
    EXPECT_EQ(Contents(root + "renamed"), "one");
    EXPECT_FALSE(std::filesystem::exists(root + "log"));
  }
  return engines;
}

TEST(SeccompProfile, TheDaemonWorksUnderItWithTheEngineItHasWithoutIt) {
  std::string directory = testing::TempDir() + "/k8sXXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::set<std::string> with = WriteThrough(directory + "/with", kProfile);
  const std::set<std::string> without = WriteThrough(directory + "/without", "");
  EXPECT_EQ(with.size(), 1u);
  EXPECT_EQ(with, without);
  std::filesystem::remove_all(directory);
}

TEST(SeccompProfile, LeavesOutWhatAWriterOfFilesNeverNeeds) {
  const std::string profile = Contents(kProfile);
  for (const char* call : {"ptrace",
                           "mount",
                           "umount2",
                           "bpf",
                           "kexec_load",
                           "init_module",
                           "setns",
                           "unshare",
                           "pivot_root",
                           "chroot",
                           "keyctl",
                           "process_vm_writev",
                           "open_by_handle_at",
                           "userfaultfd",
                           "perf_event_open",
                           "reboot",
                           "swapon",
                           "settimeofday",
                           "symlink",
                           "mknod"}) {
    EXPECT_EQ(profile.find("\"" + std::string(call) + "\""), std::string::npos) << call;
  }
}

}  // namespace
}  // namespace tandem
