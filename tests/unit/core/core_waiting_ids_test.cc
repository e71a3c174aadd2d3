// Request ids of writes that wait for what their paths are.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class Rule08WaitingIds : public CoreFixture {
 protected:
  Rule08WaitingIds() { Start(); }
};

// An attempt's deadline is not that of who joined it.
TEST_F(Rule08WaitingIds, WhoJoinedAnAttemptIsAnsweredInItsOwnTime) {
  local.answering = corebank.answering = false;
  const Uuid id = NewId();
  const OutcomePtr first = Submit(id, {PutOf("a", "1")});
  const OutcomePtr hasty = Submit(id, {PutOf("a", "1")}, Level::kJournaled, 100);
  auto waiting = std::make_shared<Outcome>();
  core->WaitDurable(id, Level::kJournaled, 100, [waiting](absl::StatusOr<WriteReply> reply) {
    waiting->reply = std::move(reply);
  });
  world.RunFor(101 * kSimMs);
  EXPECT_EQ(hasty->reason(), "OUTCOME_UNKNOWN") << "the attempt that it joined goes on";
  EXPECT_EQ(waiting->reason(), "OUTCOME_UNKNOWN");
  EXPECT_FALSE(first->answered());
  local.answering = true;
  Settle();
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(first->ok());
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(Rule08WaitingIds, WhoJoinedAnAttemptOfLessPatienceTriesForItself) {
  local.answering = corebank.answering = false;
  const Uuid id = NewId();
  const OutcomePtr hasty = Submit(id, {PutOf("a", "1")}, Level::kJournaled, 100);
  const OutcomePtr patient = Submit(id, {PutOf("a", "1")});
  world.RunFor(101 * kSimMs);
  EXPECT_EQ(hasty->reason(), "PATH_STATE_UNKNOWN");
  EXPECT_FALSE(patient->answered());
  local.answering = true;
  Settle();
  journal->Sync();
  world.Poll();
  ASSERT_TRUE(patient->ok()) << patient->status();
  EXPECT_EQ(journal->records().size(), 1u);
}

// What waits for its path was counted before the others were sequenced.
TEST_F(Rule08WaitingIds, NoIdIsForgottenForManyThatWaitedAtTheSameTime) {
  options.max_request_ids = 4;
  core.reset();
  world.Poll();
  Start();
  local.answering = corebank.answering = false;
  std::vector<Uuid> ids;
  std::vector<OutcomePtr> outcomes;
  for (int i = 0; i < 8; ++i) {
    ids.push_back(OtherId());
    outcomes.push_back(Submit(ids.back(), {AppendOf(absl::StrCat("p", i))}));
  }
  Settle();
  local.answering = true;
  Settle();
  journal->Sync();
  world.Poll();
  EXPECT_EQ(journal->records().size(), 4u);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!outcomes[i]->ok()) {
      EXPECT_EQ(outcomes[i]->reason(), "REQUEST_IDS_FULL");
      continue;
    }
    const OutcomePtr retry = Submit(ids[i], {AppendOf(absl::StrCat("p", i))});
    Settle();
    ASSERT_TRUE(retry->ok());
    EXPECT_TRUE(retry->value().earlier_attempt);
  }
  EXPECT_EQ(journal->records().size(), 4u);
}

}  // namespace
}  // namespace tandem
