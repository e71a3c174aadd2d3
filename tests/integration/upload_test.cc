// Uploads: a large one in bounded memory, broken ones that leave nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "tests/integration/daemon.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using client::Level;

constexpr uint64_t kMiB = 1 << 20;

class UploadTest : public testing::TestWithParam<std::string> {
 protected:
  UploadTest()
      : daemon_(workspace_, {.keys = {{"io_engine", GetParam()},
                                      {"max_upload_bytes", "64MiB"},
                                      {"max_open_uploads", "1"},
                                      {"max_write_bytes", "1MiB"},
                                      {"batch_size", "1MiB"},
                                      {"journal_segment_bytes", "4MiB"},
                                      {"journal_max_bytes", "288MiB"}}}) {}

  void SetUp() override {
    daemon_.Start();
    ASSERT_TRUE(daemon_.WaitServing());
    client_ = daemon_.Connect();
  }

  // The most memory that the process ever had, in bytes.
  uint64_t PeakMemory(const std::string& role) {
    const std::string text = Contents(absl::StrCat("/proc/", daemon_.ProcessOf(role), "/status"));
    const size_t at = text.find("VmHWM:");
    uint64_t kib = 0;
    EXPECT_TRUE(at != std::string::npos &&
                absl::SimpleAtoi(text.substr(at + 6, text.find("kB", at) - at - 6), &kib));
    return kib * 1024;
  }

  // Gives 1 MiB, then says so and waits until the test has done something about it.
  struct Broken {
    std::atomic<uint64_t> given = 0;
    absl::Notification half;
    absl::Notification go_on;
  };
  void UploadHalf(Broken& broken, absl::Notification& ended) {
    auto source =
        client::MakeGeneratorSource([&broken](size_t max_bytes) -> absl::StatusOr<std::string> {
          if (broken.given < kMiB) {
            broken.given += max_bytes;
            return std::string(max_bytes, 'x');
          }
          if (!broken.half.HasBeenNotified()) broken.half.Notify();
          broken.go_on.WaitForNotification();
          return absl::AbortedError("the application gave up");
        });
    client_->UploadAsync({.path = "broken"}, std::move(source), {},
                         [&ended](absl::StatusOr<client::WriteResult> result) {
                           EXPECT_FALSE(result.ok());
                           ended.Notify();
                         });
    ASSERT_TRUE(broken.half.WaitForNotificationWithTimeout(absl::Seconds(30)));
  }

  // Nothing is left of the broken upload, and there is room for another one.
  void ExpectNothingLeft() {
    EXPECT_TRUE(WaitUntil([&] {
      auto source = client::MakeGeneratorSource(
          [done = false](size_t) mutable -> absl::StatusOr<std::string> {
            return std::exchange(done, true) ? "" : "whole";
          });
      return client_->Upload({.path = "next"}, std::move(source), {.level = Level::kAll}).ok();
    }));
    ASSERT_TRUE(WaitConverged(*client_));
    EXPECT_EQ(daemon_.Stop(), 0);
    EXPECT_FALSE(fs::exists(workspace_.OnLocal("broken")));
    EXPECT_EQ(Contents(workspace_.OnCoreBank("next")), "whole");
    EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
  }

  Workspace workspace_;
  Daemon daemon_;
  std::unique_ptr<client::Client> client_;
};

TEST_P(UploadTest, OfSixtyFourMebibytesArrivesOnBothInBoundedMemory) {
  ASSERT_TRUE(client_->Put("first", "x", {.level = Level::kAll}).ok());
  std::map<std::string, uint64_t> before;
  for (const char* role : {"core", "local", "corebank"}) before[role] = PeakMemory(role);
  auto given = std::make_shared<uint64_t>(0);
  auto source =
      client::MakeGeneratorSource([given](size_t max_bytes) -> absl::StatusOr<std::string> {
        if (*given == 64 * kMiB) return std::string();
        const size_t bytes = std::min<uint64_t>(max_bytes, 64 * kMiB - *given);
        std::string piece(bytes, static_cast<char>('a' + *given / kMiB % 26));
        *given += bytes;
        return piece;
      });
  const auto result = client_->Upload({.path = "large"}, std::move(source), {.level = Level::kAll});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->results[0].size, 64 * kMiB);
#ifndef TANDEM_SANITIZED  // a sanitizer keeps what was freed
  for (const auto& [role, bytes] : before) {
    EXPECT_LT(PeakMemory(role), bytes + 32 * kMiB) << role;
  }
#endif
  EXPECT_EQ(fs::file_size(workspace_.OnCoreBank("large")), 64 * kMiB);
  EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
  const std::string content = Contents(workspace_.OnCoreBank("large"));
  for (uint64_t at = 0; at < content.size(); at += kMiB / 4) {
    ASSERT_EQ(content[at], static_cast<char>('a' + at / kMiB % 26)) << at;
  }
}

TEST_P(UploadTest, InterruptedByTheDaemonsDeathLeavesNothing) {
  Broken broken;
  absl::Notification ended;
  UploadHalf(broken, ended);
  daemon_.KillAll();
  daemon_.Start();
  ASSERT_TRUE(daemon_.WaitServing());
  broken.go_on.Notify();
  ended.WaitForNotification();
  ExpectNothingLeft();
}

TEST_P(UploadTest, GivenUpByTheClientLeavesNothing) {
  Broken broken;
  absl::Notification ended;
  UploadHalf(broken, ended);
  broken.go_on.Notify();
  ended.WaitForNotification();
  ExpectNothingLeft();
}

INSTANTIATE_TEST_SUITE_P(Engines, UploadTest, testing::Values("io_uring", "threads"),
                         [](const auto& test) {
                           return test.param == "threads" ? "Threads" : "IoUring";
                         });

}  // namespace
}  // namespace tandem
