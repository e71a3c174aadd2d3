#include "daemon/core/acknowledgements.h"

#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class AcknowledgementsTest : public testing::Test {
 protected:
  AcknowledgementsTest() {
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_TRUE(progress.target(i).Hello(internal::v1::LaneHello(), 0).ok());
    }
  }
  OutcomePtr Wait(Sequence first, Sequence last, Level level, int64_t timeout_ms = 1000) {
    auto outcome = std::make_shared<Outcome>();
    acks.Add({.first = first,
              .last = last,
              .level = level,
              .deadline_ns = world.now_ns() + timeout_ms * kSimMs,
              .request_id = MakeUuidV7(1, 2, 3),
              .done = [outcome](absl::StatusOr<WriteReply> reply) {
                EXPECT_FALSE(outcome->answered());
                outcome->reply = std::move(reply);
              }});
    EXPECT_FALSE(outcome->answered()) << "never inside the call";
    return outcome;
  }
  void Durable(Sequence durable) {
    progress.SetDurable(durable);
    acks.OnDurable();
  }
  void Settle(size_t target, Sequence first, Sequence last) {
    internal::v1::SequenceSpan span;
    span.set_first(first);
    span.set_last(last);
    ASSERT_TRUE(progress.target(target).Settle(span, progress.durable()).ok());
    acks.OnSettled(target, first, last);
  }
  void Park(size_t target, Sequence sequence) {
    ASSERT_TRUE(
        progress.target(target).Park(FakeLane::Parked(sequence, "p"), progress.durable()).ok());
    acks.OnParked(target, sequence);
  }

  SimWorld world{1};
  NoFiles files;
  Env env = world.MakeEnv(files);
  Progress progress{{{.name = "local"}, {.name = "corebank"}}};
  int answered = 0;
  Acknowledgements acks{env, progress, [this] { ++answered; }};
};

TEST_F(AcknowledgementsTest, EachLevelIsReleasedWhenItIsReachedAndNotBefore) {
  const OutcomePtr journaled = Wait(3, 3, Level::kJournaled);
  const OutcomePtr on_local = Wait(3, 3, Level::kLocal);
  const OutcomePtr all = Wait(3, 3, Level::kAll);
  Durable(2);
  EXPECT_FALSE(journaled->answered());
  Durable(3);
  ASSERT_TRUE(journaled->ok());
  EXPECT_EQ(journaled->value().level_reached, Level::kJournaled);
  Settle(1, 3, 3);
  EXPECT_FALSE(on_local->answered());
  EXPECT_FALSE(all->answered());
  Settle(0, 1, 2);
  EXPECT_FALSE(on_local->answered());
  Settle(0, 3, 3);
  ASSERT_TRUE(on_local->ok());
  ASSERT_TRUE(all->ok());
  EXPECT_EQ(all->value().level_reached, Level::kAll);
  EXPECT_EQ(answered, 3);
  EXPECT_EQ(acks.size(), 0u);
}

TEST_F(AcknowledgementsTest, ABatchWaitsForAllItsRecords) {
  const OutcomePtr all = Wait(2, 4, Level::kAll);
  Durable(9);
  Settle(0, 2, 4);
  Settle(1, 4, 4);
  Settle(1, 2, 2);
  EXPECT_FALSE(all->answered());
  Settle(1, 3, 3);
  EXPECT_TRUE(all->ok());
}

TEST_F(AcknowledgementsTest, WhatIsReachedAlreadyIsAnsweredOnTheNextTurn) {
  Durable(5);
  Settle(0, 1, 5);
  const OutcomePtr done = Wait(4, 4, Level::kLocal);
  world.Poll();
  ASSERT_TRUE(done->ok());
  EXPECT_EQ(done->value().level_reached, Level::kLocal);
}

TEST_F(AcknowledgementsTest, Rule14TheTimeoutSaysHowFarItGot) {
  const OutcomePtr waiting = Wait(3, 3, Level::kAll, 1000);
  Durable(3);
  Settle(0, 3, 3);
  world.RunFor(999 * kSimMs);
  EXPECT_FALSE(waiting->answered());
  world.RunFor(2 * kSimMs);
  EXPECT_EQ(waiting->reason(), "DURABILITY_NOT_REACHED");
  EXPECT_EQ(waiting->metadata("sequence"), "3");
  EXPECT_EQ(waiting->metadata("level_reached"), "LOCAL");
  EXPECT_EQ(waiting->metadata("request_id"), MakeUuidV7(1, 2, 3).ToString());
  Settle(1, 3, 3);
}

