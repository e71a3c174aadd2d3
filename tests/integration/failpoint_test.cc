// The daemon dies at a named point under load; started again, it has lost and doubled nothing.
#include <gtest/gtest.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/daemon.h"
#include "tests/integration/load.h"

namespace tandem {
namespace {

struct NamedFailpoint {
  const char* name;
  const char* failpoint;    // LOCAL and COREBANK stand for the targets' directories
  bool at_restart = false;  // dies while it recovers from an earlier kill
  friend void PrintTo(const NamedFailpoint& point, std::ostream* out) { *out << point.name; }
};

constexpr NamedFailpoint kFailpoints[] = {
    {"BeforeJournalWrite", "role=core,op=write,path=.seg,n=60,when=before"},
    {"AfterWriteBeforeSync", "role=core,op=sync,path=.seg,n=60,when=before"},
    {"AfterSyncBeforeAcknowledgement", "role=core,op=sync,path=.seg,n=60,when=after"},
    {"AfterAcknowledgementBeforeApply",
     "role=local,op=write,path=LOCAL,not_path=/.tandem/,n=20,when=before"},
    {"BetweenTheTargets",
     "role=corebank,op=rename,path=receipt-,own_root=COREBANK,other_root=LOCAL,n=10,when=before"},
    {"DuringALedgersWrite", "role=corebank,op=write,path=ledger-,n=10,when=after"},
    {"DuringRecovery", "role=core,op=read,path=.seg,n=3,when=before", true},
    {"AfterRecoverysFirstSync", "role=core,op=sync,path=.seg,n=1,when=after", true},
    {"BeforeASegmentsName", "role=core,op=rename,path=.seg,to=0,n=2,when=before"},
    {"BeforeRetirement", "role=core,op=rename,path=.seg,to=free-,n=1,when=before"},
    {"AfterRetirementsRename", "role=core,op=rename,path=.seg,to=free-,n=2,when=after"},
    {"DuringALanesCheckpoint", "role=local,op=sync,path=lanes/local/state,n=4,when=before"},
    {"AfterALanesCheckpoint", "role=corebank,op=sync,path=lanes/corebank/state,n=4,when=after"},
};

class FailpointTest : public testing::TestWithParam<std::tuple<std::string, NamedFailpoint>> {
 protected:
  [[nodiscard]] DaemonOptions Normal() const {
    return {.keys = {{"io_engine", std::get<0>(GetParam())}}};
  }
  [[nodiscard]] DaemonOptions Dying() const {
    DaemonOptions options = Normal();
    options.binary = TANDEMD_FAILPOINTS;
    options.environment["FAILPOINT"] =
        absl::StrReplaceAll(std::get<1>(GetParam()).failpoint,
                            {{"COREBANK", workspace_.corebank()}, {"LOCAL", workspace_.local()}});
    return options;
  }

  Workspace workspace_;
};

TEST_P(FailpointTest, LosesAndDoublesNothing) {
  Daemon daemon(workspace_);
  const bool at_restart = std::get<1>(GetParam()).at_restart;
  daemon.Start(at_restart ? Normal() : Dying());
  Load load(daemon);
  if (at_restart) {
    ASSERT_TRUE(load.WaitAnswers(30));
    daemon.KillAll();
    daemon.Start(Dying());
  }
  ASSERT_EQ(daemon.WaitExit(), -SIGKILL) << "the failpoint was not reached";
  daemon.KillAll();

  daemon.Start(Normal());
  ASSERT_TRUE(load.WaitAnswers(20));
  load.Stop();
  ASSERT_TRUE(WaitConverged(*daemon.Connect()));
  EXPECT_EQ(daemon.Stop(), 0);
  EXPECT_EQ(load.Check(workspace_.OnLocal("")), "");
  EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
}

INSTANTIATE_TEST_SUITE_P(Engines, FailpointTest,
                         testing::Combine(testing::Values("io_uring", "threads"),
                                          testing::ValuesIn(kFailpoints)),
                         [](const auto& test) {
                           return absl::StrCat(
                               std::get<0>(test.param) == "threads" ? "Threads" : "IoUring",
                               std::get<1>(test.param).name);
                         });

}  // namespace
}  // namespace tandem
