// What a lane tells of time does not follow a wall clock that jumps.
#include "daemon/lane/watermark.h"
#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

constexpr int64_t kHourMs = 3'600'000;

class LaneClock : public LaneFixture {
 protected:
  LaneClock() {
    options_.watermark_interval_ms = 1'000;
    options_.apply_linger_ms = 3'600'000;
  }
  Watermark OnDisk() {
    const auto file = disk_.ReadFile(".tandem/writers/w/watermark.json", /*durable=*/true);
    const auto watermark = DecodeWatermark(file.value_or(""));
    EXPECT_TRUE(watermark.ok()) << watermark.status();
    return watermark.value_or(Watermark());
  }
};

// Complete up to a moment: by today's clock that moment is always as long ago as it is.
TEST_F(LaneClock, TheWatermarkIsAsOldAsWhatTheTargetLacks) {
  complete_ns_ = world_.now_ns();
  Start();
  Append(PutRecord(0, "a", "1"));
  world_.RunFor(5 * kSimSecond);
  ASSERT_EQ(OnDisk().sequence, 0u);
  for (const int64_t jump_ms : {int64_t{0}, kHourMs, -3 * kHourMs, kHourMs}) {
    world_.JumpWall(jump_ms);
    Append(PutRecord(0, "b", "1"));
    world_.RunFor(3 * kSimSecond);
    const int64_t ago_ms = (world_.now_ns() - complete_ns_) / kSimMs;
    EXPECT_NEAR(OnDisk().complete_ms, world_.wall_ms() - ago_ms, 2);
  }
}

TEST_F(LaneClock, UntilCoreHasSaidSoNoMoreIsClaimedThanBefore) {
  Start();
  const int64_t before_ms = world_.wall_ms();
  Append(PutRecord(0, "a", "1"));
  world_.RunFor(5 * kSimSecond);
  EXPECT_LE(OnDisk().complete_ms, before_ms);
}

}  // namespace
}  // namespace tandem
