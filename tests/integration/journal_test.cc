// A journal that is taken, damaged, or on a disk that is full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/integration/daemon.h"
#include "tests/integration/load.h"

namespace tandem {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(JournalTest, ASecondDaemonOnItRefusesAndSaysWhoHasIt) {
  Workspace workspace;
  Daemon daemon(workspace);
  daemon.Start();
  ASSERT_TRUE(daemon.WaitServing());
  Workspace other;
  Daemon second(other, {.keys = {{"journal_directory", workspace.journal()}}});
  second.Start();
  EXPECT_EQ(second.WaitExit(), 73);
  EXPECT_THAT(second.Log(), HasSubstr(absl::StrCat("pid ", daemon.ProcessOf("core"), " ")));
  EXPECT_TRUE(WaitUntil([&] { return second.Processes().empty(); }));
  EXPECT_TRUE(daemon.Connect()->Put("a", "still served", {.level = client::Level::kAll}).ok());
}

TEST(JournalTest, DamageBelowWhatIsDurableRefusesTheStartAndSaysWhere) {
  Workspace workspace;
  Daemon daemon(workspace);
  daemon.Start();
  {
    const auto client = daemon.Connect();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(client->Put(absl::StrCat("file-", i), std::string(1'000, 'x')).ok());
    }
  }
  daemon.KillAll();
  const std::string segment = workspace.journal() + "/segments/0000000000000001.seg";
  std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
  constexpr int kInTheMiddle = 4096 + 5'000;
  file.seekg(kInTheMiddle);
  const char damaged = static_cast<char>(file.get() ^ 1);
  file.seekp(kInTheMiddle);
  file.put(damaged);
  file.close();
  ASSERT_TRUE(file) << segment;
  daemon.Start();
  EXPECT_EQ(daemon.WaitExit(), 65);
  EXPECT_THAT(daemon.Log(), AllOf(HasSubstr("journal damaged: segment 0000000000000001, offset "),
                                  HasSubstr(", sequence ")));
  EXPECT_TRUE(WaitUntil([&] { return daemon.Processes().empty(); }));
}

// A mount that only the daemon sees.
bool MountSmallDisk(const std::string& directory) {
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=12m") == 0;
}

TEST(JournalTest, AFullDiskPushesBackLosesNothingAndGoesOnWhenThereIsRoom) {
  Workspace workspace;
  std::filesystem::create_directories(workspace.journal());
  Daemon daemon(workspace, {.keys = {{"journal_max_bytes", "64MiB"}},
                            .in_child = [&] { return MountSmallDisk(workspace.journal()); }});
  daemon.Start();
  ASSERT_TRUE(daemon.WaitServing()) << "this test needs root and a mount namespace";
  // Nothing may leave the journal.
  daemon.Signal("corebank", SIGSTOP);
  client::ClientOptions once;
  once.address = daemon.address();
  once.retry.max_attempts = 1;
  auto client = *client::Client::Connect(once);
  const std::string payload(200'000, 'x');
  int acknowledged = 0;
  absl::Status refused;
  while (refused.ok() && acknowledged < 100) {
    refused = client->Put(absl::StrCat("file-", acknowledged), payload).status();
    if (refused.ok()) ++acknowledged;
  }
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_EQ(client::DetailOf(refused).reason, "JOURNAL_DISK_FULL") << refused;
  EXPECT_GT(acknowledged, 10);
  EXPECT_EQ(client->GetStatus()->journal.state, "DISK_FULL");
  // Segments come free when CoreBank has what they hold.
  daemon.Signal("corebank", SIGCONT);
  EXPECT_TRUE(WaitUntil([&] { return client->Put("after", payload).ok(); }));
  ASSERT_TRUE(WaitConverged(*client));
  EXPECT_EQ(daemon.Stop(), 0);
  for (int i = 0; i < acknowledged; ++i) {
    EXPECT_EQ(Contents(workspace.OnLocal(absl::StrCat("file-", i))), payload) << i;
  }
  EXPECT_EQ(TreeDifference(workspace.local(), workspace.corebank()), "");
}

// Takes all that is free on the daemon's small disk; removed by the caller.
std::string FillDisk(const Daemon& daemon, const Workspace& workspace) {
  const std::string filler =
      absl::StrCat("/proc/", daemon.ProcessOf("core"), "/root", workspace.journal(), "/filler");
  std::ofstream file(filler, std::ios::binary);
  const std::string zeros(4096, '\0');
  while (file.write(zeros.data(), static_cast<std::streamsize>(zeros.size())).flush()) {
  }
  return filler;
}

TEST(JournalTest, AFullDiskThatSomebodyElseFilledIsNoMoreThanAPause) {
  Workspace workspace;
  std::filesystem::create_directories(workspace.journal());
  Daemon daemon(workspace, {.keys = {{"journal_max_bytes", "64MiB"}},
                            .in_child = [&] { return MountSmallDisk(workspace.journal()); }});
  daemon.Start();
  ASSERT_TRUE(daemon.WaitServing()) << "this test needs root and a mount namespace";
  const auto client = daemon.Connect();
  // A lane that has saved nothing yet cannot begin on a full disk.
  for (const std::string target : {"local", "corebank"}) {
    ASSERT_TRUE(WaitHealth(*client, target, client::TargetHealth::kHealthy));
  }
  const std::string filler = FillDisk(daemon, workspace);
  Load load(daemon);
  ASSERT_TRUE(WaitUntil([&] {
    const auto status = client->GetStatus();
    return status.ok() && status->journal.state == "DISK_FULL";
  }));
  ASSERT_TRUE(std::filesystem::remove(filler));
  ASSERT_TRUE(load.WaitAnswers(20));
  load.Stop();
  ASSERT_TRUE(WaitConverged(*client));
  EXPECT_EQ(daemon.Stop(), 0);
  EXPECT_EQ(load.Check(workspace.OnLocal("")), "");
  EXPECT_EQ(TreeDifference(workspace.local(), workspace.corebank()), "");
}

TEST(JournalTest, AtItsCapItPushesBackAndGoesOnWhenTargetsHaveCaughtUp) {
  Workspace workspace;
  Daemon daemon(workspace);
  daemon.Start();
  ASSERT_TRUE(daemon.WaitServing());
  daemon.Signal("corebank", SIGSTOP);
  client::ClientOptions once;
  once.address = daemon.address();
  once.retry.max_attempts = 1;
  auto client = *client::Client::Connect(once);
  absl::Status refused;
  for (int i = 0; refused.ok() && i < 100; ++i) {
    refused = client->Put(absl::StrCat("file-", i), std::string(200'000, 'x')).status();
  }
  EXPECT_EQ(client::DetailOf(refused).reason, "JOURNAL_FULL") << refused;
  daemon.Signal("corebank", SIGCONT);
  EXPECT_TRUE(WaitUntil([&] { return client->Put("after", "x").ok(); }));
  EXPECT_TRUE(WaitConverged(*client));
  EXPECT_EQ(daemon.Stop(), 0);
  EXPECT_EQ(TreeDifference(workspace.local(), workspace.corebank()), "");
}

}  // namespace
}  // namespace tandem
