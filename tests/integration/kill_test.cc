// One process of the daemon, or all of them, killed again and again under load.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/integration/daemon.h"
#include "tests/integration/load.h"

namespace tandem {
namespace {

constexpr int kRounds = 4;

class KillTest : public testing::TestWithParam<std::string> {
 protected:
  KillTest() : daemon_(workspace_, {.keys = {{"io_engine", GetParam()}}}) {}

  void SetUp() override {
    daemon_.Start();
    ASSERT_TRUE(daemon_.WaitServing());
    load_ = std::make_unique<Load>(daemon_);
  }

  void CheckAll() {
    ASSERT_TRUE(load_->WaitAnswers(20));
    load_->Stop();
    ASSERT_TRUE(WaitConverged(*daemon_.Connect()));
    EXPECT_EQ(daemon_.Stop(), 0);
    EXPECT_EQ(load_->Check(workspace_.OnLocal("")), "");
    EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
  }

  // Kills it again and again; the supervisor has to bring it back.
  void KillRepeatedly(const std::string& role) {
    for (int round = 0; round < kRounds; ++round) {
      ASSERT_TRUE(load_->WaitAnswers(20));
      daemon_.Kill(role);
    }
    CheckAll();
  }

  Workspace workspace_;
  Daemon daemon_;
  std::unique_ptr<Load> load_;
};

TEST_P(KillTest, CoreAlone) { KillRepeatedly("core"); }
TEST_P(KillTest, LaneOfLocalAlone) { KillRepeatedly("local"); }
TEST_P(KillTest, LaneOfCoreBankAlone) { KillRepeatedly("corebank"); }

TEST_P(KillTest, SupervisorAlone) {
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(load_->WaitAnswers(20));
    daemon_.Kill("supervisor");
    // Core and lanes end by themselves, so that nobody has to look for them.
    ASSERT_TRUE(WaitUntil([&] { return daemon_.Processes().empty(); }));
    daemon_.Start();
  }
  CheckAll();
}

TEST_P(KillTest, AllAtOnce) {
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(load_->WaitAnswers(20));
    daemon_.KillAll();
    daemon_.Start();
  }
  CheckAll();
}

INSTANTIATE_TEST_SUITE_P(Engines, KillTest, testing::Values("io_uring", "threads"),
                         [](const auto& test) {
                           return test.param == "threads" ? "Threads" : "IoUring";
                         });

}  // namespace
}  // namespace tandem
