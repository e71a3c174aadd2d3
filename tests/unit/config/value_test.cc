#include "daemon/config/value.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tandem {
namespace {

TEST(Value, DurationsHaveAUnitAndAreExact) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0ms", 0}, {"200ms", 200}, {"60s", 60'000}, {"15m", 900'000}, {"1h", 3'600'000}};
  for (const auto& [text, ms] : cases) {
    ASSERT_TRUE(ParseDurationMs(text).ok()) << text;
    EXPECT_EQ(*ParseDurationMs(text), ms);
  }
  for (const char* text : {"", "s", "60", "1.5s", " 1s", "1 s", "-1s", "1S", "1sec",
                           "9999999999999999h", "99999999999999999999s"}) {
    EXPECT_FALSE(ParseDurationMs(text).ok()) << text;
  }
}

TEST(Value, SizesArePowersOfTwo) {
  const std::pair<const char*, uint64_t> cases[] = {
      {"0", 0},           {"512", 512},         {"64KiB", 65'536},
      {"1MiB", 1u << 20}, {"8GiB", 8ull << 30}, {"1TiB", 1ull << 40}};
  for (const auto& [text, bytes] : cases) {
    ASSERT_TRUE(ParseBytes(text).ok()) << text;
    EXPECT_EQ(*ParseBytes(text), bytes);
  }
  for (const char* text : {"", "KiB", "1kb", "1MB", "1.5GiB", "-1", "0x10", "8388608TiB"}) {
    EXPECT_FALSE(ParseBytes(text).ok()) << text;
  }
}

TEST(Value, TheShortestExactFormIsPrintedAndReadsBack) {
  for (const int64_t ms : {0, 1, 999, 1'000, 1'001, 60'000, 90'000, 3'600'000, 5'400'000}) {
    EXPECT_EQ(*ParseDurationMs(FormatDurationMs(ms)), ms);
  }
  for (const uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 1025ull, 3ull << 20, 1ull << 40}) {
    EXPECT_EQ(*ParseBytes(FormatBytes(bytes)), bytes);
  }
  EXPECT_EQ(FormatDurationMs(90'000), "90s");
  EXPECT_EQ(FormatDurationMs(120'000), "2m");
  EXPECT_EQ(FormatBytes(1536), "1536");
  EXPECT_EQ(FormatBytes(3ull << 20), "3MiB");
}

TEST(Value, TargetNamesAreShortLowerCaseWords) {
  for (const char* name : {"local", "corebank", "a", "a-1_b"}) {
    EXPECT_TRUE(CheckTargetName(name).ok()) << name;
  }
  for (const std::string name :
       {"", "1a", "-a", "A", "a.b", "a/b", "a b", "..", "abcdefghijklmnopqrstuvwxyz0123456"}) {
    EXPECT_FALSE(CheckTargetName(name).ok()) << name;
  }
}

TEST(Value, TheNearestKeyIsSuggestedAndNothingFarIs) {
  EXPECT_EQ(Nearest("batchsize", {"buffer_size", "batch_size"}), "batch_size");
  EXPECT_EQ(Nearest("local_efs_pth", {"local_efs_path", "corebank_efs_path"}), "local_efs_path");
  EXPECT_EQ(Nearest("xyz", {"batch_size"}), "");
}

}  // namespace
}  // namespace tandem
