// What waits, what is skipped, and what goes on: the table in parked_store.h, cell by cell.
#include "absl/strings/str_cat.h"
#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

using internal::v1::PENDING_REFUSAL_DOWN;
using internal::v1::PENDING_REFUSAL_FULL;
using internal::v1::PENDING_REFUSAL_NOT_FOUND;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class QuarantineTest : public LaneFixture {
 protected:
  // "p" has "one", and lacks the append of "two", which is skipped.
  void Diverge() {
    Start();
    Do(PutRecord(0, "p", "one"));
    Refuse("p");
    skipped_ = Do(AppendRecord(0, "p", "two", 3, FileOf(3)));
    ASSERT_TRUE(IsParked(skipped_));
    EXPECT_EQ(Skip({skipped_}).done(), 1u);
    Allow("p");
    ASSERT_THAT(DivergedBy(skipped_), ElementsAre("p"));
  }
  Sequence skipped_ = 0;
};

TEST_F(QuarantineTest, ARetryAppliesWhatCanBeAppliedNowAndSaysSo) {
  Start();
  Refuse("p");
  const Sequence first = Do(PutRecord(0, "p", "one"));
  const Sequence second = Do(AppendRecord(0, "p", "two", 3, FileOf(3)));
  const Sequence other = Do(PutRecord(0, "q", "x"));
  EXPECT_TRUE(IsParked(first));
  EXPECT_TRUE(IsParked(second));
  EXPECT_TRUE(IsDurable(other));
  PendingResult result = Retry("p");
  EXPECT_EQ(result.done(), 0u);
  EXPECT_EQ(result.left(), 2u);
  EXPECT_THAT(result.outcomes(0).error(), HasSubstr("Permission denied"));
  EXPECT_THAT(result.outcomes(1).error(), HasSubstr("waits behind"));
  EXPECT_EQ(parked_.at(first).attempts(), 2u);
  EXPECT_EQ(parked_.at(second).attempts(), 0u);
  Allow("p");
  result = Retry("p");
  EXPECT_EQ(result.done(), 2u);
  EXPECT_EQ(result.left(), 0u);
  EXPECT_EQ(At("p"), "onetwo");
  EXPECT_TRUE(IsDurable(first));
  EXPECT_TRUE(IsDurable(second));
}

TEST_F(QuarantineTest, ARetryTriesOnlyWhatWasAskedForAndThenWhatMayGoOn) {
  Start();
  Refuse("p");
  Refuse("q");
  const Sequence p = Do(PutRecord(0, "p", "one"));
  const Sequence q = Do(PutRecord(0, "q", "x"));
  PendingCommand command;
  command.add_sequences(q);
  const PendingResult result = Ask(command);
  EXPECT_EQ(result.outcomes_size(), 1);
  EXPECT_EQ(result.outcomes(0).sequence(), q);
  EXPECT_EQ(parked_.at(p).attempts(), 1u) << "not tried again";
  Allow("q");
  EXPECT_EQ(Retry("q").done(), 1u);
  EXPECT_EQ(parked_.at(p).attempts(), 2u) << "something went on: the rest may, too";
}

TEST_F(QuarantineTest, WhatIsNotParkedIsRefusedAndNothingIsDone) {
  Start();
  EXPECT_EQ(Retry().refusal(), PENDING_REFUSAL_NOT_FOUND);
  Refuse("p");
  const Sequence p = Do(PutRecord(0, "p", "one"));
  EXPECT_EQ(Retry("q").refusal(), PENDING_REFUSAL_NOT_FOUND);
  EXPECT_EQ(Skip({p, p + 1}).refusal(), PENDING_REFUSAL_NOT_FOUND);
  EXPECT_TRUE(IsParked(p)) << "all or none";
}

TEST_F(QuarantineTest, ASkippedWriteIsDroppedAndSaysWhyForEver) {
  Diverge();
  EXPECT_EQ(At("p"), "one");
  const auto& write = parked_.at(skipped_);
  EXPECT_EQ(write.skip().reason(), "not needed");
  EXPECT_EQ(write.skip().caller(), "somebody");
  EXPECT_THAT(write.error(), HasSubstr("Permission denied"));
  EXPECT_EQ(Retry().refusal(), PENDING_REFUSAL_NOT_FOUND);
  Restart(/*power_cut=*/true);
  world_.RunFor(kSimSecond);
  EXPECT_THAT(DivergedBy(skipped_), ElementsAre("p"));
  EXPECT_EQ(parked_.at(skipped_).skip().reason(), "not needed");
  EXPECT_EQ(At("p"), "one");
}

