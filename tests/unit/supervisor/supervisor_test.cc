#include "daemon/supervisor/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/unit/supervisor/supervisor_fixture.h"

namespace tandem {
namespace {

TEST_F(SupervisorTest, StartsCoreAndALanePerTargetAndLinksThem) {
  Start();
  const Generation generation = AcceptGeneration();
  EXPECT_EQ(generation.lanes.size(), 2U);
  EXPECT_THAT(NextLogLine({"child_started", "\"core\""}),
              testing::HasSubstr(absl::StrCat("\"child_pid\":", generation.core.pid)));
}

TEST_F(SupervisorTest, ChildrenInheritTheirOneDescriptorAndAGroupOfTheirOwn) {
  Start();
  const Generation generation = AcceptGeneration();
  const int nice = getpriority(PRIO_PROCESS, 0);
  const auto hello = [](int own_nice) {
    return testing::EndsWith(absl::StrCat("fds 2 group own nice ", own_nice, " shared 0"));
  };
  EXPECT_THAT(generation.core.hello, hello(nice));
  EXPECT_THAT(generation.lanes.at("local").hello, hello(std::max(nice, 3)));
  EXPECT_THAT(generation.lanes.at("corebank").hello, hello(std::max(nice, 3)));
}

TEST_F(SupervisorTest, ADeadLaneIsStartedAgainAndItsNewLinkReachesTheSameCore) {
  Start();
  const Generation generation = AcceptGeneration();
  generation.lanes.at("corebank").Tell("die");
  Process lane = Accept();
  EXPECT_EQ(lane.name, "corebank");
  EXPECT_EQ(generation.core.Next(), "fd corebank");
  EXPECT_EQ(lane.Next(), absl::StrCat("link corebank of core ", generation.core.pid));
  lane.Tell("exit 0");
  lane = Accept();
  EXPECT_EQ(lane.name, "corebank");
  EXPECT_THAT(NextLogLine({"child_exited", "corebank"}), testing::HasSubstr("\"signal\":9"));
  EXPECT_THAT(NextLogLine({"child_exited", "corebank"}), testing::HasSubstr("\"status\":0"));
}

TEST_F(SupervisorTest, ADeadCoreGetsASuccessorWithFreshLanesWhileTheOldLanesStillHang) {
  Start();
  const Generation first = AcceptGeneration();
  first.core.Tell("die");
  const Generation second = AcceptGeneration();
  EXPECT_NE(first.core.pid, second.core.pid);
  for (const auto& [name, lane] : first.lanes) {
    EXPECT_EQ(lane.Next(), "eof");
    EXPECT_EQ(kill(lane.pid, 0), 0);
  }
  // Their end is not a reason to start anything.
  for (const auto& [name, lane] : first.lanes) lane.Tell("exit 0");
  second.lanes.at("local").Tell("die");
  EXPECT_EQ(Accept().name, "local");
  EXPECT_EQ(second.core.Next(), "fd local");
}

TEST_F(SupervisorTest, ACoreThatExitsUnaskedIsStartedAgainWhateverItsStatus) {
  Start();
  for (const char* command : {"exit 0", "exit 1", "exit 70"}) {
    const Generation generation = AcceptGeneration();
    generation.core.Tell(command);
    EndLanes(generation);
  }
  AcceptGeneration();
}

TEST_F(SupervisorTest, DelaysDoubleUpToTheirMaximum) {
  Start({"1", "5", "3600000", "60000"});
  for (const int delay_ms : {1, 2, 4, 5, 5}) {
    const Generation generation = AcceptGeneration();
    generation.core.Tell("die");
    EndLanes(generation);
    EXPECT_THAT(NextLogLine({"child_restarting", "\"core\""}),
                testing::HasSubstr(absl::StrCat("\"delay_ms\":", delay_ms, "}")));
  }
}

TEST_F(SupervisorTest, StopSignalsAreForwardedAndCoresStatusIsTheEnd) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Start();
    const Generation generation = AcceptGeneration();
    kill(supervisor_, signal);
    EXPECT_EQ(generation.core.Next(), absl::StrCat("signal ", signal));
    // A lane that is drained before core is through is not started again.
    generation.lanes.at("local").Tell("exit 0");
    generation.core.Tell("exit 3");
    EXPECT_EQ(generation.lanes.at("corebank").Next(), "eof");
    generation.lanes.at("corebank").Tell("exit 0");
    EXPECT_EQ(WaitForEnd(), 3);
  }
}

TEST_F(SupervisorTest, ACoreKilledWhileItStopsIsTheEndToo) {
  Start();
  const Generation generation = AcceptGeneration();
  kill(supervisor_, SIGTERM);
  EXPECT_EQ(generation.core.Next(), "signal 15");
  generation.core.Tell("die");
  EndLanes(generation);
  EXPECT_EQ(WaitForEnd(), 128 + SIGKILL);
}

