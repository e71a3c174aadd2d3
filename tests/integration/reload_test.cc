// SIGHUP, and that all processes run the configuration that the first one checked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/daemon.h"

namespace tandem {
namespace {

using client::Level;
using testing::HasSubstr;

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() : daemon_(workspace_, {.keys = {{"config", File()}}}) {}

  [[nodiscard]] std::string File() const { return workspace_.root() + "/tandem.yaml"; }
  void Write(const std::string& text) { std::ofstream(File(), std::ios::binary) << text; }
  // Lines of the log that hold all of `texts`.
  [[nodiscard]] int Lines(const std::vector<std::string>& texts) const {
    int count = 0;
    for (const absl::string_view line : absl::StrSplit(daemon_.Log(), '\n')) {
      bool all = true;
      for (const std::string& text : texts) all = all && absl::StrContains(line, text);
      count += all ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] bool WaitForLines(const std::vector<std::string>& texts, int count = 1) const {
    return WaitUntil([&] { return Lines(texts) >= count; });
  }

  Workspace workspace_;
  Daemon daemon_;
};

TEST_F(ReloadTest, AHangupChangesWhatMayChangeInEveryProcess) {
  Write("log_level: error\n");
  daemon_.Start();
  ASSERT_TRUE(daemon_.WaitServing());
  EXPECT_EQ(Lines({"\"level\":\"info\""}), 0);
  Write("log_level: info\nmax_retries: 7\ndefault_level: ALL\n");
  daemon_.Signal("supervisor", SIGHUP);
  EXPECT_TRUE(WaitForLines({"\"role\":\"core\"", "configuration_applied"}));
  EXPECT_TRUE(WaitForLines({"\"role\":\"lane\"", "configuration_applied"}, 2));
  // Of its default a request takes what is new.
  const auto client = daemon_.Connect();
  daemon_.Signal("corebank", SIGSTOP);
  const auto write = client->Put("a", "x", {.wait_timeout = absl::Milliseconds(500)});
  EXPECT_EQ(client::DetailOf(write.status()).reason, "DURABILITY_NOT_REACHED") << write.status();
  daemon_.Signal("corebank", SIGCONT);
  // The level was too high for this when it was logged by the supervisor.
  daemon_.Signal("supervisor", SIGHUP);
  EXPECT_TRUE(WaitForLines({"configuration_needs_restart", "max_retries"}));
  EXPECT_TRUE(WaitForLines({"configuration_unchanged"}));
  EXPECT_EQ(daemon_.Stop(), 0);
}

TEST_F(ReloadTest, AnInvalidFileIsLoggedWithItsPlaceAndChangesNothing) {
  Write("log_level: info\n");
  daemon_.Start();
  ASSERT_TRUE(daemon_.WaitServing());
  Write("log_level: error\nmax_retries: many\n");
  daemon_.Signal("supervisor", SIGHUP);
  EXPECT_TRUE(WaitForLines({"configuration_refused", "tandem.yaml:2:14: max_retries"}));
  EXPECT_EQ(Lines({"configuration_applied"}), 0);
  EXPECT_TRUE(daemon_.Connect()->Put("a", "x", {.level = Level::kAll}).ok());
  EXPECT_EQ(daemon_.Stop(), 0);
}

TEST_F(ReloadTest, AChildThatIsStartedAgainRunsWhatTheOthersRun) {
  Write("writer_root: one\nlog_level: info\n");
  daemon_.Start();
  ASSERT_TRUE(daemon_.WaitServing());
  const auto client = daemon_.Connect();
  ASSERT_TRUE(client->Put("a", "x", {.level = Level::kAll}).ok());
  Write("writer_root: two\nlog_level: [\n");
  daemon_.Kill("corebank");
  ASSERT_TRUE(client->Put("b", "y", {.level = Level::kAll}).ok());
  daemon_.Kill("core");
  ASSERT_TRUE(client->Put("c", "z", {.level = Level::kAll}).ok());
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_NE(Contents(workspace_.corebank() + "/one/" + name), "") << name;
  }
  EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
  EXPECT_EQ(daemon_.Stop(), 0);
}

}  // namespace
}  // namespace tandem
