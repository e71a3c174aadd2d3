// What core tells lanes and takes from them.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class HealthListener final : public Core::Listener {
 public:
  void OnGroup(uint64_t records, uint64_t, int64_t) override { groups += records; }
  void OnHealth() override { ++changes; }
  uint64_t groups = 0;
  int changes = 0;
};

class CoreLanes : public CoreFixture {
 protected:
  CoreLanes() { Start(); }
};

TEST_F(CoreLanes, ALaneLearnsTheTailWhenItComesAndWhenItMoves) {
  ASSERT_EQ(local.sent().size(), 1u);
  EXPECT_EQ(local.sent()[0].tail().durable(), 0u);
  Do(PutOf("a"));
  Settle();
  Do(PutOf("b"));
  Settle();
  journal->SyncTo(1);
  EXPECT_EQ(local.sent().back().tail().durable(), 1u) << "never past what is durable";
  EXPECT_EQ(local.sent().back().appended(), 2u);
  FakeLane next;
  core->AttachLane("local", next.Connect());
  EXPECT_FALSE(local.open());
  EXPECT_EQ(next.sent().at(0).tail().durable(), 1u);
}

TEST_F(CoreLanes, ALaneLearnsUpToWhereSomebodyWaitsForIt) {
  Do(PutOf("a"), Level::kLocal);
  Settle();
  Do(PutOf("b"), Level::kJournaled);
  Settle();
  journal->Sync();
  EXPECT_EQ(local.sent().back().wanted(), 1u);
  EXPECT_EQ(corebank.sent().back().wanted(), 0u);
  Do(PutOf("c"), Level::kAll);
  Settle();
  journal->Sync();
  EXPECT_EQ(local.sent().back().wanted(), 3u);
  EXPECT_EQ(corebank.sent().back().wanted(), 3u);
}

TEST_F(CoreLanes, CheckpointsGoToTheJournal) {
  Run(PutOf("a"));
  Run(PutOf("b"));
  local.Checkpoint(1);
  EXPECT_EQ(journal->checkpoints().at("local"), 1u);
  EXPECT_EQ(core->View().targets[0].checkpoint, 1u);
  Attach(corebank, "corebank", 2);
  EXPECT_EQ(journal->checkpoints().at("corebank"), 2u);
  local.Checkpoint(1);
  EXPECT_EQ(journal->checkpoints().at("local"), 1u);
}

TEST_F(CoreLanes, WatermarksALaneThatClaimsTooMuchIsDisconnectedNotBelieved) {
  const OutcomePtr outcome = Do(PutOf("a"), Level::kLocal);
  Settle();
  local.Durable(1, 1);
  EXPECT_FALSE(local.open());
  EXPECT_THAT(core->View().targets[0].status.reason(), testing::HasSubstr("claims"));
  journal->Sync();
  world.Poll();
  EXPECT_FALSE(outcome->answered());
  Attach(local, "local", 2);
  EXPECT_FALSE(local.open());
  Attach(local, "local", 1);
  EXPECT_TRUE(local.open());
  EXPECT_TRUE(outcome->ok());
}

TEST_F(CoreLanes, NothingCountsBeforeTheHello) {
  Run(PutOf("a"));
  FakeLane next;
  core->AttachLane("local", next.Connect());
  next.Durable(1, 1);
  EXPECT_FALSE(next.open());
  EXPECT_EQ(core->GetWrite(Sequence{1})->reply.level_reached, Level::kJournaled);
}

TEST_F(CoreLanes, AnUnknownTargetIsRefused) {
  FakeLane stranger;
  core->AttachLane("nowhere", stranger.Connect());
  EXPECT_FALSE(stranger.open());
}

TEST_F(CoreLanes, ACheckpointThatWentBackIsTakenAsItIs) {
  Run(PutOf("a"));
  Run(PutOf("b"));
  Apply(2);
  Attach(local, "local", 1);
  EXPECT_EQ(core->View().targets[0].applied, 1u);
  EXPECT_EQ(core->GetWrite(Sequence{2})->reply.level_reached, Level::kJournaled);
  journal->listener().OnRetired(2);
  local.Durable(2, 2);
  EXPECT_EQ(core->GetWrite(Sequence{2})->reply.level_reached, Level::kAll);
}