TEST_F(SupervisorTest, AHangupThatChangesSomethingIsTakenToEveryChildAndEndsNothing) {
  Start();
  const Generation first = AcceptGeneration();
  EXPECT_THAT(first.core.hello, testing::HasSubstr("shared 0"));
  kill(supervisor_, SIGHUP);
  EXPECT_EQ(first.core.Next(), "signal 1");
  EXPECT_EQ(first.lanes.at("local").Next(), "signal 1");
  EXPECT_EQ(first.lanes.at("corebank").Next(), "signal 1");
  // The fake supervisor counts its hangups in what its children share.
  first.core.Tell("exit 0");
  EXPECT_THAT(AcceptGeneration().lanes.at("local").hello, testing::HasSubstr("shared 1"));
}

TEST_F(SupervisorTest, AHangupThatChangesNothingIsKeptFromTheChildren) {
  Start({"1", "5", "3600000", "60000"});
  const Generation first = AcceptGeneration();
  for (int i = 0; i < 2; ++i) {
    kill(supervisor_, SIGHUP);
    NextLogLine({"hangup"});
  }
  // The second one was refused: each child sees one signal, then its end.
  EXPECT_EQ(first.lanes.at("local").Next(), "signal 1");
  first.core.Tell("exit 0");
  EXPECT_EQ(first.lanes.at("local").Next(), "eof");
}

TEST_F(SupervisorTest, AStopWhileCoreWaitsForItsRestartEndsAtOnce) {
  Start({"3600000", "3600000", "3600000", "60000"});
  const Generation generation = AcceptGeneration();
  generation.core.Tell("exit 9");
  EndLanes(generation);
  NextLogLine({"child_restarting", "\"core\""});
  kill(supervisor_, SIGTERM);
  EXPECT_EQ(WaitForEnd(), 9);
}

TEST_F(SupervisorTest, LanesThatHangDoNotHoldTheEndUp) {
  Start({"1", "5", "3600000", "50"});
  const Generation generation = AcceptGeneration();
  kill(supervisor_, SIGTERM);
  EXPECT_EQ(generation.core.Next(), "signal 15");
  generation.core.Tell("exit 0");
  EXPECT_EQ(WaitForEnd(), 0);
  EXPECT_THAT(NextLogLine({"lanes_left_behind"}), testing::HasSubstr("\"count\":2"));
  EXPECT_EQ(generation.lanes.at("local").Next(), "eof");
}

TEST_F(SupervisorTest, CoreSeesTheSupervisorsDeathAndItsLanesSeeCores) {
  Start();
  const Generation generation = AcceptGeneration();
  kill(supervisor_, SIGKILL);
  EXPECT_EQ(generation.core.Next(), "eof");
  generation.core.Tell("exit 0");
  EXPECT_EQ(generation.lanes.at("local").Next(), "eof");
  EXPECT_EQ(generation.lanes.at("corebank").Next(), "eof");
}

TEST_F(SupervisorTest, OrphansAreReaped) {
  Start();
  const Generation generation = AcceptGeneration();
  generation.core.Tell("orphan");
  const std::vector<std::string> words = absl::StrSplit(generation.core.Next(), ' ');
  ASSERT_EQ(words[0], "orphan");
  const pid_t orphan = std::atoi(words[1].c_str());
  ASSERT_EQ(kill(orphan, 0), 0);
  generation.core.Tell("die");
  // A zombie would still be there.
  while (kill(orphan, 0) == 0) sched_yield();
  EXPECT_EQ(errno, ESRCH);
}

class FinalStatusTest : public SupervisorTest, public testing::WithParamInterface<int> {};

TEST_P(FinalStatusTest, ACoreThatCannotStartForGoodIsNotStartedAgain) {
  Start();
  const Generation generation = AcceptGeneration();
  generation.core.Tell(absl::StrCat("exit ", GetParam()));
  EndLanes(generation);
  EXPECT_EQ(WaitForEnd(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Statuses, FinalStatusTest,
                         testing::Values(kExitConfiguration, kExitCorruptJournal,
                                         kExitJournalLocked));

TEST(RestartDelayTest, DoublesFromTheFirstToTheLast) {
  for (const bool at_once : {false, true}) {
    RestartDelay delay({}, at_once);
    std::vector<int64_t> delays_ms;
    for (int i = 0; i < 8; ++i) delays_ms.push_back(delay.Next(9'999));
    EXPECT_THAT(delays_ms, testing::ElementsAre(100, 200, 400, 800, 1600, 3200, 5000, 5000));
  }
}

TEST(RestartDelayTest, ALongLifeStartsOver) {
  RestartDelay delay({}, false);
  for (int i = 0; i < 4; ++i) static_cast<void>(delay.Next(0));
  EXPECT_EQ(delay.Next(10'000), 100);
  EXPECT_EQ(delay.Next(0), 200);
}

TEST(RestartDelayTest, ALongLifeIsFollowedByTheNextAtOnceWhereThatIsAskedFor) {
  RestartDelay delay({}, true);
  for (int i = 0; i < 4; ++i) static_cast<void>(delay.Next(0));
  EXPECT_EQ(delay.Next(10'000), 0);
  EXPECT_EQ(delay.Next(10'000), 0);
  EXPECT_EQ(delay.Next(0), 100);
  EXPECT_EQ(delay.Next(0), 200);
}

}  // namespace
}  // namespace tandem
