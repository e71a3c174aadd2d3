// What a target refuses, resolved by an operator: with tandemctl, on real processes and disks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/integration/daemon.h"
#include "tests/integration/program.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using client::Level;
using testing::ElementsAre;
using testing::HasSubstr;

class PendingTest : public testing::Test {
 protected:
  PendingTest() {
    // Nothing is tried again by itself within a test.
    daemon_.Start({.keys = {{"max_retries", "1"}, {"parked_retry_interval", "1h"}}});
  }

  struct Ran {
    int exit_code;
    std::string output;
  };
  Ran Ctl(std::vector<std::string> arguments) {
    const std::string log = absl::StrCat(workspace_.root(), "/ctl-", ++runs_);
    std::vector<std::string> all = {TANDEMCTL, "--address", daemon_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    Program program(all, log);
    const int exit_code = program.Wait();
    return {exit_code, Contents(log)};
  }
  // What corebank lacks, as "STATE TYPE path".
  std::vector<std::string> Pending() {
    std::vector<std::string> found;
    std::istringstream lines(Ctl({"pending", "--target", "corebank", "-o", "json"}).output);
    for (std::string line; std::getline(lines, line);) {
      const boost::json::value write = boost::json::parse(line);
      if (!write.as_object().contains("state")) {  // an error: who waits asks again
        found.push_back(line);
        continue;
      }
      found.push_back(absl::StrCat(std::string(write.at("state").as_string()), " ",
                                   std::string(write.at("type").as_string()), " ",
                                   std::string(write.at("path").as_string())));
      last_ = write;
    }
    return found;
  }
  // A directory of somebody else lies where the file should go.
  void PutInTheWay(const std::string& path) {
    fs::create_directories(workspace_.OnCoreBank(path) + "/foreign");
  }
  void ExpectSameTrees() {
    EXPECT_TRUE(WaitConverged(*client_));
    EXPECT_EQ(daemon_.Stop(), 0);
    EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
  }
  void Connect() {
    ASSERT_TRUE(daemon_.WaitServing());
    client_ = daemon_.Connect();
    ASSERT_TRUE(client_->Put("first", "x", {.level = Level::kAll}).ok());
  }
  // The file is known to core: else it may ask that target what is there.
  void WriteIntoTheWay(const std::string& path) {
    const auto old = client_->Put(path, "old", {.level = Level::kAll});
    ASSERT_TRUE(old.ok()) << old.status();
    // Else a restart would do it again.
    ASSERT_TRUE(WaitUntil([&] {
      const auto status = StatusOf(*client_, "corebank");
      return status.has_value() && status->checkpoint_sequence >= old->sequence();
    }));
    fs::remove(workspace_.OnCoreBank(path));
    PutInTheWay(path);
    const auto put = client_->Put(path, "payload", {.level = Level::kAll});
    ASSERT_EQ(client::DetailOf(put.status()).reason, "TARGET_FAILED") << put.status();
  }

  Workspace workspace_;
  Daemon daemon_{workspace_};
  std::unique_ptr<client::Client> client_;
  boost::json::value last_;
  int runs_ = 0;
};

TEST_F(PendingTest, ARetryAppliesWhatWasParkedWhenNothingIsInItsWayAnyMore) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(WriteIntoTheWay("p"));
  ASSERT_THAT(Pending(), ElementsAre("PARKED PUT p"));
  EXPECT_THAT(std::string(last_.at("error").as_string()), HasSubstr("a directory is in the way"));
  EXPECT_EQ(last_.at("attempts").to_number<int>(), 2);
  EXPECT_EQ(Ctl({"pending"}).exit_code, 10);
  EXPECT_EQ(Ctl({"retry", "corebank", "--all"}).exit_code, 10) << "it still is";
  fs::remove_all(workspace_.OnCoreBank("p"));
  const Ran retried = Ctl({"retry", "corebank", "--path", "p"});
  EXPECT_EQ(retried.exit_code, 0) << retried.output;
  EXPECT_THAT(retried.output, HasSubstr("applied: 1, still parked: 0"));
  EXPECT_EQ(Ctl({"pending"}).exit_code, 0);
  EXPECT_EQ(Contents(workspace_.OnCoreBank("p")), "payload");
  EXPECT_EQ(Ctl({"retry", "corebank", "--all"}).exit_code, 1) << "nothing is parked";
  ExpectSameTrees();
}

TEST_F(PendingTest, ASkippedPathIsDivergedUntilTheNextPutEvenOverRestarts) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(WriteIntoTheWay("p"));
  EXPECT_EQ(Ctl({"skip", "corebank", "--path", "p"}).exit_code, 2) << "without a reason";
  const Ran skipped = Ctl({"skip", "corebank", "--path", "p", "--reason", "ticket 4711"});
  EXPECT_EQ(skipped.exit_code, 0) << skipped.output;
  EXPECT_THAT(daemon_.Log(), HasSubstr("ticket 4711"));
  EXPECT_THAT(Pending(), ElementsAre("DIVERGED PUT p"));
  EXPECT_THAT(Ctl({"status"}).output, HasSubstr("diverged paths:1"));
  daemon_.KillAll();
  daemon_.Start();
  ASSERT_TRUE(daemon_.WaitServing());
  ASSERT_TRUE(WaitUntil([&] { return Pending() == std::vector<std::string>{"DIVERGED PUT p"}; }));
  EXPECT_EQ(last_.at("skip_reason").as_string(), "ticket 4711");
  // What is edited now would be wrong there: it waits, though nothing is in the way any more.
  fs::remove_all(workspace_.OnCoreBank("p"));
  const auto edit = client_->Append("p", "more", {.level = Level::kAll});
  EXPECT_EQ(client::DetailOf(edit.status()).reason, "TARGET_FAILED") << edit.status();
  EXPECT_THAT(Pending(), ElementsAre("DIVERGED PUT p", "PARKED APPEND p"));
  EXPECT_FALSE(fs::exists(workspace_.OnCoreBank("p")));
  const auto put = client_->Put("p", "anew", {.level = Level::kAll});
  EXPECT_TRUE(put.ok()) << put.status();
  EXPECT_THAT(Pending(), ElementsAre());
  EXPECT_EQ(Contents(workspace_.OnCoreBank("p")), "anew");
  EXPECT_TRUE(client_->Append("p", "er", {.level = Level::kAll}).ok());
  ExpectSameTrees();
}

// A lane that is stopped answers nobody; whoever asks is told so in time, and it is done later.
TEST_F(PendingTest, AHangingLaneMakesNobodyWaitForEver) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(WriteIntoTheWay("p"));
  fs::remove_all(workspace_.OnCoreBank("p"));
  const pid_t lane = daemon_.ProcessOf("corebank");
  kill(lane, SIGSTOP);
  const Ran retried = Ctl({"retry", "corebank", "--all", "--timeout", "500ms"});
  kill(lane, SIGCONT);
  EXPECT_EQ(retried.exit_code, 5) << retried.output;
  EXPECT_THAT(retried.output, HasSubstr("TARGET_UNAVAILABLE"));
  EXPECT_TRUE(WaitUntil([&] { return Pending().empty(); }));
  ExpectSameTrees();
}

}  // namespace
}  // namespace tandem
