#include "daemon/core/target_progress.h"

#include <gtest/gtest.h>

#include "tests/unit/core/fake_lane.h"

namespace tandem {
namespace {

internal::v1::LaneHello HelloOf(Sequence checkpoint) {
  internal::v1::LaneHello hello;
  hello.set_checkpoint(checkpoint);
  return hello;
}
internal::v1::SequenceSpan SpanOf(Sequence first, Sequence last) {
  internal::v1::SequenceSpan span;
  span.set_first(first);
  span.set_last(last);
  return span;
}

class ProgressTest : public testing::Test {
 protected:
  Progress progress{{{.name = "corebank"}, {.name = "local"}}};
  TargetProgress& corebank = progress.target(0);
  TargetProgress& local = progress.target(1);
};

TEST_F(ProgressTest, ATargetWhoseLaneWasNeverSeenIsPending) {
  progress.SetDurable(5);
  EXPECT_EQ(progress.LevelOf(1, 1), Level::kJournaled);
  EXPECT_EQ(progress.LevelOf(6, 6), Level::kNone);
  EXPECT_EQ(progress.OutcomesOf(1, 1)[0].state, TargetWriteState::kPending);
}

TEST_F(ProgressTest, LocalMeansTheTargetOfThatName) {
  progress.SetDurable(5);
  ASSERT_TRUE(local.Hello(HelloOf(5), 5).ok());
  EXPECT_EQ(progress.LevelOf(1, 5), Level::kLocal);
  EXPECT_TRUE(progress.IsNeeded(Level::kLocal, 1));
  EXPECT_FALSE(progress.IsNeeded(Level::kLocal, 0));
  EXPECT_TRUE(progress.IsNeeded(Level::kAll, 0));
  EXPECT_FALSE(progress.IsNeeded(Level::kJournaled, 1));
  ASSERT_TRUE(corebank.Hello(HelloOf(4), 5).ok());
  EXPECT_EQ(progress.LevelOf(4, 4), Level::kAll);
  EXPECT_EQ(progress.LevelOf(4, 5), Level::kLocal);
}

TEST(Progress, WithoutATargetNamedLocalTheFirstOneCounts) {
  Progress progress({{.name = "a"}, {.name = "b"}});
  EXPECT_TRUE(progress.IsNeeded(Level::kLocal, 0));
  EXPECT_FALSE(progress.IsNeeded(Level::kLocal, 1));
}

TEST_F(ProgressTest, CorebankAloneIsNotLocal) {
  progress.SetDurable(5);
  ASSERT_TRUE(corebank.Hello(HelloOf(5), 5).ok());
  EXPECT_EQ(progress.LevelOf(1, 1), Level::kJournaled);
}

TEST_F(ProgressTest, AParkedWriteIsNotDurableThoughTheCheckpointPassedIt) {
  progress.SetDurable(9);
  internal::v1::LaneHello hello = HelloOf(9);
  *hello.add_parked() = FakeLane::Parked(4, "p");
  ASSERT_TRUE(local.Hello(hello, 9).ok());
  EXPECT_EQ(progress.LevelOf(4, 4), Level::kJournaled);
  EXPECT_EQ(progress.LevelOf(3, 5), Level::kJournaled) << "a batch with a parked member";
  EXPECT_EQ(progress.LevelOf(5, 5), Level::kLocal);
  EXPECT_EQ(progress.OutcomesOf(4, 4)[1].state, TargetWriteState::kFailed);
  EXPECT_EQ(progress.OutcomesOf(4, 4)[1].reason, "Is a directory");
  EXPECT_FALSE(progress.IsAppliedAnywhere(4));
  EXPECT_TRUE(progress.IsAppliedAnywhere(5));
  EXPECT_FALSE(progress.IsAppliedAnywhere(10));
  EXPECT_EQ(progress.MaxCheckpoint(), 9u);
  EXPECT_EQ(progress.MinCheckpoint(), 0u);
  ASSERT_TRUE(local.Settle(SpanOf(1, 9), 9).ok());
  EXPECT_EQ(progress.LevelOf(4, 4), Level::kJournaled) << "only unparked says that it is there";
  local.Unpark(SpanOf(4, 4));
  EXPECT_EQ(progress.LevelOf(4, 4), Level::kLocal);
}

TEST_F(ProgressTest, WatermarksABeyondDurableClaimIsRefusedAndChangesNothing) {
  progress.SetDurable(5);
  EXPECT_FALSE(local.Hello(HelloOf(6), 5).ok());
  EXPECT_FALSE(local.known());
  ASSERT_TRUE(local.Hello(HelloOf(1), 5).ok());
  EXPECT_FALSE(local.Settle(SpanOf(4, 6), 5).ok());
  EXPECT_FALSE(local.Settle(SpanOf(0, 2), 5).ok());
  EXPECT_FALSE(local.Settle(SpanOf(3, 2), 5).ok());
  EXPECT_FALSE(local.Checkpoint(6, 5).ok());
  EXPECT_FALSE(local.Park(FakeLane::Parked(6, "p"), 5).ok());
  EXPECT_EQ(local.applied(), 1u);
  EXPECT_EQ(local.checkpoint(), 1u);
}

TEST_F(ProgressTest, AHelloReplacesWhatTheLastLaneHadOnlyHintedAt) {
  progress.SetDurable(9);
  ASSERT_TRUE(local.Hello(HelloOf(2), 9).ok());
  ASSERT_TRUE(local.Settle(SpanOf(3, 9), 9).ok());
  EXPECT_EQ(local.applied(), 9u);
  internal::v1::LaneHello hello = HelloOf(3);
  *hello.add_beyond() = SpanOf(6, 7);
  ASSERT_TRUE(local.Hello(hello, 9).ok());
  EXPECT_EQ(local.applied(), 3u);
  EXPECT_TRUE(local.IsDurable(6, 7));
  EXPECT_FALSE(local.IsDurable(4, 4));
  EXPECT_EQ(local.FirstMissing(6, 9), 8u);
  EXPECT_EQ(progress.MinCheckpoint(), 0u);
  ASSERT_TRUE(corebank.Hello(HelloOf(7), 9).ok());
  EXPECT_EQ(progress.MinCheckpoint(), 3u);
}

TEST_F(ProgressTest, APathIsDisturbedByWhatIsParkedAtItAboveItAndBeneathIt) {
  progress.SetDurable(9);
  ASSERT_TRUE(local.Hello(HelloOf(0), 9).ok());
  ASSERT_TRUE(local.Park(FakeLane::Parked(1, "a/b"), 9).ok());
  for (const char* path : {"a/b", "a", "a/b/c"}) EXPECT_TRUE(local.IsDisturbed(path)) << path;
  for (const char* path : {"a/bc", "a/c", "b"}) EXPECT_FALSE(local.IsDisturbed(path)) << path;
}

TEST_F(ProgressTest, LagCountsGapsAndParkedWritesOnly) {
  LagIndex index;
  for (Sequence i = 1; i <= 10; ++i) index.Add(i, 1000 + static_cast<int64_t>(i) * 100, 10, i != 8);
  progress.SetDurable(10);
  EXPECT_EQ(local.Lag(index).writes, 9u) << "no lane was ever seen";
  EXPECT_EQ(local.Lag(index).oldest, 1u);
  ASSERT_TRUE(local.Hello(HelloOf(3), 10).ok());
  ASSERT_TRUE(local.Settle(SpanOf(5, 6), 10).ok());
  EXPECT_EQ(local.Lag(index).writes, 4u) << "4, 7, 9, 10; 8 is a chunk";
  EXPECT_EQ(local.Lag(index).bytes, 50u);
  EXPECT_EQ(local.Lag(index).oldest, 4u);
  ASSERT_TRUE(local.Settle(SpanOf(4, 7), 10).ok());
  ASSERT_TRUE(local.Settle(SpanOf(9, 10), 10).ok());
  EXPECT_EQ(local.Lag(index).writes, 0u) << "what is missing is no write";
  EXPECT_EQ(local.Lag(index).oldest, 0u);
  EXPECT_EQ(local.Lag(index).bytes, 0u);
  ASSERT_TRUE(local.Park(FakeLane::Parked(2, "p"), 10).ok());
  EXPECT_EQ(local.Lag(index).writes, 1u);
  EXPECT_EQ(local.Lag(index).oldest, 2u) << "parked is not durable";
}

using ProgressDeathTest = ProgressTest;
TEST_F(ProgressDeathTest, WatermarkDurableNeverGoesBack) {
  progress.SetDurable(5);
  EXPECT_DEATH(progress.SetDurable(4), "invariant broken");
}

TEST_F(ProgressTest, WhatATargetMissedIsNotThereUntilItMissesNothing) {
  progress.SetDurable(90);
  ASSERT_TRUE(local.Hello(HelloOf(90), 90).ok());
  ASSERT_TRUE(corebank.Hello(HelloOf(20), 90).ok());
  corebank.SetMissed({.since_ms = 1, .from = 20, .through = 60, .oldest_ms = 5, .writes = 30});
  // Its lane passes over what is copied, and goes on from there.
  ASSERT_TRUE(corebank.Checkpoint(70, 90).ok());
  EXPECT_EQ(progress.LevelOf(20, 20), Level::kAll);
  EXPECT_EQ(progress.LevelOf(21, 21), Level::kLocal);
  EXPECT_EQ(progress.LevelOf(60, 61), Level::kLocal);
  EXPECT_EQ(progress.LevelOf(61, 70), Level::kAll);
  EXPECT_EQ(corebank.FirstMissing(10, 30), std::optional<Sequence>(21));
  EXPECT_EQ(corebank.complete(), 20u);
  EXPECT_EQ(corebank.Lag(LagIndex()).writes, 30u);
  EXPECT_EQ(progress.MaxCheckpoint(), 90u);
  corebank.ClearMissed();
  EXPECT_EQ(progress.LevelOf(21, 60), Level::kAll);
}

TEST_F(ProgressTest, ADetachedTargetKeepsNothingForItself) {
  progress.SetDurable(90);
  ASSERT_TRUE(local.Hello(HelloOf(90), 90).ok());
  ASSERT_TRUE(corebank.Hello(HelloOf(20), 90).ok());
  EXPECT_EQ(progress.MinAttachedCheckpoint(), 20u);
  corebank.set_detached(true);
  EXPECT_EQ(progress.MinAttachedCheckpoint(), 90u);
  EXPECT_EQ(progress.MinCheckpoint(), 20u);
  corebank.SetMissed({.since_ms = 1, .from = 20, .through = 60});
  EXPECT_EQ(progress.MinCheckpoint(), 60u) << "it needs nothing below that";
}

}  // namespace
}  // namespace tandem
