// The wall clock jumps, time goes on: nobody's write is doubted, nothing becomes older by it.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kMinuteNs = 60 * kSimSecond;

class CoreClock : public CoreFixture {
 protected:
  OutcomePtr Again(const Uuid& id, const std::string& path) {
    const OutcomePtr outcome = Submit(id, {PutOf(path)});
    Settle();
    journal->Sync();
    Settle();
    return outcome;
  }
  // Written by a client whose clock is the daemon's.
  Uuid Written(const std::string& path) {
    const Uuid id = NewId();
    EXPECT_TRUE(Again(id, path)->ok());
    return id;
  }
  void ExpectKnown(const Uuid& id, const std::string& path) {
    const OutcomePtr retry = Again(id, path);
    ASSERT_TRUE(retry->ok()) << retry->status();
    EXPECT_TRUE(retry->value().earlier_attempt);
  }
  void ExpectNew(const OutcomePtr& outcome) {
    ASSERT_TRUE(outcome->ok()) << outcome->status();
    EXPECT_FALSE(outcome->value().earlier_attempt);
  }
  // Core dies now and starts again; the journal knows how long it ran.
  void RestartNow() {
    run_at_start_ms += world.now_ns() / kSimMs;
    Restart();
  }
};

TEST_F(CoreClock, ARetryIsAnsweredAfterAJumpForward) {
  Start();
  const Uuid id = Written("a");
  world.JumpWall(kHourMs);
  ExpectKnown(id, "a");
  world.RunFor(14 * kMinuteNs);
  ExpectKnown(id, "a");
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(CoreClock, ARetryIsAnsweredAfterAJumpBack) {
  Start();
  const Uuid id = Written("a");
  world.JumpWall(-kHourMs);
  ExpectKnown(id, "a");
  world.RunFor(14 * kMinuteNs);
  ExpectKnown(id, "a");
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(CoreClock, ARetryIsAnsweredAfterAJumpAndARestart) {
  Start();
  const Uuid id = Written("a");
  world.JumpWall(kHourMs);
  Written("b");
  RestartNow();
  ExpectKnown(id, "a");
  world.JumpWall(-2 * kHourMs);
  RestartNow();
  ExpectKnown(id, "a");
}

TEST_F(CoreClock, NewIdsAreTakenWhileTheClockGoesForthAndBack) {
  Start();
  Written("a");
  for (const int64_t jump_ms : {kHourMs, -kHourMs, -kHourMs, kHourMs}) {
    world.JumpWall(jump_ms);
    for (int minute = 0; minute < 10; ++minute) {
      ExpectNew(Again(NewId(), "b"));
      world.RunFor(kMinuteNs);
    }
  }
}

// An hour later the clock says again what it said while it was wrong.
TEST_F(CoreClock, NewIdsAreTakenWhenTheClockComesToTheHourThatItHadSkipped) {
  Start();
  world.JumpWall(kHourMs);
  const Uuid ahead = Written("ahead");
  world.RunFor(5 * kMinuteNs);
  Written("ahead");
  world.JumpWall(-kHourMs);
  for (int minute = 0; minute < 120; ++minute) {
    const OutcomePtr outcome = Again(NewId(), "now");
    ExpectNew(outcome);
    world.RunFor(kMinuteNs);
    const OutcomePtr old = Again(ahead, "ahead");
    ASSERT_TRUE(old->ok() ? old->value().earlier_attempt : old->reason() == "REQUEST_ID_EXPIRED");
  }
}

// The clock goes back over a time whose ids are forgotten: nobody can tell an old one from a new.
TEST_F(CoreClock, WhatCannotBeToldIsRefused) {
  Start();
  const Uuid old = Written("a");
  for (int minute = 0; minute < 60; ++minute) {
    Written("b");
    world.RunFor(kMinuteNs);
  }
  EXPECT_EQ(Again(old, "a")->reason(), "REQUEST_ID_EXPIRED");
  world.JumpWall(-30 * 60'000);
  EXPECT_EQ(Again(NewId(), "a")->reason(), "REQUEST_ID_EXPIRED");
  ExpectNew(Again(OtherId(), "a"));
  world.RunFor(20 * kMinuteNs);
  ExpectNew(Again(NewId(), "a"));
}

TEST_F(CoreClock, AnOldIdThatWasNeverJournaledIsNew) {
  Start();
  const Uuid late = NewId();
  world.RunFor(60 * kMinuteNs);
  ExpectNew(Again(late, "a"));
}

TEST_F(CoreClock, AnIdOlderThanAllThatIsKeptIsNewIfNothingOfItsTimeWasForgotten) {
  forgotten.Add(world.wall_ms() - 10'000);
  const Uuid lost = MakeUuidV7(world.wall_ms() - 10'000, 1, 1);
  const Uuid fresh = MakeUuidV7(world.wall_ms() - 5'000, 1, 1);
  Start();
  EXPECT_EQ(Again(lost, "a")->reason(), "REQUEST_ID_EXPIRED");
  ExpectNew(Again(fresh, "a"));
}

TEST_F(CoreClock, LagIsTheTimeThatPassed) {
  options.heartbeat_interval_ms = 0;
  options.rpo_refuse = true;
  options.rpo_limit_ms = 30'000;
  Start();
  Written("a");
  world.RunFor(10 * kSimSecond);
  for (const int64_t jump_ms : {kHourMs, -2 * kHourMs, kHourMs}) {
    world.JumpWall(jump_ms);
    const TargetView view = core->View().targets.at(1);
    EXPECT_GE(view.lag_ms, 9'900);
    EXPECT_LE(view.lag_ms, 10'100);
    EXPECT_FALSE(core->View().rpo_at_risk);
    Written("b");
  }
  world.JumpWall(-kHourMs);
  world.RunFor(25 * kSimSecond);
  EXPECT_TRUE(core->View().rpo_at_risk) << "a clock that was set back hides no lag";
}

// Nobody ran, so the wall clock is all that there is to tell by.
TEST_F(CoreClock, LagCountsTheTimeWithoutADaemon) {
  Start();
  Written("a");
  world.RunFor(10 * kSimSecond);
  world.JumpWall(60'000);  // as if this had passed
  RestartNow();
  EXPECT_GE(core->View().targets.at(1).lag_ms, 69'000);
  world.JumpWall(-kHourMs);
  RestartNow();
  EXPECT_EQ(core->View().targets.at(1).lag_ms, 0) << "never negative";
  world.RunFor(kSimSecond);
  EXPECT_GE(core->View().targets.at(1).lag_ms, 900);
}

TEST_F(CoreClock, SinceWhenATargetIsAsItIsFollowsTheClock) {
  Start();
  internal::v1::LaneMessage message;
  message.mutable_status()->set_health(internal::v1::LANE_HEALTH_HEALTHY);
  message.mutable_status()->set_since_ms(world.wall_ms() - 5'000);
  local.Send(message);
  world.Poll();
  world.JumpWall(kHourMs);
  const auto since_ms = [&](size_t i) { return core->View().targets.at(i).status.since_ms(); };
  EXPECT_EQ(world.wall_ms() - since_ms(0), 5'000);
  world.RunFor(kSimSecond);
  world.JumpWall(-3 * kHourMs);
  EXPECT_EQ(world.wall_ms() - since_ms(0), 6'000);
  EXPECT_EQ(world.wall_ms() - since_ms(1), 1'000);
}

}  // namespace
}  // namespace tandem
