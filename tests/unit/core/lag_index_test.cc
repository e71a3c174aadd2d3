#include "daemon/core/lag_index.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(LagIndex, CountsOnlyWritesOfClients) {
  LagIndex index;
  for (Sequence i = 1; i <= 20; ++i) index.Add(i, 1000, 10, i % 5 != 0 && !(i >= 11 && i <= 13));
  // Others: 5, 10..13, 15, 20.
  EXPECT_EQ(index.UserRecords(1, 20), 13u);
  EXPECT_EQ(index.UserRecords(10, 13), 0u);
  EXPECT_EQ(index.UserRecords(9, 14), 2u);
  EXPECT_EQ(index.UserRecords(20, 20), 0u);
  EXPECT_EQ(index.UserRecords(3, 2), 0u);
  EXPECT_EQ(index.NextUser(10), 14u);
  EXPECT_EQ(index.NextUser(12), 14u);
  EXPECT_EQ(index.NextUser(9), 9u);
  EXPECT_EQ(index.NextUser(20), 21u) << "none is left";
  index.Forget(14);
  EXPECT_EQ(index.UserRecords(14, 20), 5u);
}

TEST(LagIndex, AgeIsNeverTooYoungAndAtMostOneSampleTooOld) {
  LagIndex index;
  for (Sequence i = 1; i <= 5000; ++i) index.Add(i, static_cast<int64_t>(i), 1, true);
  for (Sequence i = 1; i <= 5000; ++i) {
    EXPECT_LE(index.TimeMs(i), static_cast<int64_t>(i));
    EXPECT_GE(index.TimeMs(i), static_cast<int64_t>(i) - 10);
  }
}

TEST(LagIndex, BytesAddUp) {
  LagIndex index;
  for (Sequence i = 1; i <= 1000; ++i) index.Add(i, 5, 100, true);
  EXPECT_EQ(index.Bytes(1, 1000), 100'000u);
  EXPECT_EQ(index.Bytes(1, 500) + index.Bytes(501, 1000), 100'000u);
  EXPECT_NEAR(static_cast<double>(index.Bytes(101, 110)), 1000, 2);
  EXPECT_EQ(index.Bytes(2, 1), 0u);
}

TEST(Promise6Bounded, AMonthsOutageDoesNotGrowTheIndex) {
  LagIndex index;
  for (Sequence i = 1; i <= 400'000; ++i) index.Add(i, static_cast<int64_t>(i) * 20, 1, true);
  EXPECT_LE(index.samples(), 65'536u);
  EXPECT_LE(index.TimeMs(200'000), 200'000 * 20);
  EXPECT_GE(index.TimeMs(200'000), 199'900 * 20);
  EXPECT_EQ(index.Bytes(1, 400'000), 400'000u);
  index.Forget(399'999);
  EXPECT_LE(index.samples(), 3u);
}

TEST(LagIndex, AnEmptyOneKnowsNothing) {
  LagIndex index;
  EXPECT_EQ(index.TimeMs(1), 0);
  EXPECT_EQ(index.Bytes(1, 5), 0u);
}

// Uploads and heartbeats between writes, while a target is away for long.
TEST(LagIndex, RunsOfOthersAreBoundedAndTheNewestAreExact) {
  LagIndex index;
  Sequence sequence = 0;
  constexpr Sequence kWrites = 400'000;
  for (Sequence i = 0; i < kWrites; ++i) {
    index.Add(++sequence, static_cast<int64_t>(i), 10, /*user=*/true);
    index.Add(++sequence, static_cast<int64_t>(i), 0, /*user=*/false);
  }
  EXPECT_LT(index.runs(), 70'000u);
  EXPECT_EQ(index.UserRecords(1, sequence), kWrites);
  EXPECT_EQ(index.UserRecords(sequence - 1'999, sequence), 1'000u);
  EXPECT_EQ(index.NextUser(sequence), sequence + 1);
  EXPECT_EQ(index.NextUser(sequence - 2), sequence - 1);
  const uint64_t half = index.UserRecords(1, sequence / 2);
  EXPECT_NEAR(static_cast<double>(half), kWrites / 2.0, kWrites / 100.0);
  Sequence counted = 0;
  for (Sequence from = 1; from < sequence; from += 1'000) {
    counted += index.UserRecords(from, std::min(from + 999, sequence));
  }
  EXPECT_EQ(counted, kWrites) << "parts add up";
}

}  // namespace
}  // namespace tandem
