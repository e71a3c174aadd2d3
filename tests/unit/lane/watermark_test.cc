// What a target's watermark file says must be true, and an older target must be noticed by it.
#include "daemon/lane/watermark.h"

#include <gmock/gmock.h>

#include <optional>

#include "tests/unit/lane/claim_fixture.h"

namespace tandem {
namespace {

using testing::HasSubstr;

constexpr char kFile[] = ".tandem/writers/w/watermark.json";

Watermark SomeWatermark() {
  return {.writer = "w",
          .target = "corebank",
          .target_id = "01900000-0000-7000-8000-000000000001",
          .instance = "01900000-0000-7000-8000-000000000002",
          .epoch = 3,
          .sequence = (1ull << 63) + 1,
          .complete_ms = 1'700'000'000'123,
          .written_ms = 1'700'000'005'000,
          .parked = 2};
}

TEST(WatermarkCodec, ReadsBackWhatItWrote) {
  const auto read = DecodeWatermark(EncodeWatermark(SomeWatermark()));
  ASSERT_TRUE(read.ok()) << read.status();
  const Watermark wrote = SomeWatermark();
  EXPECT_EQ(read->writer, wrote.writer);
  EXPECT_EQ(read->target, wrote.target);
  EXPECT_EQ(read->target_id, wrote.target_id);
  EXPECT_EQ(read->instance, wrote.instance);
  EXPECT_EQ(read->epoch, wrote.epoch);
  EXPECT_EQ(read->sequence, wrote.sequence);
  EXPECT_EQ(read->complete_ms, wrote.complete_ms);
  EXPECT_EQ(read->written_ms, wrote.written_ms);
  EXPECT_EQ(read->parked, wrote.parked);
  EXPECT_EQ(read->inconsistent, "");
}

TEST(WatermarkCodec, SaysTimesAndTheLabelForPeopleToo) {
  Watermark watermark = SomeWatermark();
  EXPECT_THAT(EncodeWatermark(watermark), HasSubstr("\"complete\":\"2023-11-14T22:13:20.123Z\""));
  EXPECT_THAT(EncodeWatermark(watermark), HasSubstr("\"label\":\"CONSISTENT\""));
  watermark.inconsistent = "why";
  EXPECT_THAT(EncodeWatermark(watermark), HasSubstr("\"label\":\"INCONSISTENT\""));
  EXPECT_EQ(DecodeWatermark(EncodeWatermark(watermark))->inconsistent, "why");
}

TEST(WatermarkCodec, RefusesWhatIsNone) {
  for (const char* json : {"", "[]", "{}", "{\"format\":2}", "{\"format\":1,\"writer\":\"w\"}"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeWatermark(json).status())) << json;
  }
}

std::map<Sequence, ParkedWrite> ParkedAt(Sequence sequence, int64_t wall_ms, std::string error) {
  ParkedWrite write;
  write.header.sequence = sequence;
  write.header.wall_time_ms = wall_ms;
  write.header.path = "ledger";
  write.error = std::move(error);
  return {{sequence, write}};
}

TEST(WatermarkPoint, EndsBeforeTheOldestWriteThatIsNotThere) {
  const WatermarkPoint point = WatermarkPointOf({.settled = 40, .complete_ms = 999}, {});
  EXPECT_EQ(point.sequence, 40u);
  EXPECT_EQ(point.complete_ms, 999);
  EXPECT_FALSE(point.at_tail);
  EXPECT_TRUE(WatermarkPointOf({.settled = 40, .at_tail = true}, {}).at_tail);
}

TEST(WatermarkPoint, AParkedWriteHoldsItBack) {
  const WatermarkPoint point = WatermarkPointOf(
      {.settled = 40, .at_tail = true, .complete_ms = 9'000}, ParkedAt(17, 500, "EACCES"));
  EXPECT_EQ(point.sequence, 16u);
  EXPECT_EQ(point.complete_ms, 499);
  EXPECT_FALSE(point.at_tail);
  EXPECT_EQ(point.parked, 1u);
  EXPECT_EQ(point.inconsistent, "");
}

TEST(WatermarkPoint, ASkippedWriteHoldsItBackAndMakesItInconsistent) {
  std::map<Sequence, ParkedWrite> skipped = ParkedAt(17, 500, "EACCES");
  skipped.at(17).skip = SkipNote{.reason = "ticket 4711"};
  const WatermarkPoint point = WatermarkPointOf(
      {.settled = 40, .at_tail = true, .complete_ms = 9'000}, ParkedAt(30, 800, "EACCES"), skipped);
  EXPECT_EQ(point.sequence, 16u);
  EXPECT_EQ(point.complete_ms, 499);
  EXPECT_FALSE(point.at_tail);
  EXPECT_EQ(point.parked, 1u);
  EXPECT_THAT(point.inconsistent, HasSubstr("ticket 4711"));
}

TEST(WatermarkPoint, AFileThatSomebodyElseChangedMakesItInconsistent) {
  const WatermarkPoint point =
      WatermarkPointOf({.settled = 40}, ParkedAt(17, 500, "FOREIGN_CHANGE: other size"));
  EXPECT_THAT(point.inconsistent, HasSubstr("ledger"));
}

class WatermarkTest : public ClaimFixture {
 protected:
  Watermark OnDisk() {
    const auto file = disk_.ReadFile(kFile, /*durable=*/true);
    const auto watermark = DecodeWatermark(file.value_or(""));
    EXPECT_TRUE(watermark.ok()) << watermark.status();
    return watermark.value_or(Watermark());
  }
};

TEST_F(WatermarkTest, FollowsTheLaneAndIsDurable) {
  Settle(7);
  point_.complete_ms = 1'234;
  world_.RunFor(2 * kSimSecond);
  const Watermark watermark = OnDisk();
  EXPECT_EQ(watermark.sequence, 7u);
  EXPECT_EQ(watermark.complete_ms, 1'234);
  EXPECT_EQ(watermark.writer, "w");
  EXPECT_EQ(watermark.target_id, lane().keeper.id());
  EXPECT_EQ(lane().checkpointer.state().published, 7u);
}

TEST_F(WatermarkTest, IsRefreshedWhenNothingMoves) {
  point_.at_tail = true;
  world_.RunFor(2 * kSimSecond);
  const Watermark before = OnDisk();
  world_.RunFor(10 * kSimSecond);
  const Watermark after = OnDisk();
  EXPECT_GE(after.complete_ms, before.complete_ms + 9'000);
  EXPECT_GE(after.written_ms, after.complete_ms);
  EXPECT_LE(after.complete_ms, world_.wall_ms());
}

// A record that is done again after a restart shows its own content for a moment.
TEST_F(WatermarkTest, SaysNothingThatTheLaneHasNotSaved) {
  world_.RunFor(2 * kSimSecond);
  journal_.Hang();
  Settle(7);
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(OnDisk().sequence, 0u);
  journal_.Heal();
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(OnDisk().sequence, 7u);
}

TEST_F(WatermarkTest, ATargetThatFellOffIsNoticedWithNothingToWrite) {
  world_.RunFor(2 * kSimSecond);
  ASSERT_FALSE(lane().keeper.down());
  SimDisk empty(world_);
  files_.Mount("/t", &empty);
  options_.initialize_target = false;
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_TRUE(empty.Tree().empty());
  files_.Mount("/t", &disk_);
}

TEST_F(WatermarkTest, APublicationUnderWayIsNoRollback) {
  options_.watermark_interval_ms = 1;
  world_.RunFor(2 * kSimSecond);
  for (Sequence next = 1; next <= 300; ++next) {
    Settle(next);
    world_.RunFor(static_cast<int64_t>(next % 7) * 100'000);
    ASSERT_TRUE(world_.Await(lane().keeper.IsWell())) << lane().keeper.reason();
  }
}

TEST_F(WatermarkTest, ARestartGoesOn) {
  Settle(7);
  world_.RunFor(2 * kSimSecond);
  Restart();
  world_.RunFor(2 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  EXPECT_EQ(OnDisk().sequence, 7u);
  EXPECT_EQ(OnDisk().epoch, 2u);
}

TEST_F(WatermarkTest, ATargetThatWasRolledBackIsNotWritten) {
  Settle(7);
  world_.RunFor(2 * kSimSecond);
  const std::string old = *disk_.ReadFile(kFile);
  Settle(20);
  world_.RunFor(2 * kSimSecond);
  ASSERT_EQ(lane().checkpointer.state().published, 20u);
  disk_.WriteFile(kFile, old);
  const auto before = disk_.Tree();
  Restart();
  world_.RunFor(10 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("INCONSISTENT: the target was rolled back"));
  EXPECT_EQ(disk_.Tree(), before);
  disk_.Remove(kFile);
  world_.RunFor(10 * kSimSecond);
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("has no watermark now"));
  EXPECT_FALSE(disk_.TypeOf(kFile).has_value());
}

TEST_F(WatermarkTest, ARolledBackTargetIsWellAgainWhenItsNewestStateIsBack) {
  Settle(7);
  world_.RunFor(2 * kSimSecond);
  const std::string newest = *disk_.ReadFile(kFile);
  disk_.Remove(kFile);
  Restart();
  world_.RunFor(5 * kSimSecond);
  ASSERT_TRUE(lane().keeper.down());
  disk_.WriteFile(kFile, newest);
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
}

TEST_F(WatermarkTest, AJournalThatWasRolledBackDoesNotWriteToANewerTarget) {
  LaneState old = lane().checkpointer.state();
  Settle(7);
  world_.RunFor(2 * kSimSecond);
  ASSERT_EQ(OnDisk().sequence, 7u);
  lane().publisher.Stop();
  lane().keeper.Stop();
  old.epoch = OnDisk().epoch;
  StartLane(old);
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("the journal's volume was rolled back"));
}

}  // namespace
}  // namespace tandem
