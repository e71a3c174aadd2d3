#include "daemon/core/catch_up_rate.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

constexpr int64_t kStepNs = 200'000'000;

class CatchUpRateTest : public testing::Test {
 protected:
  // `steps` status messages, with so many writes applied and added between two of them.
  void Go(int steps, uint64_t applied_step, uint64_t added_step) {
    for (int i = 0; i < steps; ++i) {
      now_ns_ += kStepNs;
      applied_ += applied_step;
      lag_ += added_step - applied_step;
      rate_.Note(applied_, lag_, now_ns_);
    }
  }
  [[nodiscard]] int64_t LeftMs() const { return rate_.LeftMs(lag_, parked_, now_ns_); }

  int64_t now_ns_ = 0;
  uint64_t applied_ = 1'000;
  uint64_t lag_ = 100'000;
  uint64_t parked_ = 0;
  CatchUpRate rate_;
};

TEST_F(CatchUpRateTest, TellsHowLongTheBacklogLastsAgainstWhatIsAddedMeanwhile) {
  Go(200, 100, 20);  // 500 and 100 a second
  EXPECT_NEAR(rate_.AppliedPerS(now_ns_), 500, 1);
  lag_ = 4'000;
  EXPECT_NEAR(static_cast<double>(LeftMs()), 10'000, 100);
  lag_ = 0;
  EXPECT_EQ(LeftMs(), 0);
}

TEST_F(CatchUpRateTest, SaysThatALagThatGrowsWillNotEnd) {
  Go(50, 10, 20);
  EXPECT_EQ(LeftMs(), -1);
  EXPECT_EQ(CatchUpRate().LeftMs(1, 0, kStepNs), -1);
}

// What is under way at any moment is no backlog, though it never gets less.
TEST_F(CatchUpRateTest, AtTheTailWhatIsUnderWayIsThereSoon) {
  lag_ = 50;
  Go(100, 100, 100);
  EXPECT_NEAR(static_cast<double>(LeftMs()), 100, 5);
}

// Found by a user: years, from an average that never got to nothing.
TEST_F(CatchUpRateTest, WhereNothingIsAppliedAnyMoreNothingIsLeftToTell) {
  Go(50, 100, 0);
  ASSERT_GT(LeftMs(), 0);
  Go(50, 0, 0);
  EXPECT_EQ(LeftMs(), -1);
  EXPECT_EQ(rate_.AppliedPerS(now_ns_), 0);
}

// Nor if its lane says nothing at all.
TEST_F(CatchUpRateTest, ALaneThatIsSilentHasNoRate) {
  Go(50, 100, 0);
  now_ns_ += 50 * kStepNs;
  EXPECT_EQ(LeftMs(), -1);
  EXPECT_EQ(rate_.AppliedPerS(now_ns_), 0);
}

TEST_F(CatchUpRateTest, WhatIsParkedIsNotCaughtUpWith) {
  lag_ = 20;
  parked_ = 20;
  Go(50, 100, 100);
  EXPECT_EQ(LeftMs(), -1) << "until somebody does something about it";
}

TEST_F(CatchUpRateTest, ALaneThatBeginsAgainIsNoNegativeRate) {
  Go(10, 100, 100);
  applied_ = 0;
  Go(1, 10, 10);
  EXPECT_GE(rate_.AppliedPerS(now_ns_), 0);
  EXPECT_LE(rate_.AppliedPerS(now_ns_), 500);
}

}  // namespace
}  // namespace tandem
