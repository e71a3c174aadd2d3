// Promise 7 and rules 2 and 8: one effect per request_id.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class Rule08Idempotency : public CoreFixture {
 protected:
  Rule08Idempotency() { Start(); }
};

TEST_F(Rule08Idempotency, ARetryInFlightWaitsForTheFirstAttempt) {
  const Uuid id = NewId();
  const OutcomePtr first = Submit(id, {AppendOf("log")});
  Settle();
  const OutcomePtr retry = Submit(id, {AppendOf("log")});
  Settle();
  EXPECT_EQ(journal->records().size(), 1u);
  EXPECT_FALSE(retry->answered()) << "the answer depends on a record that is not durable";
  journal->Sync();
  world.Poll();
  ASSERT_TRUE(first->ok());
  ASSERT_TRUE(retry->ok());
  EXPECT_FALSE(first->value().earlier_attempt);
  EXPECT_TRUE(retry->value().earlier_attempt);
  EXPECT_EQ(retry->result().sequence, first->result().sequence);
  EXPECT_EQ(retry->result().crc32c, first->result().crc32c);
}

TEST_F(Rule08Idempotency, ARetryLaterIsAnsweredForItsOwnLevel) {
  const Uuid id = NewId();
  Submit(id, {PutOf("a")});
  Settle();
  journal->Sync();
  Settle();
  const OutcomePtr retry = Submit(id, {PutOf("a")}, Level::kLocal);
  Settle();
  EXPECT_FALSE(retry->answered());
  local.Durable(1, 1);
  ASSERT_TRUE(retry->ok());
  EXPECT_TRUE(retry->value().earlier_attempt);
  EXPECT_EQ(retry->value().level_reached, Level::kLocal);
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(Rule08Idempotency, OtherContentUnderOneIdIsRefused) {
  const Uuid id = NewId();
  Submit(id, {PutOf("a", "1")});
  Settle();
  const std::vector<Operation> others = {PutOf("a", "2"), PutOf("b", "1"), AppendOf("a", "1"),
                                         PutOf("a", "1", true)};
  std::vector<OutcomePtr> outcomes;
  for (const Operation& other : others) outcomes.push_back(Submit(id, {other}));
  Settle();
  for (const OutcomePtr& outcome : outcomes) {
    EXPECT_FALSE(outcome->answered()) << "rule 2: the first is not durable yet";
  }
  journal->Sync();
  for (const OutcomePtr& outcome : outcomes) EXPECT_EQ(outcome->reason(), "REQUEST_ID_REUSED");
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(Rule08Idempotency, ARetryJoinsAnAttemptThatWaitsForItsPath) {
  local.answering = corebank.answering = false;
  const Uuid id = NewId();
  const OutcomePtr first = Submit(id, {PutOf("a", "1")});
  const OutcomePtr retry = Submit(id, {PutOf("a", "1")});
  const OutcomePtr other = Submit(id, {PutOf("a", "2")});
  Settle();
  EXPECT_TRUE(journal->records().empty());
  local.answering = true;
  Settle();
  EXPECT_EQ(journal->records().size(), 1u);
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(first->ok());
  ASSERT_TRUE(retry->ok());
  EXPECT_TRUE(retry->value().earlier_attempt);
  EXPECT_EQ(other->reason(), "REQUEST_ID_REUSED");
}

TEST_F(Rule08Idempotency, WhenTheAttemptIsRefusedSoIsWhoJoinedAndTheIdIsFree) {
  local.answering = corebank.answering = false;
  SetTree("a", PathKind::kDirectory);
  const Uuid id = NewId();
  const OutcomePtr first = Submit(id, {PutOf("a", "1")});
  const OutcomePtr retry = Submit(id, {PutOf("a", "1")});
  const OutcomePtr other = Submit(id, {PutOf("b", "2")});
  Settle();
  local.answering = true;
  Settle();
  EXPECT_EQ(first->reason(), "PATH_IS_DIRECTORY");
  EXPECT_EQ(retry->reason(), "PATH_IS_DIRECTORY");
  ASSERT_EQ(journal->records().size(), 1u);
  EXPECT_EQ(journal->last().path, "b");
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(other->ok());
  EXPECT_FALSE(other->value().earlier_attempt);
}

TEST_F(Rule08Idempotency, IdsAreKnownAcrossARestart) {
  const Uuid single = NewId();
  const Uuid batch = OtherId();
  Submit(single, {AppendOf("log", "12345")});
  const OutcomePtr before = Submit(batch, {PutOf("a"), DeleteOf("nothing")});
  Settle();
  journal->Sync();
  world.Poll();
  Restart();
  const OutcomePtr retry = Submit(single, {AppendOf("log", "12345")});
  const OutcomePtr batch_retry = Submit(batch, {PutOf("a"), DeleteOf("nothing")});
  const OutcomePtr reused = Submit(single, {AppendOf("log", "other")});
  Settle();
  ASSERT_TRUE(retry->ok()) << retry->status();
  EXPECT_TRUE(retry->value().earlier_attempt);
  EXPECT_EQ(retry->result().sequence, 1u);
  EXPECT_EQ(retry->result().size, 5u);
  ASSERT_TRUE(batch_retry->ok());
  ASSERT_EQ(batch_retry->value().results.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(batch_retry->value().results[i].sequence, before->value().results[i].sequence);
    EXPECT_EQ(batch_retry->value().results[i].crc32c, before->value().results[i].crc32c);
    EXPECT_EQ(batch_retry->value().results[i].existed, before->value().results[i].existed);
  }
  EXPECT_EQ(reused->reason(), "REQUEST_ID_REUSED");
  EXPECT_EQ(journal->records().size(), 3u);
}

TEST_F(Rule08Idempotency, AnIdOlderThanTheWindowIsRefused) {
  const Uuid id = NewId();
  Submit(id, {PutOf("a")});
  Settle();
  journal->Sync();
  world.RunFor(14 * 60 * kSimSecond);
  const OutcomePtr known = Submit(id, {PutOf("a")});
  world.Poll();
  EXPECT_TRUE(known->ok());
  world.RunFor(2 * 60 * kSimSecond);
  const OutcomePtr old = Submit(id, {PutOf("a")});
  world.Poll();
  EXPECT_EQ(old->reason(), "REQUEST_ID_EXPIRED");
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(Rule08Idempotency, IdsOfRetiredRecordsAreRefusedAfterARestart) {
  const Uuid lost = NewId();
  Submit(lost, {PutOf("a")});
  Settle();
  world.RunFor(10 * kSimSecond);
  Submit(NewId(), {PutOf("b")});
  Settle();
  journal->Sync();
  world.RunFor(10 * kSimSecond);
  // Near its cap the journal retired the first record before its time.
  const std::vector<Record> kept = {journal->records()[1]};
  core.reset();
  world.Poll();
  forgotten.Add(*lost.UnixMs());
  Start(kept);
  const OutcomePtr retry = Submit(lost, {PutOf("a")});
  Settle();
  EXPECT_EQ(retry->reason(), "REQUEST_ID_EXPIRED");
  EXPECT_TRUE(Run(PutOf("c"))->ok()) << "new ids are taken";
}

TEST_F(Rule08Idempotency, IdsOfRetiredRecordsAreKnownWhileTheirFootersAreThere) {
  const Uuid id = NewId();
  Submit(id, {AppendOf("log", "12345")});
  Submit(NewId(), {PutOf("b")});
  Settle();
  journal->Sync();
  const std::vector<Record> kept = journal->records();
  core.reset();
  world.Poll();
  StartWithoutLanes(kept, 1);
  EXPECT_EQ(core->View().targets[0].lag_writes, 1u) << "what was retired is applied";
  EXPECT_EQ(core->View().targets[0].checkpoint, 1u);
  SetTree("log", PathKind::kFile, 5);
  Attach(local, "local", 1);
  Attach(corebank, "corebank", 1);
  const OutcomePtr retry = Submit(id, {AppendOf("log", "12345")});
  Settle();
  ASSERT_TRUE(retry->ok()) << retry->status();
  EXPECT_TRUE(retry->value().earlier_attempt);
  EXPECT_EQ(retry->value().level_reached, Level::kAll);
  EXPECT_EQ(Run(AppendOf("log", "6"))->result().offset, 5u) << "told by a lane";
}

TEST_F(Rule08Idempotency, AFullIndexOfOtherIdsIsSaid) {
  options.max_request_ids = 2;
  core.reset();
  Start();
  Submit(OtherId(), {PutOf("a")});
  Submit(OtherId(), {PutOf("b")});
  Settle();
  const OutcomePtr full = Submit(OtherId(), {PutOf("c")});
  Settle();
  EXPECT_EQ(full->reason(), "REQUEST_IDS_FULL");
  EXPECT_EQ(journal->records().size(), 2u);
}

TEST_F(Rule08Idempotency, GetWriteFindsByIdAndByEverySequence) {
  const Uuid id = NewId();
  const int64_t now_ms = world.wall_ms();
  Submit(id, {PutOf("a"), PutOf("b")});
  Settle();
  auto info = core->GetWrite(Sequence{2});
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->reply.level_reached, Level::kNone) << "not durable yet";
  journal->Sync();
  info = core->GetWrite(id);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->request_id, id);
  EXPECT_EQ(info->journaled_ms, now_ms);
  EXPECT_EQ(info->reply.level_reached, Level::kJournaled);
  EXPECT_EQ(info->reply.results.size(), 2u);
  EXPECT_EQ(ReasonOf(core->GetWrite(Sequence{3}).status()), Reason::kWriteNotFound);
  EXPECT_EQ(ReasonOf(core->GetWrite(NewId()).status()), Reason::kWriteNotFound);
}

class Rule02Conditions : public CoreFixture {
 protected:
  Rule02Conditions() { Start(); }
};

TEST_F(Rule02Conditions, ARefusalWaitsUntilWhatItDependsOnIsDurable) {
  SetTree("f", PathKind::kFile, 1);
  Do(PutOf("new/a"));
  Do(DeleteOf("f"));
  Settle();
  const OutcomePtr exists = Do(PutOf("new/a", "x", true));
  const OutcomePtr directory = Do(PutOf("new"));
  const OutcomePtr blocked = Do(PutOf("new/a/b"));
  const OutcomePtr gone = Do(TruncateOf("f", 0));
  const OutcomePtr in_batch = Submit(NewId(), {DeleteOf("z"), PutOf("new/a", "x", true)});
  Settle();
  for (const OutcomePtr& outcome : {exists, directory, blocked, gone, in_batch}) {
    EXPECT_FALSE(outcome->answered());
  }
  journal->SyncTo(1);
  EXPECT_EQ(exists->reason(), "PATH_EXISTS");
  EXPECT_EQ(directory->reason(), "PATH_IS_DIRECTORY");
  EXPECT_EQ(blocked->reason(), "PARENT_NOT_DIRECTORY");
  EXPECT_EQ(in_batch->reason(), "PATH_EXISTS");
  EXPECT_FALSE(gone->answered());
  journal->SyncTo(2);
  EXPECT_EQ(gone->reason(), "PATH_NOT_FOUND");
  EXPECT_EQ(journal->records().size(), 2u);
}

TEST_F(Rule02Conditions, ARefusalThatDependsOnNothingNewIsAnsweredAtOnce) {
  SetTree("f", PathKind::kFile, 1);
  Do(PutOf("elsewhere"));
  const OutcomePtr exists = Do(PutOf("f", "x", true));
  Settle();
  EXPECT_EQ(exists->reason(), "PATH_EXISTS");
}

TEST_F(Rule02Conditions, AreEvaluatedOnceNotAgainByARetry) {
  const Uuid id = NewId();
  Submit(id, {PutOf("a", "x", true)});
  Settle();
  journal->Sync();
  const OutcomePtr retry = Submit(id, {PutOf("a", "x", true)});
  Settle();
  ASSERT_TRUE(retry->ok()) << "the file that is there is its own";
  EXPECT_FALSE(retry->result().existed);
}

TEST_F(Rule02Conditions, IfTheJournalFailsNobodyIsToldMoreThanIsKnown) {
  Do(PutOf("a"));
  Settle();
  const OutcomePtr exists = Do(PutOf("a", "x", true));
  const OutcomePtr append = Do(AppendOf("a"));
  Settle();
  journal->Fail(Refuse(Reason::kJournalFailed, "sync failed twice"));
  world.Poll();
  EXPECT_EQ(exists->reason(), "OUTCOME_UNKNOWN");
  EXPECT_EQ(append->reason(), "OUTCOME_UNKNOWN");
  const OutcomePtr later = Do(PutOf("b"));
  Settle();
  EXPECT_EQ(later->reason(), "JOURNAL_FAILED");
}

}  // namespace
}  // namespace tandem