TEST_F(QuarantineTest, EditsOfADivergedPathAreParked) {
  Diverge();
  const Sequence append = Do(AppendRecord(0, "p", "x", 6, FileOf(6)));
  Record at = AppendRecord(0, "p", "y", 1, FileOf(7));
  at.type = RecordType::kWriteAt;
  const Sequence write_at = Do(at);
  const Sequence truncate = Do(TruncateRecord(0, "p", 2, FileOf(7)));
  for (const Sequence each : {append, write_at, truncate}) EXPECT_TRUE(IsParked(each)) << each;
  EXPECT_THAT(parked_.at(append).error(), HasSubstr("DIVERGED"));
  EXPECT_THAT(parked_.at(append).error(), HasSubstr("not needed"));
  EXPECT_EQ(Retry().done(), 0u);
  EXPECT_EQ(At("p"), "one");
}

TEST_F(QuarantineTest, WhatLiesBesideOrBeneathADivergedPathIsNotConcerned) {
  Diverge();
  EXPECT_TRUE(IsDurable(Do(PutRecord(0, "other", "x"))));
  const Sequence beneath = Do(PutRecord(0, "p/q", "x"));
  EXPECT_THAT(parked_.at(beneath).error(), HasSubstr("Not a directory")) << "an error of its own";
}

TEST_F(QuarantineTest, RenamesFromOrOntoADivergedPathAreParked) {
  Diverge();
  Do(PutRecord(0, "q", "other"));
  const Sequence from = Do(RenameRecord(0, "p", "r", FileOf(6)));
  EXPECT_TRUE(IsParked(from));
  EXPECT_EQ(At("p"), "one");
  EXPECT_EQ(At("r"), "(none)");
  EXPECT_EQ(Skip({from}).done(), 1u);
  EXPECT_THAT(DivergedBy(from), ElementsAre("p", "r"));
  const Sequence onto = Do(RenameRecord(0, "q", "r", FileOf(5), FileOf(6)));
  EXPECT_TRUE(IsParked(onto));
  EXPECT_EQ(At("q"), "other");
}

TEST_F(QuarantineTest, APutMakesADivergedPathEqualAgain) {
  Diverge();
  const Sequence edit = Do(AppendRecord(0, "p", "x", 6, FileOf(6)));
  ASSERT_TRUE(IsParked(edit));
  const Sequence put = Do(PutRecord(0, "p", "new", FileOf(7)));
  EXPECT_TRUE(IsDurable(put));
  EXPECT_TRUE(IsDurable(edit)) << "replaced";
  EXPECT_TRUE(IsDurable(skipped_)) << "replaced";
  EXPECT_EQ(At("p"), "new");
  EXPECT_TRUE(IsDurable(Do(AppendRecord(0, "p", "er", 3, FileOf(3)))));
  EXPECT_EQ(At("p"), "newer");
  Restart(/*power_cut=*/true);
  world_.RunFor(kSimSecond);
  EXPECT_THAT(parked_, IsEmpty());
  EXPECT_EQ(At("p"), "newer");
}

TEST_F(QuarantineTest, ADeleteMakesADivergedPathEqualAgain) {
  Diverge();
  ASSERT_TRUE(IsParked(Do(AppendRecord(0, "p", "x", 6, FileOf(6)))));
  EXPECT_TRUE(IsDurable(Do(DeleteRecord(0, "p"))));
  EXPECT_THAT(parked_, IsEmpty());
  EXPECT_EQ(At("p"), "(none)");
  EXPECT_TRUE(IsDurable(Do(PutRecord(0, "p", "again"))));
}

TEST_F(QuarantineTest, APutThatFailsLeavesThePathDivergedAndHealsItWhenItIsTriedAgain) {
  Diverge();
  const Sequence edit = Do(AppendRecord(0, "p", "x", 6, FileOf(6)));
  Refuse("p");
  const Sequence put = Do(PutRecord(0, "p", "new", FileOf(7)));
  const Sequence after = Do(AppendRecord(0, "p", "er", 3, FileOf(3)));
  for (const Sequence each : {edit, put, after}) EXPECT_TRUE(IsParked(each)) << each;
  EXPECT_THAT(DivergedBy(skipped_), ElementsAre("p"));
  Allow("p");
  EXPECT_EQ(Retry("p").done(), 2u) << "the put, and what waited behind it";
  EXPECT_THAT(parked_, IsEmpty());
  EXPECT_EQ(At("p"), "newer");
}

