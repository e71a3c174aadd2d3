// What a lane says of its target's health, from how real writes go.
#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

using internal::v1::LANE_HEALTH_DOWN;
using internal::v1::LANE_HEALTH_HEALTHY;
using testing::HasSubstr;

class LaneHealth : public LaneFixture {
 protected:
  LaneHealth() {
    options_.retry_max_ms = 5'000;
    options_.health_check_interval_ms = 1'000;
  }
  bool IsHealthy() {
    return world_.RunUntil([this] { return status_.health() == LANE_HEALTH_HEALTHY; }, kLimit);
  }
};

// Found by a user: the probe's small file still fitted where no write did.
TEST_F(LaneHealth, ATargetWithoutRoomForWritesIsDownThoughItsProbesGoWell) {
  Start();
  Do(PutRecord(0, "a", "1"));
  ASSERT_TRUE(IsHealthy());
  disk_.Inject({.kind = IoKind::kWrite, .error = ENOSPC, .persistent = true, .path = "root/"});
  const Sequence large = Append(PutRecord(0, "b", std::string(64 << 10, 'x')));
  world_.RunFor(20 * kSimSecond);
  for (int i = 0; i < 40; ++i) {
    world_.RunFor(kSimSecond / 2);
    EXPECT_EQ(status_.health(), LANE_HEALTH_DOWN);
    EXPECT_THAT(status_.reason(), HasSubstr("No space"));
  }
  EXPECT_FALSE(IsDurable(large));
  disk_.ClearFaults();
  EXPECT_TRUE(IsHealthy());
  EXPECT_TRUE(IsDurable(large)) << "it was only tried again in between";
}

TEST_F(LaneHealth, AWriteThatIsQuarantinedIsNoTroubleOfTheTarget) {
  Start();
  Do(PutRecord(0, "a", "1"));
  ASSERT_TRUE(IsHealthy());
  Refuse("b");
  EXPECT_TRUE(IsParked(Do(PutRecord(0, "b", "1"))));
  for (int i = 0; i < 20; ++i) {
    world_.RunFor(kSimSecond / 2);
    EXPECT_EQ(status_.health(), LANE_HEALTH_HEALTHY) << status_.reason();
  }
}

// Found by a review: what only waits for a parked write, and touches nothing, was taken for a write
// that went well.
TEST_F(LaneHealth, AWriteThatIsParkedUntouchedSaysNothingOfTheTarget) {
  options_.retry_initial_ms = options_.retry_max_ms = 60'000;
  Start();
  ASSERT_TRUE(IsHealthy());
  Refuse("b");
  ASSERT_TRUE(IsParked(Do(AppendRecord(0, "b", "1", 0, {}))));
  disk_.Inject({.kind = IoKind::kWrite, .error = ENOSPC, .persistent = true, .path = "root/"});
  Append(PutRecord(0, "a", std::string(64 << 10, 'x')));
  ASSERT_TRUE(world_.RunUntil([this] { return status_.health() == LANE_HEALTH_DOWN; }, kLimit));
  EXPECT_TRUE(IsParked(Do(AppendRecord(0, "b", "2", 1, FileOf(1)))));
  for (int i = 0; i < 40; ++i) {
    world_.RunFor(kSimSecond / 2);
    EXPECT_EQ(status_.health(), LANE_HEALTH_DOWN);
  }
}

// Found by a review: the reason of a failure hid that by now an operation hangs.
TEST_F(LaneHealth, ATargetThatFailedAndThenHangsSaysBoth) {
  Start();
  ASSERT_TRUE(IsHealthy());
  disk_.Inject({.kind = IoKind::kWrite, .error = ENOSPC, .persistent = true, .path = "root/"});
  Append(PutRecord(0, "a", std::string(64 << 10, 'x')));
  ASSERT_TRUE(world_.RunUntil([this] { return status_.health() == LANE_HEALTH_DOWN; }, kLimit));
  disk_.Hang();
  world_.RunFor(60 * kSimSecond);
  EXPECT_EQ(status_.health(), LANE_HEALTH_DOWN);
  EXPECT_THAT(status_.reason(), AllOf(HasSubstr("No space"), HasSubstr("has been running for")));
}

// Counts how often the lane's state could not be saved. It outlives the world, as a first base.
struct CountingLogger : public Logger {
  void Log(LogLevel, absl::string_view event, std::vector<LogField>) override {
    not_saved += event == "lane_state_not_saved" ? 1 : 0;
  }
  size_t not_saved = 0;
};
class LoggedLane : protected CountingLogger, public LaneHealth {};

// An operator was told "not opened yet", and the log four times a second what the matter was.
TEST_F(LoggedLane, ALaneThatCannotSaveItsStateSaysWhyItsTargetIsNotOpen) {
  journal_disk_.Inject(
      {.kind = IoKind::kWrite, .error = ENOSPC, .persistent = true, .path = "state"});
  world_.set_log(this);
  Start();
  world_.RunFor(10 * kSimSecond);
  EXPECT_THAT(status_.reason(), AllOf(HasSubstr("cannot be saved"), HasSubstr("No space")));
  EXPECT_EQ(not_saved, 1u);
  journal_disk_.ClearFaults();
  EXPECT_TRUE(IsHealthy());
}

// Simulator, seed 800054909: it waited for a hanging probe and said nothing for as long, neither
// that the target hangs nor why it ended.
TEST_F(LaneHealth, ALaneThatCannotGoOnSaysSoWhileItsTargetHangs) {
  options_.health_check_interval_ms = 50;
  Start();
  Do(PutRecord(0, "a", "1"));
  ASSERT_TRUE(IsHealthy());
  disk_.Hang();
  ASSERT_TRUE(world_.RunUntil([this] { return status_.in_flight() > 0; }, kLimit));
  journal_disk_.Inject({.kind = IoKind::kRead, .error = EIO, .persistent = true, .path = ".seg"});
  Append(PutRecord(0, "b", "2"));
  world_.RunFor(2 * kSimSecond);
  for (int i = 0; i < 10; ++i) {
    status_.Clear();
    world_.RunFor(kSimSecond / 2);
    EXPECT_EQ(status_.health(), LANE_HEALTH_DOWN);
    EXPECT_THAT(status_.reason(), HasSubstr("the lane cannot go on"));
    EXPECT_GT(status_.in_flight(), 0);
  }
  EXPECT_FALSE(ended().has_value());
  disk_.Heal();
  EXPECT_TRUE(world_.RunUntil([this] { return ended().has_value(); }, kLimit));
  EXPECT_FALSE(ended()->ok());
}

}  // namespace
}  // namespace tandem
