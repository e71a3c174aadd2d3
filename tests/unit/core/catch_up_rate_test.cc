#include "daemon/core/catch_up_rate.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

constexpr int64_t kStepNs = 200'000'000;

// `steps` status messages, with so many writes applied and appended between two of them.
void Go(CatchUpRate& rate, int steps, Sequence applied_step, Sequence appended_step) {
  static_assert(kStepNs > 0);
  for (int i = 1; i <= steps; ++i) {
    rate.Note(1'000 + applied_step * static_cast<Sequence>(i),
              100'000 + appended_step * static_cast<Sequence>(i), kStepNs * i);
  }
}

TEST(CatchUpRate, TellsHowLongTheBacklogLastsAgainstWhatIsAddedMeanwhile) {
  CatchUpRate rate;
  Go(rate, 200, 100, 20);  // 500 and 100 a second
  EXPECT_NEAR(rate.applied_per_s(), 500, 1);
  EXPECT_NEAR(static_cast<double>(rate.LeftMs(4'000)), 10'000, 100);
  EXPECT_EQ(rate.LeftMs(0), 0);
}

TEST(CatchUpRate, SaysThatALagThatGrowsWillNotEnd) {
  CatchUpRate rate;
  Go(rate, 50, 10, 20);
  EXPECT_EQ(rate.LeftMs(1), -1);
  EXPECT_EQ(CatchUpRate().LeftMs(1), -1);
}

TEST(CatchUpRate, ALaneThatBeginsAgainFurtherBackIsNoNegativeRate) {
  CatchUpRate rate;
  rate.Note(5'000, 6'000, kStepNs);
  rate.Note(100, 6'000, 2 * kStepNs);
  EXPECT_GE(rate.applied_per_s(), 0);
}

}  // namespace
}  // namespace tandem