TEST_F(QuarantineTest, ARenameThatWaitsIsNotReplacedByAPut) {
  Diverge();
  const Sequence rename = Do(RenameRecord(0, "p", "r", FileOf(6)));
  const Sequence put = Do(PutRecord(0, "p", "new"));
  EXPECT_TRUE(IsParked(rename));
  EXPECT_TRUE(IsParked(put));
  EXPECT_EQ(At("p"), "one");
  // Given up, it lets the put go on: one of its ends is equal again.
  EXPECT_EQ(Skip({rename}).done(), 1u);
  EXPECT_TRUE(IsDurable(put));
  EXPECT_EQ(At("p"), "new");
  EXPECT_THAT(DivergedBy(skipped_), IsEmpty());
  EXPECT_THAT(DivergedBy(rename), ElementsAre("r"));
  Restart(/*power_cut=*/true);
  world_.RunFor(kSimSecond);
  EXPECT_THAT(DivergedBy(rename), ElementsAre("r"));
  EXPECT_TRUE(IsDurable(Do(PutRecord(0, "r", "right"))));
  EXPECT_THAT(parked_, IsEmpty());
}

TEST_F(QuarantineTest, WhatIsParkedBeforeASkippedWriteIsStillOwed) {
  Start();
  Refuse("p");
  const Sequence first = Do(PutRecord(0, "p", "one"));
  const Sequence second = Do(AppendRecord(0, "p", "two", 3, FileOf(3)));
  const Sequence third = Do(AppendRecord(0, "p", "three", 6, FileOf(6)));
  EXPECT_EQ(Skip({second}).done(), 1u);
  Allow("p");
  EXPECT_EQ(Retry().done(), 1u);
  EXPECT_TRUE(IsDurable(first));
  EXPECT_EQ(At("p"), "one");
  EXPECT_TRUE(IsParked(third));
  EXPECT_THAT(DivergedBy(second), ElementsAre("p"));
}

// A retry of what came before the skipped write must not land on top of what heals the path.
TEST_F(QuarantineTest, APutThatHealsIsNeverMixedWithWhatItReplaces) {
  Start();
  for (int i = 0; i < 100; ++i) {
    const std::string path = absl::StrCat("p", i);
    Refuse(path);
    Do(PutRecord(0, path, "one"));
    const Sequence second = Do(AppendRecord(0, path, "two", 3, FileOf(3)));
    EXPECT_EQ(Skip({second}).done(), 1u);
    Allow(path);
    const Sequence put = Append(PutRecord(0, path, "new", FileOf(6)));
    world_.RunFor(i * kSimMs / 20);
    Send({});
    EXPECT_TRUE(world_.RunUntil([&] { return durable_.contains(put); }, kLimit));
    world_.RunFor(kSimSecond);
    EXPECT_EQ(At(path), "new") << i;
    EXPECT_THAT(parked_, IsEmpty()) << i;
  }
}

class QuarantineBatchTest : public QuarantineTest {
 protected:
  static Record Member(Record record, uint8_t flags) {
    record.flags = flags;
    record.request_id.bytes[3] = 1;
    return record;
  }
};

TEST_F(QuarantineBatchTest, LaterMembersGoOnWhenAnEarlierOneIsSkipped) {
  Start();
  Refuse("p");
  const Sequence first = Do(Member(PutRecord(0, "p", "one"), kRecordBatchMore));
  const Sequence second =
      Do(Member(PutRecord(0, "q", "two"), kRecordBatchMore | kRecordBatchLater));
  EXPECT_TRUE(IsParked(first));
  EXPECT_TRUE(IsParked(second));
  EXPECT_EQ(Skip({first}).done(), 1u);
  EXPECT_TRUE(IsDurable(second));
  EXPECT_EQ(At("q"), "two");
  const Sequence third = Do(Member(PutRecord(0, "r", "three"), kRecordBatchLater));
  EXPECT_TRUE(IsDurable(third));
  EXPECT_EQ(At("p"), "(none)");
}

TEST_F(QuarantineBatchTest, APutWaitsForAnEarlierMemberOfItsBatchThoughItWouldHeal) {
  Diverge();
  Refuse("q");
  const Sequence first = Do(Member(PutRecord(0, "q", "x"), kRecordBatchMore));
  const Sequence put = Do(Member(PutRecord(0, "p", "new", FileOf(6)), kRecordBatchLater));
  EXPECT_TRUE(IsParked(first));
  EXPECT_TRUE(IsParked(put));
  EXPECT_EQ(At("p"), "one");
  Allow("q");
  EXPECT_EQ(Retry().done(), 2u);
  EXPECT_EQ(At("p"), "new");
  EXPECT_THAT(parked_, IsEmpty());
}

