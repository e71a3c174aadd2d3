// Run time and the times of ids: what retention and request ids go by, whatever the wall clock
// does.
#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

constexpr int64_t kHourMs = 3'600'000;

class RunTime : public JournalTest {
 protected:
  RunTime() { options_.retention_ms = 30'000; }

  // Records with version 7 ids made now, until the segment with this id is there.
  void FillTo(uint64_t segment) {
    while (journal().tail().segment < segment) {
      Record record = MakeRecord(journal().next_sequence(), 3000);
      record.request_id = MakeUuidV7(world_.wall_ms(), record.sequence, 1);
      journal().Append({record});
      WaitDurable(journal().appended());
    }
  }
  bool IsForgotten(int64_t wall_ms) { return journal().recovery().forgotten.Contains(wall_ms); }
  int64_t AgeOf(size_t visited) {
    return journal().recovery().run_ms -
           std::min(process_->visited[visited].first.run_ms, journal().recovery().run_ms);
  }
};

// The segment that a failed sync starts holds its records' ids itself: none is forgotten.
TEST_F(RunTime, WhatWaitedForAFailedSyncIsNotForgotten) {
  OpenAndStart();
  const int64_t before_ms = world_.wall_ms();
  for (int i = 0; i < 2; ++i) {
    disk_.Inject({.kind = IoKind::kSync, .error = EIO, .path = "segments/"});
    Record record = MakeRecord(journal().next_sequence(), 3000);
    record.request_id = MakeUuidV7(world_.wall_ms(), record.sequence, 1);
    journal().Append({record});
    WaitDurable(journal().appended());
    world_.RunFor(kSimSecond);
  }
  SetCheckpoints(journal().tail().durable);
  world_.RunFor(kSimSecond);
  Kill();
  OpenAndStart();
  for (int64_t ms = before_ms; ms <= world_.wall_ms(); ms += 10) {
    ASSERT_FALSE(IsForgotten(ms)) << ms - before_ms;
  }
}

TEST_F(RunTime, AJumpForwardRetiresNothingEarly) {
  OpenAndStart();
  FillTo(3);
  SetCheckpoints(journal().tail().durable);
  world_.JumpWall(kHourMs);
  world_.RunFor(20 * kSimSecond);
  EXPECT_TRUE(listener().retired.empty());
  world_.RunFor(20 * kSimSecond);
  EXPECT_EQ(listener().retired.size(), 2u);
}

TEST_F(RunTime, AJumpBackKeepsNothingForEver) {
  OpenAndStart();
  FillTo(3);
  SetCheckpoints(journal().tail().durable);
  world_.JumpWall(-100 * kHourMs);
  world_.RunFor(40 * kSimSecond);
  EXPECT_EQ(listener().retired.size(), 2u);
}

TEST_F(RunTime, AJumpWhileNobodyRunsRetiresNothingEarly) {
  OpenAndStart();
  FillTo(3);
  const Sequence last = journal().appended();
  SetCheckpoints(journal().tail().durable);
  Kill();
  world_.JumpWall(kHourMs);
  OpenAndStart();
  SetCheckpoints(last);
  world_.RunFor(20 * kSimSecond);
  EXPECT_TRUE(listener().retired.empty());
  world_.RunFor(20 * kSimSecond);
  EXPECT_EQ(listener().retired.size(), 2u);
}

// However often it is killed, time adds up, within what a mark may be late.
TEST_F(RunTime, AddsUpOverManyLives) {
  OpenAndStart();
  FillTo(3);
  const Sequence last = journal().appended();
  const Sequence sealed = HeaderOf(3).first - 1;
  for (int life = 0; life < 6; ++life) {
    SetCheckpoints(last);
    world_.RunFor(7 * kSimSecond);
    AppendGroup();
    world_.RunFor(100 * kSimMs);  // a mark
    Kill();
    OpenAndStart();
    EXPECT_GE(journal().recovery().run_ms, (life + 1) * 7'000);
    EXPECT_LE(journal().recovery().run_ms, (life + 1) * 7'200 + 5'000);
  }
  SetCheckpoints(last);
  world_.RunFor(kSimSecond);
  EXPECT_GE(journal().retired(), sealed);
}

TEST_F(RunTime, IsMarkedHoweverBusy) {
  OpenAndStart();
  for (int i = 0; i < 3'000; ++i) {
    AppendGroup(1, 1);
    world_.RunFor(10 * kSimMs);  // never idle
  }
  ASSERT_EQ(journal().tail().segment, 8u);
  Kill();
  Open();
  EXPECT_GE(journal().recovery().run_ms, 20'000);
}

TEST_F(RunTime, WhatIsReadBackIsNeverOlderThanItIs) {
  OpenAndStart();
  FillTo(2);
  const int64_t sealed_ns = world_.now_ns();
  world_.RunFor(20 * kSimSecond);
  AppendGroup();
  world_.RunFor(kSimSecond);
  Kill();
  world_.JumpWall(kHourMs);
  Open();
  EXPECT_LE(AgeOf(0), (world_.now_ns() - sealed_ns) / kSimMs);
  EXPECT_GE(AgeOf(0), 20'000);
  EXPECT_EQ(AgeOf(process_->visited.size() - 1), 0) << "it may have been the last thing";
}

TEST_F(RunTime, NothingIsForgottenWhileAllIsKept) {
  OpenAndStart();
  const int64_t first_ms = world_.wall_ms();
  FillTo(3);
  Kill();
  Open();
  EXPECT_EQ(journal().recovery().forgotten, IdTimes());
  EXPECT_FALSE(IsForgotten(first_ms));
}

TEST_F(RunTime, WhatRetiredIsForgottenAndNothingElse) {
  OpenAndStart();
  const int64_t first_ms = world_.wall_ms();
  FillTo(3);
  world_.RunFor(20 * kSimSecond);
  const int64_t second_ms = world_.wall_ms();
  FillTo(4);
  SetCheckpoints(HeaderOf(3).first - 1);
  world_.RunFor(40 * kSimSecond);
  ASSERT_EQ(listener().retired.size(), 2u);
  for (int life = 0; life < 3; ++life) {
    Kill();
    OpenAndStart();
    EXPECT_TRUE(IsForgotten(first_ms));
    EXPECT_FALSE(IsForgotten(second_ms + 1)) << "all that was made then is known";
    EXPECT_FALSE(IsForgotten(world_.wall_ms()));
  }
}

// Found by the simulator, seed 800692: the write failed, the process died, and the retry of a write
// that nobody had journaled was refused.
TEST_F(RunTime, WhatDidNotBecomeDurableIsNotForgotten) {
  OpenAndStart();
  world_.RunFor(kSimSecond);  // the next segment is prepared
  disk_.Inject({.kind = IoKind::kSync, .path = "segments/"});
  Record record = MakeRecord(1, 100);
  record.request_id = MakeUuidV7(world_.wall_ms(), 1, 1);
  journal().Append({record});
  WaitDurable(1);
  ASSERT_EQ(journal().tail().segment, 2u);
  EXPECT_EQ(HeaderOf(2).ids_before, IdTimes());
}

// The clock was an hour ahead for a while. What came then has retired; what comes now is new.
TEST_F(RunTime, AfterAJumpForthAndBackOnlyThatHourIsForgotten) {
  OpenAndStart();
  FillTo(2);
  world_.JumpWall(kHourMs);
  const int64_t ahead_ms = world_.wall_ms();
  FillTo(3);
  world_.JumpWall(-kHourMs);
  SetCheckpoints(HeaderOf(3).first - 1);
  world_.RunFor(60 * kSimSecond);
  ASSERT_EQ(listener().retired.size(), 2u);
  const int64_t now_ms = world_.wall_ms();
  FillTo(4);
  Kill();
  Open();
  EXPECT_TRUE(IsForgotten(ahead_ms));
  EXPECT_FALSE(IsForgotten(now_ms));
  EXPECT_FALSE(IsForgotten(now_ms + kHourMs / 2));
}

TEST_F(RunTime, IdsOfSegmentsThatRetiredEarlyAreNotForgotten) {
  options_.retention_ms = 600'000;
  OpenAndStart();
  const int64_t first_ms = world_.wall_ms();
  for (uint64_t segment = 2; segment < 40; ++segment) {  // several times the cap
    FillTo(segment);
    SetCheckpoints(journal().tail().durable);
    world_.RunFor(kSimSecond);
  }
  ASSERT_GT(journal().retired(), 100u);
  Kill();
  Open();
  EXPECT_EQ(Visited().front(), 1u);
  EXPECT_FALSE(IsForgotten(first_ms));
  Start();
  world_.RunFor(590 * kSimSecond);
  Kill();
  Open();
  EXPECT_GT(Visited().front(), 1u);
  EXPECT_TRUE(IsForgotten(first_ms));
}

}  // namespace
}  // namespace tandem
