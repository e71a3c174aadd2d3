// The journal at its cap with `journal_full_policy: detach`: the real core, journal and lanes on
// simulated disks.
#include "tests/sim/detach_fixture.h"

namespace tandem {
namespace {

using testing::HasSubstr;

TEST_F(DetachTest, WritesGoOnWhileATargetHangsAndAllIsEqualByItselfAfterwards) {
  Boot();
  ASSERT_EQ(Write(Put("before", "b"), Level::kAll), absl::OkStatus());
  node_->target_disk(kCoreBank).Hang();
  const Answer all = Start(Put("first", "1"), Level::kAll);
  ASSERT_EQ(Fill(5, 600, Level::kLocal), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kCoreBank));
  EXPECT_EQ(Target(kCoreBank).missed.missed_paths, 6u);
  EXPECT_GT(Target(kCoreBank).lag_writes, 500u);
  EXPECT_THAT(Target(kCoreBank).status.reason(), HasSubstr("INCONSISTENT"));
  EXPECT_FALSE(all->has_value()) << "the target does not have it";
  node_->target_disk(kCoreBank).Heal();
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
  ASSERT_TRUE(Until([&] { return all->has_value(); }));
  EXPECT_TRUE((*all)->ok());
  EXPECT_EQ(Target(kCoreBank).missed.copied_paths, 6u);
  EXPECT_EQ(node_->journal_disk().ReadFile("wal/detached/corebank", true), std::nullopt);
}

TEST_F(DetachTest, TheLagIsThatOfTheOldestWriteItMisses) {
  Boot();
  node_->target_disk(kCoreBank).Hang();
  const int64_t begun_ns = world_.now_ns();
  ASSERT_EQ(Fill(5), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kCoreBank));
  ASSERT_TRUE(Until([&] { return world_.now_ns() > begun_ns + 20 * kSimSecond; }));
  EXPECT_GT(Target(kCoreBank).lag_ms, 18'000);
}

TEST_F(DetachTest, TheLocalTargetCanBeDetachedToo) {
  Boot();
  node_->target_disk(kLocal).Hang();
  ASSERT_EQ(Fill(5), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kLocal));
  node_->target_disk(kLocal).Heal();
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

TEST_F(DetachTest, OnTheTargetItselfItIsLabelledInconsistentUntilItHasEverything) {
  Boot();
  ASSERT_EQ(Write(Put("before", "b"), Level::kAll), absl::OkStatus());
  node_->SetMounted(kCoreBank, false);
  ASSERT_EQ(Fill(5), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kCoreBank));
  // It is reachable again, and the one target that has everything is not.
  node_->target_disk(kLocal).Hang();
  node_->SetMounted(kCoreBank, true);
  ASSERT_TRUE(Until([&] { return !MarkOf(kCoreBank).inconsistent.empty(); }));
  const Sequence shown = MarkOf(kCoreBank).sequence;
  node_->target_disk(kLocal).Heal();
  ASSERT_TRUE(Converge());
  ASSERT_TRUE(Until([&] { return MarkOf(kCoreBank).inconsistent.empty(); }));
  EXPECT_GT(MarkOf(kCoreBank).sequence, shown);
  ExpectEqualTrees();
}

