#include "daemon/lane/health.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

using internal::v1::LANE_HEALTH_CATCHING_UP;
using internal::v1::LANE_HEALTH_DOWN;
using internal::v1::LANE_HEALTH_HEALTHY;
using internal::v1::LANE_HEALTH_SLOW;
using internal::v1::LANE_HEALTH_STALLED;
using internal::v1::LANE_HEALTH_STARTING;

constexpr HealthLimits kLimits{
    .slow_ms = 1'000, .stall_ms = 30'000, .min_stay_ms = 5'000, .good_probes = 3};

class HealthTest : public testing::Test {
 protected:
  HealthTest() { judge_.Look({}, now_ms_); }

  HealthJudge::Health After(int64_t ms, const HealthSigns& signs) {
    now_ms_ += ms;
    judge_.Look(signs, now_ms_);
    return judge_.state();
  }
  void ProbeWell(int times) {
    for (int i = 0; i < times; ++i) judge_.Probed(true, 3);
  }
  static HealthSigns Running(int64_t oldest_ms) { return {.oldest_ms = oldest_ms}; }
  static HealthSigns Down() {
    return {.open = false, .read = 10, .durable = 400, .reason = "no such directory"};
  }

  int64_t now_ms_ = 1'000'000;
  HealthJudge judge_{kLimits};
};

TEST_F(HealthTest, AnOperationThatStillRunsMakesTheTargetSlowAndThenStalled) {
  EXPECT_EQ(judge_.state(), LANE_HEALTH_HEALTHY);
  EXPECT_EQ(After(0, Running(999)), LANE_HEALTH_HEALTHY);
  EXPECT_EQ(After(1, Running(1'000)), LANE_HEALTH_SLOW);
  EXPECT_EQ(After(29'000, Running(30'000)), LANE_HEALTH_STALLED);
  EXPECT_NE(judge_.reason(), "");
}

TEST_F(HealthTest, ATargetThatIsNotOpenIsDownWithItsReason) {
  EXPECT_EQ(After(1, Down()), LANE_HEALTH_DOWN);
  EXPECT_EQ(judge_.reason(), "no such directory");
  HealthJudge fresh(kLimits);
  fresh.Look({.open = false, .ever_open = false, .reason = "not opened yet"}, 1);
  EXPECT_EQ(fresh.state(), LANE_HEALTH_STARTING);
}

TEST_F(HealthTest, ATargetWhereWritesFailIsDownThoughItIsOpen) {
  EXPECT_EQ(After(1, {.failing = true, .reason = "no space"}), LANE_HEALTH_DOWN);
  EXPECT_EQ(judge_.reason(), "no space");
  ProbeWell(3);
  EXPECT_EQ(After(5'000, {.failing = true, .reason = "no space"}), LANE_HEALTH_DOWN);
  ProbeWell(3);
  EXPECT_EQ(After(5'000, {}), LANE_HEALTH_HEALTHY);
}

TEST_F(HealthTest, ABadStateIsLeftAfterAMinimumStayAndARunOfGoodProbesOnly) {
  After(0, Running(40'000));
  ProbeWell(3);
  EXPECT_EQ(After(4'999, Running(0)), LANE_HEALTH_STALLED) << "too soon";
  EXPECT_EQ(After(1, Running(0)), LANE_HEALTH_HEALTHY);
  After(10, Running(40'000));
  ProbeWell(2);
  EXPECT_EQ(After(60'000, Running(0)), LANE_HEALTH_STALLED) << "too few probes";
  judge_.Probed(false, 3);
  ProbeWell(2);
  EXPECT_EQ(After(60'000, Running(0)), LANE_HEALTH_STALLED) << "one in between failed";
  ProbeWell(1);
  EXPECT_EQ(After(0, Running(0)), LANE_HEALTH_HEALTHY);
  EXPECT_EQ(judge_.reason(), "");
}

TEST_F(HealthTest, ATargetThatFlapsStaysInItsBadState) {
  int changes = 0;
  for (int i = 0; i < 50; ++i) {
    now_ms_ += 2'000;
    changes += judge_.Look(i % 2 == 0 ? Down() : HealthSigns{}, now_ms_) ? 1 : 0;
    ProbeWell(2);
  }
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(judge_.state(), LANE_HEALTH_DOWN);
}

TEST_F(HealthTest, WhatIsLessBadIsShownOnlyAfterTheWorseHasBeenGoneForAWhile) {
  After(0, Down());
  EXPECT_EQ(After(1'000, Running(2'000)), LANE_HEALTH_DOWN);
  ProbeWell(3);
  EXPECT_EQ(After(5'000, Running(2'000)), LANE_HEALTH_SLOW);
  EXPECT_EQ(After(1'000, Running(0)), LANE_HEALTH_SLOW);
}

TEST_F(HealthTest, AProbeThatTakesLongMakesTheTargetSlow) {
  judge_.Probed(true, 1'500);
  EXPECT_EQ(After(1, {}), LANE_HEALTH_SLOW);
  ProbeWell(3);
  EXPECT_EQ(After(5'000, {}), LANE_HEALTH_HEALTHY);
}

TEST_F(HealthTest, AfterAnOutageTheTargetCatchesUpUntilTheTail) {
  After(0, Down());
  ProbeWell(3);
  EXPECT_EQ(After(5'000, {.read = 10, .durable = 500}), LANE_HEALTH_CATCHING_UP);
  EXPECT_EQ(After(200, {.read = 499, .durable = 500}), LANE_HEALTH_CATCHING_UP);
  EXPECT_EQ(After(200, {.read = 500, .durable = 500}), LANE_HEALTH_HEALTHY);
  EXPECT_EQ(After(200, {.read = 500, .durable = 900}), LANE_HEALTH_HEALTHY) << "it was there once";
}

TEST_F(HealthTest, WhoHasReadWhatWasThereAtTheLastLookHasCaughtUpThoughMoreHasCome) {
  After(0, Down());
  ProbeWell(3);
  EXPECT_EQ(After(5'000, {.read = 10, .durable = 500}), LANE_HEALTH_CATCHING_UP);
  EXPECT_EQ(After(200, {.read = 450, .durable = 520}), LANE_HEALTH_CATCHING_UP);
  EXPECT_EQ(After(200, {.read = 530, .durable = 540}), LANE_HEALTH_HEALTHY);
}

// Nobody else says so: it is no error, and nothing was ever open.
TEST(HealthJudgeTest, ATargetThatHangsFromTheVeryBeginningIsStalled) {
  HealthJudge judge({});
  judge.Look({.open = false, .ever_open = false, .oldest_ms = 10, .reason = "not opened yet"}, 10);
  EXPECT_EQ(judge.state(), internal::v1::LANE_HEALTH_STARTING);
  judge.Look({.open = false, .ever_open = false, .oldest_ms = 30'010}, 30'010);
  EXPECT_EQ(judge.state(), internal::v1::LANE_HEALTH_STALLED);
}

}  // namespace
}  // namespace tandem
