#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class CoreDrain : public CoreFixture {
 protected:
  CoreDrain() { Start(); }
  // Begins to drain; `closed` has the result once it is over.
  void Drain(int64_t deadline_ms) {
    Spawn(env.executor, Keep(core->Drain(deadline_ms), &closed));
    world.Poll();
  }
  static Awaitable<void> Keep(Awaitable<absl::Status> drain, std::optional<absl::Status>* closed) {
    *closed = co_await std::move(drain);
  }
  std::optional<absl::Status> closed;
};

TEST_F(CoreDrain, NewWritesAreRefusedAndLanesFinish) {
  const OutcomePtr all = Do(PutOf("a"), Level::kAll);
  Settle();
  Drain(5000);
  EXPECT_FALSE(local.sent().back().drain()) << "the last group is not durable yet";
  const OutcomePtr refused = Do(PutOf("b"));
  world.Poll();
  EXPECT_EQ(refused->reason(), "SHUTTING_DOWN");
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(local.sent().back().drain());
  EXPECT_EQ(local.sent().back().drain_ms(), 5000u);
  EXPECT_FALSE(closed.has_value());
  Apply(1);
  EXPECT_TRUE(all->ok());
  ASSERT_TRUE(closed.has_value());
  EXPECT_TRUE(closed->ok());
  EXPECT_TRUE(journal->closed());
}

// A lane stops at the end that it knows of.
TEST_F(CoreDrain, LanesKnowTheLastEndBeforeTheyAreTold) {
  Do(PutOf("a"));
  Settle();
  Drain(5000);
  journal->MoveDurable(1);
  corebank.Send({});  // whatever it says, core looks again
  world.Poll();
  Sequence told = 0;
  for (const internal::v1::CoreMessage& message : local.sent()) {
    if (message.has_tail()) told = message.tail().durable();
    EXPECT_TRUE(!message.drain() || told == 1u);
  }
  EXPECT_TRUE(local.sent().back().drain());
}

TEST_F(CoreDrain, AHungTargetDelaysTheEndOnlyUntilTheDeadline) {
  const OutcomePtr all = Do(PutOf("a"), Level::kAll);
  Settle();
  journal->Sync();
  local.Durable(1, 1);
  local.Checkpoint(1);
  Drain(5000);
  world.RunFor(4900 * kSimMs);
  EXPECT_FALSE(closed.has_value());
  world.RunFor(200 * kSimMs);
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(all->reason(), "DURABILITY_NOT_REACHED");
  EXPECT_EQ(all->metadata("level_reached"), "LOCAL");
}

TEST_F(CoreDrain, ALaneThatIsGoneOrSaysDrainedIsNotWaitedFor) {
  Run(PutOf("a"));
  Drain(5000);
  EXPECT_FALSE(closed.has_value());
  corebank.Break();
  world.Poll();
  EXPECT_FALSE(closed.has_value());
  internal::v1::LaneMessage message;
  message.set_drained(true);
  local.Send(message);
  world.Poll();
  EXPECT_TRUE(closed.has_value());
}

TEST_F(CoreDrain, WhoWaitsForAPathIsRefused) {
  local.answering = corebank.answering = false;
  const Uuid id = NewId();
  const OutcomePtr first = Submit(id, {PutOf("a")});
  const OutcomePtr behind = Do(PutOf("a"));
  const OutcomePtr joined = Submit(id, {PutOf("a")});
  const OutcomePtr other = Submit(id, {PutOf("other")});
  world.Poll();
  Drain(1000);
  world.Poll();
  for (const OutcomePtr& outcome : {first, behind, joined, other}) {
    EXPECT_EQ(outcome->reason(), "SHUTTING_DOWN");
  }
  EXPECT_TRUE(closed.has_value());
  EXPECT_TRUE(journal->records().empty());
}

}  // namespace
}  // namespace tandem
