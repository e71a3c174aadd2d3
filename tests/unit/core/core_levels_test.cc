// Promise 2 through core: levels, timeouts, parked writes, lag.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class CoreLevels : public CoreFixture {
 protected:
  CoreLevels() { Start(); }
  TargetView View(size_t target) { return core->View().targets.at(target); }
  OutcomePtr WaitFor(WriteKey key, Level level, int64_t timeout_ms = 1000) {
    auto outcome = std::make_shared<Outcome>();
    core->WaitDurable(key, level, timeout_ms, [outcome](absl::StatusOr<WriteReply> reply) {
      outcome->reply = std::move(reply);
    });
    EXPECT_FALSE(outcome->answered()) << "answered inside the call";
    return outcome;
  }
};

TEST_F(CoreLevels, NobodyIsAnsweredBeforeTheSync) {
  const OutcomePtr outcome = Do(PutOf("a"));
  Settle();
  world.RunFor(kSimSecond);
  EXPECT_FALSE(outcome->answered());
  journal->Sync();
  EXPECT_TRUE(outcome->ok());
}

// The journal's next group is on its way to the disk first.
TEST_F(CoreLevels, NobodyIsAnsweredWhileTheJournalIsBusy) {
  const OutcomePtr outcome = Do(PutOf("a"));
  Settle();
  journal->MoveDurable(1);
  EXPECT_FALSE(outcome->answered());
  world.Poll();
  EXPECT_TRUE(outcome->ok());
}

TEST_F(CoreLevels, WhatWasDurableBeforeTheJournalFailedIsAnsweredSo) {
  const OutcomePtr outcome = Do(PutOf("a"));
  Settle();
  journal->MoveDurable(1);
  journal->Fail(Refuse(Reason::kJournalFailed, "sync failed twice"));
  world.Poll();
  EXPECT_TRUE(outcome->ok());
}

TEST_F(CoreLevels, EachTargetsStateIsTold) {
  const OutcomePtr on_local = Do(PutOf("a"), Level::kLocal);
  const OutcomePtr all = Do(PutOf("b"), Level::kAll);
  Settle();
  journal->Sync();
  EXPECT_FALSE(on_local->answered());
  local.Durable(1, 2);
  ASSERT_TRUE(on_local->ok());
  EXPECT_EQ(on_local->value().level_reached, Level::kLocal);
  ASSERT_EQ(on_local->value().targets.size(), 2u);
  EXPECT_EQ(on_local->value().targets[0].target, "local");
  EXPECT_EQ(on_local->value().targets[0].state, TargetWriteState::kDurable);
  EXPECT_EQ(on_local->value().targets[1].state, TargetWriteState::kPending);
  EXPECT_FALSE(all->answered());
  corebank.Durable(2, 2);
  ASSERT_TRUE(all->ok());
  EXPECT_EQ(all->value().level_reached, Level::kAll);
}

