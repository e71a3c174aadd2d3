// Request ids over a crash: asked again, a write is found, not repeated.
#include <gtest/gtest.h>

#include "tests/integration/daemon.h"

namespace tandem {
namespace {

using client::Level;

class RetryTest : public testing::TestWithParam<std::string> {
 protected:
  RetryTest() : daemon_(workspace_, {.keys = {{"io_engine", GetParam()}}}) {}
  Workspace workspace_;
  Daemon daemon_;
};

TEST_P(RetryTest, TheSameIdAfterACrashIsTheSameWriteAndWithOtherContentIsRefused) {
  daemon_.Start();
  ASSERT_TRUE(daemon_.WaitServing());
  const auto client = daemon_.Connect();
  ASSERT_TRUE(client->Append("log", "before\n").ok());
  client::CallOptions options{.request_id = client->NewRequestId(), .level = Level::kAll};
  const auto first = client->Append("log", "line\n", options);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->earlier_attempt);
  daemon_.KillAll();
  daemon_.Start();

  const auto again = client->Append("log", "line\n", options);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->earlier_attempt);
  EXPECT_EQ(again->sequence(), first->sequence());
  EXPECT_EQ(again->results[0].offset, first->results[0].offset);
  EXPECT_EQ(again->results[0].size, first->results[0].size);
  EXPECT_EQ(again->results[0].data_crc32c, first->results[0].data_crc32c);
  EXPECT_EQ(again->level_reached, Level::kAll);

  const auto other = client->Append("log", "other\n", options);
  EXPECT_EQ(client::DetailOf(other.status()).reason, "REQUEST_ID_REUSED") << other.status();
  const auto info = client->GetWrite(options.request_id);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->write.sequence(), first->sequence());
  for (const auto& target : info->write.targets) {
    EXPECT_EQ(target.state, client::TargetState::kDurable) << target.target;
  }
  EXPECT_EQ(Contents(workspace_.OnLocal("log")), "before\nline\n");
  EXPECT_EQ(Contents(workspace_.OnCoreBank("log")), "before\nline\n");
}

TEST_P(RetryTest, OverManyCrashesOneIdIsOneLine) {
  daemon_.Start();
  const auto client = daemon_.Connect();
  client::CallOptions options{.request_id = client->NewRequestId(), .level = Level::kJournaled};
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(client->Append("log", "line\n", options).ok());
    ASSERT_TRUE(client->Append("log", "other\n", {.level = Level::kJournaled}).ok());
    daemon_.KillAll();
    daemon_.Start();
  }
  ASSERT_TRUE(WaitConverged(*client));
  EXPECT_EQ(Contents(workspace_.OnCoreBank("log")), "line\nother\nother\nother\nother\n");
  EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
}

INSTANTIATE_TEST_SUITE_P(Engines, RetryTest, testing::Values("io_uring", "threads"),
                         [](const auto& test) {
                           return test.param == "threads" ? "Threads" : "IoUring";
                         });

}  // namespace
}  // namespace tandem