TEST_F(DetachTest, NothingIsRetiredThatNoOtherTargetHas) {
  Boot();
  Know({"fill/0", "fill/1", "fill/2", "fill/3", "fill/4"});
  node_->target_disk(kCoreBank).Hang();
  node_->target_disk(kLocal).Hang();
  absl::Status status;
  ASSERT_TRUE(Until([&] {
    status = Fill(5, 50);
    return !status.ok();
  }));
  EXPECT_EQ(ReasonOf(status), Reason::kJournalFull) << status;
  EXPECT_FALSE(Target(kCoreBank).missed.detached);
  EXPECT_FALSE(Target(kLocal).missed.detached);
  node_->target_disk(kLocal).Heal();
  ASSERT_TRUE(WaitDetached(kCoreBank)) << "local has everything now";
  ASSERT_EQ(Fill(5), absl::OkStatus());
  node_->target_disk(kCoreBank).Heal();
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

TEST_F(DetachTest, NothingIsRetiredBeforeWhatIsMissedOfItIsDurable) {
  Boot();
  node_->target_disk(kCoreBank).Hang();
  ASSERT_EQ(Write(Put("missed", "m")), absl::OkStatus());
  const std::string segment = FirstSegment();
  std::optional<std::string> noted;
  node_->journal_disk().set_observer([&](const SimStep& step) {
    if (step.kind != IoKind::kRename || !absl::EndsWith(step.path, segment) || noted) return;
    noted = node_->journal_disk().ReadFile("wal/detached/corebank", /*durable=*/true).value_or("");
  });
  ASSERT_EQ(Fill(5, 600), absl::OkStatus());
  ASSERT_TRUE(noted.has_value());
  MissedSet set;
  ASSERT_TRUE(DecodeMissedLog(*noted, set).ok());
  EXPECT_TRUE(set.Misses("missed"));
}

TEST_F(DetachTest, NothingIsRetiredThatIsParkedOnTheOtherTarget) {
  Boot();
  Know({"denied"});
  node_->target_disk(kCoreBank).Hang();
  node_->target_disk(kLocal).FailPath("denied", EACCES);
  ASSERT_EQ(Write(Put("denied", "d")), absl::OkStatus());
  absl::Status status;
  ASSERT_TRUE(Until([&] {
    status = Fill(5, 50);
    return !status.ok();
  }));
  EXPECT_EQ(ReasonOf(status), Reason::kJournalFull) << status;
  EXPECT_FALSE(Target(kCoreBank).missed.detached);
  node_->target_disk(kLocal).FailPath("denied", 0);
  ASSERT_TRUE(WaitDetached(kCoreBank));
  node_->target_disk(kCoreBank).Heal();
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

TEST_F(DetachTest, WithMorePathsThanTheSetMayHoldWritesAreRefused) {
  options_.max_missed_paths = 4;
  Boot();
  node_->target_disk(kCoreBank).Hang();
  absl::Status status;
  ASSERT_TRUE(Until([&] {
    status = Fill(20, 50);
    return !status.ok();
  }));
  EXPECT_EQ(ReasonOf(status), Reason::kJournalFull) << status;
  node_->target_disk(kCoreBank).Heal();
  ASSERT_TRUE(Converge());
  ASSERT_EQ(Fill(20), absl::OkStatus());
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

TEST_F(DetachTest, DeletesRenamesAndDirectoriesAreMissedToo) {
  Boot();
  ASSERT_EQ(Write(Put("a", "old a"), Level::kAll), absl::OkStatus());
  ASSERT_EQ(Write(Put("gone", "g"), Level::kAll), absl::OkStatus());
  ASSERT_EQ(Write(Put("same", "s"), Level::kAll), absl::OkStatus());
  ASSERT_EQ(Write(Put("file", "becomes a directory"), Level::kAll), absl::OkStatus());
  node_->target_disk(kCoreBank).Hang();
  ASSERT_EQ(Write(Rename("a", "d/e/b")), absl::OkStatus());
  ASSERT_EQ(Write(OperationOf(OperationType::kDelete, "gone")), absl::OkStatus());
  ASSERT_EQ(Write(Put("same", "other")), absl::OkStatus());
  ASSERT_EQ(Write(Put("same", "s")), absl::OkStatus());
  ASSERT_EQ(Write(OperationOf(OperationType::kDelete, "file")), absl::OkStatus());
  ASSERT_EQ(Write(Put("file/in/it", "f")), absl::OkStatus());
  ASSERT_EQ(Write(Put("empty/x", "x")), absl::OkStatus());
  ASSERT_EQ(Write(OperationOf(OperationType::kDelete, "empty/x")), absl::OkStatus());
  ASSERT_EQ(Fill(5, 600), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kCoreBank));
  node_->target_disk(kCoreBank).Heal();
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
  EXPECT_EQ(Tree(kCoreBank).at("d/e/b"), "old a");
  EXPECT_TRUE(Tree(kCoreBank).contains("empty/"));
}

// Of a rename behind the boundary one end is missed, the other is not.
TEST_F(DetachTest, ARenameBetweenAMissedPathAndOneThatIsNot) {
  Boot();
  ASSERT_EQ(Write(Put("b", "old b"), Level::kAll), absl::OkStatus());
  ASSERT_EQ(Write(Put("c", "c"), Level::kAll), absl::OkStatus());
  node_->target_disk(kCoreBank).Hang();
  ASSERT_EQ(Write(Put("a", "a")), absl::OkStatus());
  ASSERT_EQ(Write(Put("d", "d")), absl::OkStatus());
  ASSERT_EQ(Fill(1, 600), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kCoreBank));
  ASSERT_EQ(Write(Rename("a", "b")), absl::OkStatus());
  ASSERT_EQ(Write(Put("a", "a again")), absl::OkStatus());
  ASSERT_EQ(Write(Rename("c", "d")), absl::OkStatus());
  node_->target_disk(kCoreBank).Heal();
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
  EXPECT_EQ(Tree(kCoreBank).at("b"), "a");
  EXPECT_EQ(Tree(kCoreBank).at("a"), "a again");
  EXPECT_EQ(Tree(kCoreBank).at("d"), "c");
}

TEST_F(DetachTest, AFileOfManyPiecesIsCopiedWhileItGrows) {
  Boot();
  node_->target_disk(kCoreBank).Hang();
  std::string content;
  for (int i = 0; i < 40; ++i) {
    content += absl::StrCat(i, std::string(16'000, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(
        Write(OperationOf(OperationType::kAppend, "ledger",
                          absl::StrCat(i, std::string(16'000, static_cast<char>('a' + i % 26)))))
            .ok());
  }
  ASSERT_TRUE(WaitDetached(kCoreBank));
  node_->target_disk(kCoreBank).Heal();
  for (int i = 0; i < 300; ++i) {
    content += "x";
    ASSERT_EQ(Write(OperationOf(OperationType::kAppend, "ledger", "x")), absl::OkStatus());
  }
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
  EXPECT_EQ(Tree(kCoreBank).at("ledger"), content);
}

TEST_F(DetachTest, AFileOfManyPiecesIsCopiedWhileItIsChangedInPlace) {
  Boot();
  node_->target_disk(kCoreBank).Hang();
  for (int i = 0; i < 40; ++i) {
    const std::string block(16'000, static_cast<char>('a' + i % 26));
    ASSERT_EQ(Write(OperationOf(OperationType::kAppend, "ledger", block)), absl::OkStatus());
  }
  ASSERT_TRUE(WaitDetached(kCoreBank));
  node_->target_disk(kCoreBank).Heal();
  for (int i = 0; i < 5000 && Target(kCoreBank).missed.missed_paths > 0; ++i) {
    Operation edit = OperationOf(OperationType::kWriteAt, "ledger", absl::StrCat(i));
    edit.offset = 12'345;
    ASSERT_EQ(Write(edit), absl::OkStatus());
  }
  EXPECT_EQ(Target(kCoreBank).missed.missed_paths, 0u);
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

TEST_F(DetachTest, ASourceThatHangsInTheMiddleIsWaitedFor) {
  Boot();
  node_->target_disk(kCoreBank).Hang();
  ASSERT_EQ(Fill(50, 600), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kCoreBank));
  node_->target_disk(kCoreBank).Heal();
  ASSERT_TRUE(Until([&] { return Target(kCoreBank).missed.copied_paths > 3; }));
  node_->target_disk(kLocal).Hang();
  const int64_t until_ns = world_.now_ns() + 30 * kSimSecond;
  ASSERT_TRUE(Until([&] { return world_.now_ns() > until_ns; }));
  EXPECT_TRUE(Target(kCoreBank).missed.incomplete);
  node_->target_disk(kLocal).Heal();
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

TEST_F(DetachTest, AtTheCapAgainWhileItIsBeingCopied) {
  Boot();
  for (int round = 0; round < 3; ++round) {
    node_->target_disk(kCoreBank).Hang();
    ASSERT_EQ(Fill(30, 600), absl::OkStatus());
    ASSERT_TRUE(WaitDetached(kCoreBank));
    node_->target_disk(kCoreBank).Heal();
    const uint64_t copied = Target(kCoreBank).missed.copied_paths;
    ASSERT_TRUE(Until([&] { return Target(kCoreBank).missed.copied_paths > copied + 3; }));
  }
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

TEST_F(DetachTest, APathThatTheTargetRefusesKeepsNothingElseWaiting) {
  Boot();
  node_->target_disk(kCoreBank).Hang();
  ASSERT_EQ(Write(Put("denied", "d")), absl::OkStatus());
  ASSERT_EQ(Fill(5, 600), absl::OkStatus());
  ASSERT_TRUE(WaitDetached(kCoreBank));
  node_->target_disk(kCoreBank).FailPath("denied", EACCES);
  node_->target_disk(kCoreBank).Heal();
  ASSERT_EQ(Write(Put("denied", "later")), absl::OkStatus());
  ASSERT_TRUE(Until([&] { return Target(kCoreBank).missed.missed_paths == 1; }));
  ASSERT_EQ(Fill(5, 600, Level::kAll), absl::OkStatus());
  EXPECT_TRUE(Target(kCoreBank).missed.incomplete);
  node_->target_disk(kCoreBank).FailPath("denied", 0);
  ASSERT_TRUE(Converge());
  ExpectEqualTrees();
}

}  // namespace
}  // namespace tandem
