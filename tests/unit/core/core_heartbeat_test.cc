// Heartbeats: lag in seconds is true when nobody writes, and nobody takes one for a write.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class CoreHeartbeatTest : public CoreFixture {
 protected:
  CoreHeartbeatTest() { options.heartbeat_interval_ms = 1'000; }

  // Lets time pass; the journal syncs, and the lanes apply what there is unless they are cut.
  void Pass(int seconds, bool corebank_answers = true) {
    for (int i = 0; i < seconds; ++i) {
      world.RunFor(kSimSecond);
      Settle();
      journal->Sync();
      Settle();
      const Sequence last = journal->tail().durable;
      if (last == 0) continue;
      local.Durable(1, last);
      local.Checkpoint(last);
      if (corebank_answers) {
        corebank.Durable(1, last);
        corebank.Checkpoint(last);
      }
      world.Poll();
    }
  }
  size_t Heartbeats() {
    size_t count = 0;
    for (const Record& record : journal->records()) {
      if (record.type == RecordType::kHeartbeat) ++count;
    }
    return count;
  }
  TargetView CoreBank() { return core->View().targets.at(1); }
};

TEST_F(CoreHeartbeatTest, BeatsWhenNobodyWrites) {
  Start();
  Pass(10);
  EXPECT_GE(Heartbeats(), 8u);
  EXPECT_LE(Heartbeats(), 10u);
  EXPECT_EQ(CoreBank().lag_ms, 0);
}

TEST_F(CoreHeartbeatTest, LagInSecondsGrowsWhenCoreBankIsCutAndNobodyWrites) {
  Start();
  Pass(5);
  Pass(30, /*corebank_answers=*/false);
  EXPECT_GE(CoreBank().lag_ms, 28'000);
  EXPECT_LE(CoreBank().lag_ms, 31'000);
  EXPECT_EQ(CoreBank().lag_writes, 0u);
  EXPECT_EQ(CoreBank().lag_bytes, 0u);
  EXPECT_EQ(core->View().targets.at(0).lag_ms, 0);
  Pass(1);
  EXPECT_EQ(CoreBank().lag_ms, 0);
}

TEST_F(CoreHeartbeatTest, IsNotNeededWhileWritesComeOrEveryTargetLacksSomething) {
  Start();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Run(PutOf("a"))->ok());
    Pass(1);
  }
  EXPECT_EQ(Heartbeats(), 0u);
  world.RunFor(2 * kSimSecond);
  const Sequence appended = journal->appended();
  world.RunFor(60 * kSimSecond);
  EXPECT_EQ(journal->appended(), appended);
}

TEST_F(CoreHeartbeatTest, ZeroMeansNone) {
  options.heartbeat_interval_ms = 0;
  Start();
  Pass(10);
  EXPECT_EQ(Heartbeats(), 0u);
}

TEST_F(CoreHeartbeatTest, NobodyCanAskForOne) {
  Start();
  Pass(3);
  ASSERT_GE(Heartbeats(), 1u);
  EXPECT_FALSE(core->GetWrite(Sequence{1}).ok());
}

}  // namespace
}  // namespace tandem