TEST_F(AcknowledgementsTest, Rule05ParkedOnANeededTargetIsAnsweredAtOnce) {
  const OutcomePtr all = Wait(3, 3, Level::kAll);
  const OutcomePtr on_local = Wait(3, 3, Level::kLocal);
  const OutcomePtr batch = Wait(2, 4, Level::kAll);
  Durable(4);
  Park(1, 3);
  EXPECT_EQ(all->reason(), "TARGET_FAILED");
  EXPECT_EQ(all->metadata("target"), "corebank");
  EXPECT_EQ(all->metadata("error"), "Is a directory");
  EXPECT_EQ(all->metadata("sequence"), "3");
  EXPECT_EQ(all->metadata("level_reached"), "JOURNALED");
  EXPECT_FALSE(on_local->answered()) << "it does not need that target";
  EXPECT_EQ(batch->reason(), "TARGET_FAILED") << "the batch is one write";
  const OutcomePtr late = Wait(3, 3, Level::kAll);
  world.Poll();
  EXPECT_EQ(late->reason(), "TARGET_FAILED");
  Settle(0, 3, 3);
  EXPECT_TRUE(on_local->ok());
}

TEST_F(AcknowledgementsTest, ALaneThatLostWhatItHintedAtIsNotCounted) {
  const OutcomePtr all = Wait(3, 3, Level::kAll);
  Durable(3);
  Settle(0, 1, 3);
  // The local lane dies; its successor knows nothing of 3 being durable.
  ASSERT_TRUE(progress.target(0).Hello(internal::v1::LaneHello(), 3).ok());
  acks.OnTargetChanged(0);
  Settle(1, 1, 3);
  EXPECT_FALSE(all->answered()) << "never more than is true";
  Settle(0, 1, 3);
  EXPECT_TRUE(all->ok());
}

TEST_F(AcknowledgementsTest, AHelloReleasesWhatItCovers) {
  const OutcomePtr on_local = Wait(3, 3, Level::kLocal);
  Durable(3);
  internal::v1::LaneHello hello;
  hello.set_checkpoint(3);
  ASSERT_TRUE(progress.target(0).Hello(hello, 3).ok());
  acks.OnTargetChanged(0);
  EXPECT_TRUE(on_local->ok());
}

TEST_F(AcknowledgementsTest, Rule02ARefusalWaitsForTheRecordItDependsOn) {
  auto outcome = std::make_shared<Outcome>();
  acks.RefuseWhenDurable(
      4, Refuse(Reason::kPathExists, "there"), world.now_ns() + kSimSecond,
      [outcome](absl::StatusOr<WriteReply> reply) { outcome->reply = std::move(reply); });
  world.RunFor(kSimMs);
  EXPECT_FALSE(outcome->answered());
  Durable(4);
  EXPECT_EQ(outcome->reason(), "PATH_EXISTS");
}

TEST_F(AcknowledgementsTest, Rule02ARefusalThatNeverBecomesCertainIsUnknown) {
  auto outcome = std::make_shared<Outcome>();
  acks.RefuseWhenDurable(
      4, Refuse(Reason::kPathExists, "there"), world.now_ns() + kSimSecond,
      [outcome](absl::StatusOr<WriteReply> reply) { outcome->reply = std::move(reply); });
  world.RunFor(2 * kSimSecond);
  EXPECT_EQ(outcome->reason(), "OUTCOME_UNKNOWN");
}

TEST_F(AcknowledgementsTest, Rule07AFailedJournalLeavesTheOutcomeUnknown) {
  const OutcomePtr lost = Wait(3, 3, Level::kJournaled);
  const OutcomePtr safe = Wait(2, 2, Level::kAll);
  Durable(2);
  acks.OnJournalFailed(absl::DataLossError("sync failed twice"));
  EXPECT_EQ(lost->reason(), "OUTCOME_UNKNOWN");
  EXPECT_FALSE(safe->answered()) << "the targets may still get it";
  Settle(0, 2, 2);
  Settle(1, 2, 2);
  EXPECT_TRUE(safe->ok());
}

TEST_F(AcknowledgementsTest, ACallerMayComeBackInsideItsAnswer) {
  OutcomePtr second;
  acks.Add({.first = 1,
            .last = 1,
            .level = Level::kJournaled,
            .deadline_ns = world.now_ns() + kSimSecond,
            .done = [&](absl::StatusOr<WriteReply>) { second = Wait(2, 2, Level::kJournaled); }});
  Durable(1);
  ASSERT_NE(second, nullptr);
  EXPECT_FALSE(second->answered());
  Durable(2);
  EXPECT_TRUE(second->ok());
}

TEST_F(AcknowledgementsTest, ManyWaitForOneWrite) {
  std::vector<OutcomePtr> waiting;
  for (int i = 0; i < 50; ++i) waiting.push_back(Wait(1, 1, Level::kAll, 100 + i));
  Durable(1);
  world.RunFor(120 * kSimMs);
  Settle(0, 1, 1);
  Settle(1, 1, 1);
  int reached = 0;
  for (const OutcomePtr& outcome : waiting) {
    EXPECT_TRUE(outcome->answered());
    if (outcome->ok()) ++reached;
  }
  EXPECT_EQ(reached, 29);
  EXPECT_EQ(answered, 50);
}

}  // namespace
}  // namespace tandem