TEST_F(QuarantineBatchTest, AMemberThatEditsADivergedPathHoldsBackTheLaterOnes) {
  Diverge();
  const Sequence edit = Do(Member(AppendRecord(0, "p", "x", 6, FileOf(6)), kRecordBatchMore));
  const Sequence later = Do(Member(PutRecord(0, "q", "y"), kRecordBatchLater));
  EXPECT_TRUE(IsParked(edit));
  EXPECT_TRUE(IsParked(later));
  EXPECT_TRUE(IsDurable(Do(PutRecord(0, "p", "new", FileOf(7)))));
  world_.RunFor(kSimSecond);
  EXPECT_TRUE(IsDurable(later)) << "the edit is replaced: nothing is in its way";
  EXPECT_THAT(parked_, IsEmpty());
}

TEST_F(QuarantineTest, ByPathAllOfItIsSkipped) {
  Start();
  Refuse("p");
  const Sequence first = Do(PutRecord(0, "p", "one"));
  const Sequence second = Do(RenameRecord(0, "q", "p", FileOf(1)));
  EXPECT_EQ(Skip({}, "p").done(), 2u);
  EXPECT_THAT(DivergedBy(first), ElementsAre("p"));
  EXPECT_THAT(DivergedBy(second), ElementsAre("q", "p"));
}

TEST_F(QuarantineTest, SkippedWritesAreBounded) {
  options_.max_parked_writes = 1;
  Diverge();
  Refuse("q");
  const Sequence q = Do(PutRecord(0, "q", "x"));
  EXPECT_EQ(Skip({q}).refusal(), PENDING_REFUSAL_FULL);
  EXPECT_TRUE(IsParked(q));
}

TEST_F(QuarantineTest, ADownTargetIsNotTriedButItsWritesCanBeSkipped) {
  Start();
  Refuse("p");
  const Sequence p = Do(PutRecord(0, "p", "one"));
  disk_.Inject({.kind = IoKind::kOpen, .error = EIO, .persistent = true, .path = ".tandem"});
  disk_.Inject({.kind = IoKind::kOpen, .error = EIO, .path = "root"});
  Append(PutRecord(0, "q", "x"));
  world_.RunFor(10 * kSimSecond);
  const PendingResult retried = Retry();
  EXPECT_EQ(retried.refusal(), PENDING_REFUSAL_DOWN) << retried.ShortDebugString();
  EXPECT_EQ(Skip({p}).done(), 1u);
}

// Promise: parked writes do not pin the journal.
TEST_F(QuarantineTest, TheCheckpointPassesWhatIsParked) {
  Start();
  Refuse("p");
  const Sequence parked = Do(PutRecord(0, "p", "poison"));
  const Sequence last = Do(PutRecord(0, "q", "x"));
  ASSERT_TRUE(IsParked(parked));
  EXPECT_TRUE(world_.RunUntil([&] { return checkpoint_ >= last; }, kLimit))
      << "checkpoint " << checkpoint_ << ", parked " << parked;
}

TEST_F(QuarantineTest, ASkipThatTheJournalsDiskRefusesAtFirstHoldsInTheEnd) {
  Start();
  Refuse("p");
  const Sequence p = Do(PutRecord(0, "p", "one"));
  journal_disk_.Inject({.kind = IoKind::kRename, .error = EIO, .path = "parked"});
  EXPECT_EQ(Skip({p}).done(), 1u);
  Allow("p");
  Restart();
  world_.RunFor(kSimSecond);
  EXPECT_THAT(DivergedBy(p), ElementsAre("p"));
  EXPECT_EQ(At("p"), "(none)");
}

// A read-only mount or export beneath a target that is well.
TEST_F(QuarantineTest, AReadOnlySubtreeIsAFaultOfItsPaths) {
  Start();
  disk_.FailPath("root/ro", EROFS);
  const Sequence refused = Do(PutRecord(0, "ro/a", "x"));
  EXPECT_TRUE(IsParked(refused));
  EXPECT_TRUE(IsDurable(Do(PutRecord(0, "b", "x"))));
}

}  // namespace
}  // namespace tandem