TEST_F(CoreLevels, Rule14ATimeoutLeavesTheWriteAndARetryPicksItUp) {
  const Uuid id = NewId();
  const OutcomePtr first = Submit(id, {PutOf("a")}, Level::kAll, 500);
  Settle();
  journal->Sync();
  local.Durable(1, 1);
  world.RunFor(501 * kSimMs);
  EXPECT_EQ(first->reason(), "DURABILITY_NOT_REACHED");
  EXPECT_EQ(first->metadata("sequence"), "1");
  EXPECT_EQ(first->metadata("level_reached"), "LOCAL");
  EXPECT_EQ(first->metadata("request_id"), id.ToString());
  const OutcomePtr retry = Submit(id, {PutOf("a")}, Level::kAll, 500);
  corebank.Durable(1, 1);
  world.Poll();
  ASSERT_TRUE(retry->ok());
  EXPECT_TRUE(retry->value().earlier_attempt);
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(CoreLevels, Rule05AParkedWriteSaysSoAtOnceAndIsNotDurable) {
  const OutcomePtr all = Do(PutOf("a"), Level::kAll);
  Settle();
  journal->Sync();
  local.Durable(1, 1);
  corebank.Park(1, "a");
  EXPECT_EQ(all->reason(), "TARGET_FAILED");
  EXPECT_EQ(all->metadata("target"), "corebank");
  EXPECT_EQ(all->metadata("level_reached"), "LOCAL");
  corebank.Checkpoint(1);
  const auto info = core->GetWrite(Sequence{1});
  EXPECT_EQ(info->reply.level_reached, Level::kLocal);
  EXPECT_EQ(info->reply.targets[1].state, TargetWriteState::kFailed);
  EXPECT_EQ(View(1).parked_count, 1u);
  EXPECT_EQ(View(1).parked.at(0).path(), "a");
  EXPECT_EQ(View(1).lag_writes, 1u) << "the checkpoint passes it, the lag does not";
  EXPECT_EQ(View(1).checkpoint, 1u);
  corebank.Unpark(1);
  EXPECT_EQ(core->GetWrite(Sequence{1})->reply.level_reached, Level::kAll);
  EXPECT_EQ(View(1).lag_writes, 0u);
}

TEST_F(CoreLevels, WaitDurableBySequenceAndById) {
  const Uuid id = NewId();
  Submit(id, {PutOf("a"), PutOf("b")});
  Settle();
  const OutcomePtr by_sequence = WaitFor(Sequence{1}, Level::kLocal);
  const OutcomePtr by_id = WaitFor(id, Level::kLocal);
  const OutcomePtr late = WaitFor(id, Level::kAll);
  journal->Sync();
  local.Durable(1, 1);
  EXPECT_FALSE(by_sequence->answered()) << "a batch is one write";
  local.Durable(2, 2);
  EXPECT_TRUE(by_sequence->ok());
  ASSERT_TRUE(by_id->ok());
  EXPECT_EQ(by_id->value().results.size(), 2u);
  world.RunFor(1001 * kSimMs);
  EXPECT_EQ(late->reason(), "DURABILITY_NOT_REACHED");
  const OutcomePtr unknown = WaitFor(Sequence{9}, Level::kLocal);
  const OutcomePtr bad = WaitFor(id, Level::kNone);
  world.Poll();
  EXPECT_EQ(unknown->reason(), "WRITE_NOT_FOUND");
  EXPECT_EQ(bad->reason(), "LEVEL_UNKNOWN");
}

TEST_F(CoreLevels, WaitDurableJoinsAWriteThatIsNotSequencedYet) {
  local.answering = corebank.answering = false;
  const Uuid id = NewId();
  Submit(id, {PutOf("a")});
  const OutcomePtr waiting = WaitFor(id, Level::kJournaled);
  Settle();
  EXPECT_FALSE(waiting->answered());
  local.answering = true;
  Settle();
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(waiting->ok());
}

TEST_F(CoreLevels, LagIsTheAgeOfTheOldestWriteAndZeroWhenThereIsNone) {
  EXPECT_EQ(View(1).lag_ms, 0);
  Run(PutOf("a", "12345"));
  world.RunFor(10 * kSimSecond);
  Run(PutOf("b", "12345"));
  world.RunFor(5 * kSimSecond);
  EXPECT_EQ(View(1).lag_ms, 15'000);
  EXPECT_EQ(View(1).lag_writes, 2u);
  EXPECT_EQ(View(1).lag_bytes, 10u);
  corebank.Durable(1, 1);
  EXPECT_EQ(View(1).lag_ms, 5'000);
  EXPECT_EQ(View(1).lag_writes, 1u);
  EXPECT_EQ(View(0).lag_writes, 2u) << "each target its own";
  corebank.Durable(2, 2);
  EXPECT_EQ(View(1).lag_ms, 0);
  EXPECT_EQ(View(1).lag_bytes, 0u);
}

TEST_F(CoreLevels, LagIsTrueWhileTheLaneIsGoneAndAfterARestart) {
  Run(PutOf("a"));
  corebank.Break();
  world.RunFor(20 * kSimSecond);
  EXPECT_EQ(View(1).lag_ms, 20'000);
  EXPECT_EQ(View(1).status.health(), internal::v1::LANE_HEALTH_DOWN);
  EXPECT_EQ(View(1).status.reason(), "lane is not connected");
  Restart();
  corebank.Break();
  world.RunFor(20 * kSimSecond);
  EXPECT_EQ(View(1).lag_ms, 40'000);
  EXPECT_EQ(View(1).lag_writes, 1u);
}

TEST_F(CoreLevels, Rule05ADeadTargetCostsNothingPerWrite) {
  corebank.Break();
  SetTree("f", PathKind::kFile, 1);
  for (int i = 0; i < 1000; ++i) Do(AppendOf("f"), Level::kLocal);
  Settle();
  journal->Sync();
  local.Durable(1, 1000);
  world.Poll();
  EXPECT_EQ(View(1).lag_writes, 1000u);
  EXPECT_EQ(View(0).lag_writes, 0u);
  EXPECT_TRUE(Run(AppendOf("f"))->ok());
}

// What is not in the journal for certain was not accepted.
TEST_F(CoreLevels, WhatIsNotDurableInTimeIsUnknownNotAccepted) {
  const Uuid id = NewId();
  const OutcomePtr late = Submit(id, {PutOf("a")}, Level::kLocal, 100);
  Settle();
  world.RunFor(101 * kSimMs);
  EXPECT_EQ(late->reason(), "OUTCOME_UNKNOWN");
  const OutcomePtr waiting = WaitFor(id, Level::kJournaled, 100);
  world.RunFor(101 * kSimMs);
  EXPECT_EQ(waiting->reason(), "OUTCOME_UNKNOWN");
}

TEST_F(CoreLevels, WhoAsksAfterTheJournalFailedIsAnsweredAtOnce) {
  const Uuid id = NewId();
  const OutcomePtr first = Submit(id, {PutOf("a")});
  Settle();
  journal->Fail(Refuse(Reason::kJournalFailed, "sync failed twice"));
  world.Poll();
  EXPECT_EQ(first->reason(), "OUTCOME_UNKNOWN");
  const OutcomePtr retry = Submit(id, {PutOf("a")});
  const OutcomePtr other = Submit(id, {PutOf("a", "other")});
  const OutcomePtr waiting = WaitFor(id, Level::kJournaled, 60'000);
  world.Poll();
  EXPECT_EQ(retry->reason(), "OUTCOME_UNKNOWN");
  EXPECT_EQ(other->reason(), "OUTCOME_UNKNOWN");
  EXPECT_EQ(waiting->reason(), "OUTCOME_UNKNOWN");
}

}  // namespace
}  // namespace tandem
