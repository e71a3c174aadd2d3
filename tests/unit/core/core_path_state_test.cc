// Rule 3 through core: who is asked, who waits, and for how long.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class Rule03PathState : public CoreFixture {
 protected:
  Rule03PathState() { Start(); }
  void Silence() { local.answering = corebank.answering = false; }
  std::vector<std::string> JournaledPaths() {
    std::vector<std::string> paths;
    for (const Record& record : journal->records()) paths.push_back(record.path);
    return paths;
  }
};

TEST_F(Rule03PathState, ALaneIsAskedOnceAndItsAnswerRemembered) {
  SetTree("f", PathKind::kFile, 5);
  Run(AppendOf("f", "1"));
  Run(AppendOf("f", "2"));
  Run(PutOf("f"));
  EXPECT_EQ(local.answered() + corebank.answered(), 2u) << "both lanes, once";
}

TEST_F(Rule03PathState, OnlyWritesOfThatPathWait) {
  SetTree("known", PathKind::kFile, 5);
  Run(PutOf("known"));
  Silence();
  Do(PutOf("d/unknown"));
  Do(AppendOf("known", "1"));
  Settle();
  EXPECT_THAT(JournaledPaths(), testing::ElementsAre("known", "known"));
}

TEST_F(Rule03PathState, Rule15WritesOfOnePathKeepTheirOrderWhileTheyWait) {
  SetTree("f", PathKind::kFile, 10);
  Silence();
  Do(AppendOf("f", "1"));
  Do(PutOf("f", "22"));
  Do(AppendOf("f", "333"));
  const OutcomePtr beneath = Do(PutOf("f/x"));
  Settle();
  EXPECT_TRUE(journal->records().empty());
  local.answering = true;
  Settle();
  ASSERT_EQ(journal->records().size(), 3u);
  EXPECT_EQ(journal->records()[0].offset, 10u);
  EXPECT_EQ(journal->records()[1].type, RecordType::kPut);
  EXPECT_EQ(journal->records()[2].offset, 2u);
  journal->Sync();
  EXPECT_EQ(beneath->reason(), "PARENT_NOT_DIRECTORY");
}

TEST_F(Rule03PathState, ARenameWaitsBehindEitherEnd) {
  SetTree("a", PathKind::kFile, 1);
  SetTree("b", PathKind::kFile, 2);
  Run(PutOf("b", "22"));
  Silence();
  Do(AppendOf("a", "1"));
  Do(RenameOf("a", "b"));
  Do(AppendOf("b", "x"));
  Settle();
  EXPECT_EQ(journal->records().size(), 1u) << "b is known, but the rename is before it";
  local.answering = true;
  Settle();
  ASSERT_EQ(journal->records().size(), 4u);
  EXPECT_EQ(journal->records()[2].type, RecordType::kRename);
  EXPECT_EQ(journal->last().offset, 2u);
}