TEST_F(CoreLanes, HealthChangesAreTold) {
  HealthListener listener;
  core = std::make_unique<CoreImpl>(env, options, &listener);
  auto owned = std::make_unique<FakeJournal>(std::vector<Record>(), 0, [this] { world.Poll(); });
  journal = owned.get();
  core->Begin(std::move(owned));
  Attach(local, "local");
  const int before = listener.changes;
  internal::v1::LaneMessage message;
  message.mutable_status()->set_health(internal::v1::LANE_HEALTH_STALLED);
  message.mutable_status()->set_reason("sync runs for 12 s");
  local.Send(message);
  EXPECT_EQ(listener.changes, before + 1);
  local.Send(message);
  EXPECT_EQ(listener.changes, before + 1);
  EXPECT_EQ(core->View().targets[0].status.reason(), "sync runs for 12 s");
  EXPECT_EQ(core->View().targets[0].target_id, "id-1");
  EXPECT_EQ(core->View().targets[0].io_engine, "simulated");
  local.Break();
  EXPECT_EQ(listener.changes, before + 2);
  journal->listener().OnGroup(3, 100, 1);
  EXPECT_EQ(listener.groups, 3u);
  core.reset();
}

TEST_F(CoreLanes, AFullJournalAsksForCheckpoints) {
  journal->listener().OnState(JournalState::kFull, absl::ResourceExhaustedError("cap"));
  EXPECT_TRUE(local.sent().back().save_checkpoint());
  EXPECT_TRUE(corebank.sent().back().save_checkpoint());
  EXPECT_EQ(core->View().journal_state, JournalState::kFull);
  EXPECT_EQ(core->View().journal_reason, "cap");
}

TEST_F(CoreLanes, ParkedWritesShownAreBounded) {
  SetTree("f", PathKind::kFile, 1);
  for (int i = 0; i < 150; ++i) Do(AppendOf("f"));
  Settle();
  journal->Sync();
  for (Sequence i = 1; i <= 150; ++i) local.Park(i, "f");
  EXPECT_EQ(core->View().targets[0].parked_count, 150u);
  EXPECT_EQ(core->View().targets[0].parked.size(), kMaxParkedShown);
}

using CoreLanesDeathTest = CoreLanes;
TEST_F(CoreLanesDeathTest, WatermarkRetiredNeverPassesACheckpoint) {
  Run(PutOf("a"));
  local.Checkpoint(1);
  EXPECT_DEATH(journal->listener().OnRetired(1), "invariant broken") << "corebank has it not";
}

// So much may be parked that it takes several frames.
TEST_F(CoreLanes, AHelloInPartsCountsWhenItIsWhole) {
  Run(PutOf("a"));
  Run(PutOf("b"));
  core->AttachLane("local", local.Connect());
  internal::v1::LaneMessage part;
  part.mutable_hello()->set_checkpoint(2);
  part.mutable_hello()->set_target_id("id-2");
  part.mutable_hello()->set_more(true);
  *part.mutable_hello()->add_parked() = FakeLane::Parked(1, "a");
  local.Send(part);
  EXPECT_NE(core->View().targets[0].target_id, "id-2");
  EXPECT_EQ(core->View().targets[0].parked_count, 0u);
  internal::v1::LaneMessage last;
  *last.mutable_hello()->add_parked() = FakeLane::Parked(2, "b");
  local.Send(last);
  EXPECT_TRUE(local.open());
  EXPECT_EQ(core->View().targets[0].target_id, "id-2");
  EXPECT_EQ(core->View().targets[0].parked_count, 2u);
  EXPECT_EQ(core->View().targets[0].checkpoint, 2u);
}

}  // namespace
}  // namespace tandem
