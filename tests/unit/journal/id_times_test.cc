#include "daemon/journal/id_times.h"

#include <gtest/gtest.h>

#include "tests/sim/sim_random.h"

namespace tandem {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kHour = 3'600'000;

TEST(IdTimes, ContainWhatWasAddedAndNothingFarFromIt) {
  IdTimes times;
  EXPECT_FALSE(times.Contains(kNow));
  for (int64_t ms = kNow; ms < kNow + 100'000; ms += 700) times.Add(ms);
  times.Add(kNow + kHour);
  times.Add(kNow - kHour);
  EXPECT_EQ(times.spans().size(), 3u);
  EXPECT_TRUE(times.Contains(kNow + 50'000));
  EXPECT_TRUE(times.Contains(kNow + kHour));
  EXPECT_TRUE(times.Contains(kNow - kHour));
  EXPECT_FALSE(times.Contains(kNow + 120'000));
  EXPECT_FALSE(times.Contains(kNow - 1));
  EXPECT_FALSE(times.Contains(kNow + kHour + 1));
}

TEST(IdTimes, AreBoundedAndNeverLoseATime) {
  SimRandom random(7);
  IdTimes times;
  std::vector<int64_t> added;
  for (int i = 0; i < 2'000; ++i) {
    added.push_back(kNow + random.Between(0, 1'000) * 60'000 + random.Between(0, 15'000));
    times.Add(added.back());
    ASSERT_LE(times.spans().size(), IdTimes::kMaxSpans);
  }
  for (const int64_t ms : added) EXPECT_TRUE(times.Contains(ms));
  for (size_t i = 1; i < times.spans().size(); ++i) {
    EXPECT_LT(times.spans()[i - 1].last, times.spans()[i].first);
  }
}

// What lies alone, a clock that was a year ahead, stays apart from what is added every day.
TEST(IdTimes, WhatIsNearGoesTogetherFirst) {
  IdTimes times;
  times.Add(kNow + 365 * 24 * kHour);
  for (int day = 0; day < 100; ++day) times.Add(kNow + day * 24 * kHour);
  EXPECT_FALSE(times.Contains(kNow + 200 * 24 * kHour));
  EXPECT_TRUE(times.Contains(kNow + 365 * 24 * kHour));
}

TEST(IdTimes, AreReadAsTheyWereWritten) {
  IdTimes times;
  for (int i = 0; i < 10; ++i) times.Add({kNow + i * kHour, kNow + i * kHour + 5});
  EXPECT_EQ(IdTimes::Decode(times.Encode()), times);
  EXPECT_EQ(IdTimes::Decode(""), IdTimes());
  EXPECT_FALSE(IdTimes::Decode(times.Encode().substr(1)).has_value());
  EXPECT_FALSE(IdTimes::Decode(std::string(33 * 16, '\0')).has_value());
  std::string swapped = times.Encode();
  std::swap(swapped[3], swapped[19]);
  std::swap(swapped[0], swapped[16]);
  std::swap(swapped[1], swapped[17]);
  std::swap(swapped[2], swapped[18]);
  EXPECT_FALSE(IdTimes::Decode(swapped).has_value());
}

TEST(IdTimes, OnlyAVersion7IdSaysATimeAndNoneThatIsAhead) {
  Uuid id = MakeUuidV7(kNow, 1, 2);
  EXPECT_EQ(IdTimeOf(id, kNow), kNow);
  EXPECT_EQ(IdTimeOf(id, kNow + kHour), kNow);
  EXPECT_EQ(IdTimeOf(id, kNow - kMaxIdAheadMs), kNow);
  EXPECT_FALSE(IdTimeOf(id, kNow - kMaxIdAheadMs - 1).has_value());
  id.bytes[6] = 0x40;
  EXPECT_FALSE(IdTimeOf(id, kNow).has_value());
}

}  // namespace
}  // namespace tandem