TEST_F(Rule03PathState, WithoutAnAnswerThatWriteIsRefusedWithADelay) {
  Silence();
  const OutcomePtr first = Do(PutOf("a"));
  const OutcomePtr second = Do(AppendOf("a"));
  Settle();
  world.RunFor(4'999 * kSimMs);
  EXPECT_FALSE(first->answered());
  world.RunFor(2 * kSimMs);
  EXPECT_EQ(first->reason(), "PATH_STATE_UNKNOWN");
  EXPECT_GT(DetailOf(first->status()).retry_after_ms, 0);
  EXPECT_EQ(second->reason(), "PATH_STATE_UNKNOWN");
  EXPECT_TRUE(journal->records().empty());
  local.answering = true;
  EXPECT_TRUE(Run(PutOf("a"))->ok());
}

TEST_F(Rule03PathState, Rule14TheCallersTimeCountsIfItIsShorter) {
  Silence();
  const OutcomePtr slow = Do(PutOf("a", "1"));
  const OutcomePtr hasty = Submit(NewId(), {PutOf("a", "2")}, Level::kJournaled, 100);
  const OutcomePtr third = Do(PutOf("a", "3"));
  Settle();
  world.RunFor(101 * kSimMs);
  EXPECT_EQ(hasty->reason(), "PATH_STATE_UNKNOWN");
  EXPECT_FALSE(slow->answered());
  local.answering = true;
  Settle();
  ASSERT_EQ(journal->records().size(), 2u);
  EXPECT_EQ(journal->records()[0].payload, "1");
  EXPECT_EQ(journal->records()[1].payload, "3");
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(third->ok());
}

TEST_F(Rule03PathState, TheFirstUsableAnswerCounts) {
  SetTree("a", PathKind::kFile, 4);
  local.answering = false;
  Do(AppendOf("a"));
  Settle();
  EXPECT_EQ(journal->last().offset, 4u) << "corebank answered";
  local.answering = true;
  Settle();
  EXPECT_EQ(journal->records().size(), 1u) << "the late answer changes nothing";
}

TEST_F(Rule03PathState, ALaneThatCannotTellIsAskedAgain) {
  SetTree("a", PathKind::kFile, 4);
  local.answer_error = corebank.answer_error = "not mounted";
  const OutcomePtr outcome = Do(AppendOf("a"));
  Settle();
  local.answer_error = "";
  world.RunFor(kSimSecond);
  Settle();
  ASSERT_EQ(journal->records().size(), 1u);
  EXPECT_EQ(journal->last().offset, 4u);
}

TEST_F(Rule03PathState, AQuestionOfALostLaneGoesToItsSuccessor) {
  SetTree("a", PathKind::kFile, 4);
  Silence();
  Do(AppendOf("a"));
  Settle();
  local.Break();
  local.answering = true;
  Attach(local, "local");
  Settle();
  ASSERT_EQ(journal->records().size(), 1u);
}

TEST_F(Rule03PathState, WithoutAnyLaneWritesWaitForTheFirst) {
  core.reset();
  world.Poll();
  StartWithoutLanes();
  local.tree.clear();
  const OutcomePtr outcome = Do(PutOf("a"));
  world.Poll();
  EXPECT_FALSE(outcome->answered());
  Attach(corebank, "corebank");
  Settle();
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(Rule03PathState, MoreQuestionsThanALaneTakesWaitForTheirTurn) {
  Silence();
  const size_t count = LaneEndpoint::kMaxQuestions + 300;
  for (size_t i = 0; i < count; ++i) Do(PutOf("f" + std::to_string(i)));
  world.Poll();
  EXPECT_EQ(local.Queries().size(), LaneEndpoint::kMaxQuestions);
  local.Reset();
  local.answering = true;
  Settle();
  EXPECT_EQ(journal->records().size(), count);
}

TEST_F(Rule03PathState, LanesAreNotAskedInsideADirectoryThatTandemMade) {
  Run(PutOf("day/1"));
  const size_t before = local.answered();
  Run(PutOf("day/2"));
  Run(AppendOf("day/3"));
  Run(PutOf("day/deep/4"));
  EXPECT_EQ(local.answered(), before);
  EXPECT_EQ(journal->records().size(), 4u);
}

TEST_F(Rule03PathState, AnAnswerIsOverlaidWithTheWritesInFlight) {
  Run(PutOf("d/new", "12345"));
  // Nobody applied it: the lanes still say that d is not there.
  const OutcomePtr outcome = Run(AppendOf("d/new", "6"));
  EXPECT_EQ(outcome->result().offset, 5u);
  Restart();
  const OutcomePtr after = Run(AppendOf("d/new", "7"));
  ASSERT_TRUE(after->ok()) << after->status();
  EXPECT_EQ(after->result().offset, 6u) << "from the journal, not from the lanes";
  const OutcomePtr beside = Run(PutOf("d/other"));
  ASSERT_TRUE(beside->ok()) << beside->status();
  EXPECT_EQ(Run(PutOf("d"))->reason(), "PATH_IS_DIRECTORY");
}

TEST_F(Rule03PathState, WhereThePathIsParkedTheParkedWriteCounts) {
  options.targets[0].saved_checkpoint = options.targets[1].saved_checkpoint = 1;
  Record put;
  put.sequence = 1;
  put.type = RecordType::kPut;
  put.request_id = OtherId();
  put.path = "d/f";
  put.result_size = 50;
  core.reset();
  world.Poll();
  StartWithoutLanes({put});
  // Applied on local; parked on corebank, where something else is at the path.
  core->AttachLane("corebank", corebank.Connect());
  corebank.Reset();
  corebank.Hello(1, {}, {FakeLane::Parked(1, "d/f", "", 50)});
  corebank.tree["d"] = {.kind = PathKind::kFile, .size = 1};
  const OutcomePtr outcome = Do(AppendOf("d/f"));
  Settle();
  ASSERT_EQ(journal->records().size(), 2u);
  EXPECT_EQ(journal->last().offset, 50u);
}

TEST_F(Rule03PathState, ALaneBehindWhatWasForgottenIsNotBelieved) {
  options.targets[0].saved_checkpoint = options.targets[1].saved_checkpoint = 1;
  Record put;
  put.sequence = 1;
  put.request_id = OtherId();
  put.path = "f";
  put.result_size = 50;
  core.reset();
  world.Poll();
  StartWithoutLanes({put});
  local.tree["f"] = {.kind = PathKind::kFile, .size = 3};
  Attach(local, "local", 0);  // its state was lost: it would have to apply 1 again
  const OutcomePtr outcome = Do(AppendOf("f"));
  Settle();
  EXPECT_EQ(journal->records().size(), 1u);
  local.tree["f"] = {.kind = PathKind::kFile, .size = 50};
  local.Durable(1, 1);
  local.Checkpoint(1);
  world.RunFor(kSimSecond);
  Settle();
  ASSERT_EQ(journal->records().size(), 2u);
  EXPECT_EQ(journal->last().offset, 50u);
}

}  // namespace
}  // namespace tandem
