// What a start refuses, and with which engine it goes on where io_uring is denied.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/daemon.h"
#include "tests/integration/load.h"

namespace tandem {
namespace {

using testing::HasSubstr;

class RefusedStartTest : public testing::Test {
 protected:
  void ExpectRefused(std::map<std::string, std::string> keys, const std::string& why) {
    Daemon daemon(workspace_, {.keys = std::move(keys)});
    daemon.Start();
    EXPECT_EQ(daemon.WaitExit(), 78);
    EXPECT_THAT(daemon.Log(), HasSubstr(why));
    EXPECT_FALSE(std::filesystem::exists(workspace_.local() + "/.tandem"));
  }

  Workspace workspace_;
};

TEST_F(RefusedStartTest, BothTargetsAreTheSameDirectory) {
  ExpectRefused({{"corebank_efs_path", workspace_.local()}}, "are the same directory");
}

TEST_F(RefusedStartTest, BothTargetsAreTheSameDirectoryThroughALink) {
  std::filesystem::create_symlink(workspace_.local(), workspace_.root() + "/link");
  ExpectRefused({{"corebank_efs_path", workspace_.root() + "/link"}}, "are the same directory");
}

TEST_F(RefusedStartTest, OneTargetIsInsideTheOther) {
  ExpectRefused({{"corebank_efs_path", workspace_.local() + "/inside"}},
                "lie one inside the other");
}

TEST_F(RefusedStartTest, TheJournalIsInsideATarget) {
  ExpectRefused({{"journal_directory", workspace_.local() + "/journal"}}, "is inside target");
}

TEST_F(RefusedStartTest, TcpWithoutMutualTls) {
  ExpectRefused({{"tcp_address", "127.0.0.1:0"}}, "TCP is served only with mutual TLS");
}

// What the journal owes it would be dropped, and `ALL` answered without it.
TEST(StartTest, ATargetThatIsNotConfiguredAnyMoreIsNotForgotten) {
  Workspace workspace;
  Daemon daemon(workspace, {});
  daemon.Start();
  ASSERT_TRUE(daemon.WaitServing());
  ASSERT_TRUE(daemon.Connect()->Put("a", "x", {.level = client::Level::kAll}).ok());
  daemon.KillAll();
  daemon.Start({.keys = {{"corebank_efs_path", ""}}});
  EXPECT_EQ(daemon.WaitExit(), 78);
  EXPECT_THAT(daemon.Log(), HasSubstr("target 'corebank' is not configured any more"));
  std::filesystem::remove_all(workspace.journal() + "/lanes/corebank");
  daemon.Start();
  EXPECT_TRUE(daemon.WaitServing());
}

// Of a core that only finishes, or of somebody else: it may be free by the next try.
TEST(StartTest, APortThatIsTakenIsNoReasonToGiveUpForGood) {
  const int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(holder, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(holder, 1), 0);
  ASSERT_EQ(getsockname(holder, reinterpret_cast<sockaddr*>(&address), &length), 0);
  Workspace workspace;
  Daemon daemon(workspace,
                {.keys = {{"http_address", absl::StrCat("127.0.0.1:", ntohs(address.sin_port))}}});
  daemon.Start();
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(daemon.Log(), "core_not_started"); }));
  close(holder);
  EXPECT_TRUE(daemon.WaitServing());
}

TEST_F(RefusedStartTest, AKeyThatNobodyKnows) {
  ExpectRefused({{"corebank_efs_pth", "/nowhere"}}, "corebank-efs-pth");
}

bool DenyIoUring() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  bool denied = filter != nullptr;
  for (const char* name : {"io_uring_setup", "io_uring_enter", "io_uring_register"}) {
    denied = denied && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
                                        seccomp_syscall_resolve_name(name), 0) == 0;
  }
  return denied && seccomp_load(filter) == 0;
}

TEST(DeniedIoUringTest, EveryProcessTakesTheThreadEngineAndNothingElseChanges) {
  Workspace workspace;
  Daemon daemon(workspace, {.keys = {{"io_engine", "auto"}}, .in_child = DenyIoUring});
  daemon.Start();
  ASSERT_TRUE(daemon.WaitServing());
  const auto client = daemon.Connect();
  ASSERT_TRUE(client->Put("first", "x", {.level = client::Level::kAll}).ok());
  const auto status = client->GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->io_engine, "threads");
  for (const auto& target : status->targets) EXPECT_EQ(target.io_engine, "threads");
  Load load(daemon);
  ASSERT_TRUE(load.WaitAnswers(20));
  load.Stop();
  ASSERT_TRUE(WaitConverged(*client));
  EXPECT_EQ(daemon.Stop(), 0);
  EXPECT_EQ(Contents(workspace.OnCoreBank("first")), "x");
  EXPECT_EQ(TreeDifference(workspace.local(), workspace.corebank()), "");
}

}  // namespace
}  // namespace tandem
