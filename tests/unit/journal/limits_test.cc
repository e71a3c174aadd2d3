// The cap, the full disk, the lock, retention and the pin.
#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

using LimitsTest = JournalTest;

TEST_F(LimitsTest, ASecondOwnerIsRefusedAndToldWhoHoldsIt) {
  Open();
  JournalProcess second(world_, disk_);
  const absl::Status status = OpenIn(second);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("pid 17 on host test, epoch 1"), absl::string_view::npos)
      << status;
  EXPECT_EQ(second.files.open_handles(), 0u);
}

TEST_F(LimitsTest, ALockThatIsHeldAMomentLongerIsWaitedFor) {
  Open();
  JournalProcess second(world_, disk_);
  world_.After(500 * kSimMs, [this] { process_->files.Kill(); });
  EXPECT_TRUE(OpenIn(second).ok());
  EXPECT_EQ(second.journal->recovery().epoch, 2u);
}

TEST_F(LimitsTest, TheEpochGrowsWithEveryOpen) {
  for (uint64_t epoch = 1; epoch < 5; ++epoch) {
    Open();
    EXPECT_EQ(journal().recovery().epoch, epoch);
    if (epoch % 2 == 0) {
      EXPECT_TRUE(Close().ok());
    }
    Kill();
  }
}

TEST_F(LimitsTest, AnotherWritersJournalIsRefused) {
  options_.writer = "a";
  Open();
  Kill();
  options_.writer = "b";
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen()));
}

TEST_F(LimitsTest, OptionsThatCannotWorkAreRefused) {
  options_.group_bytes = options_.segment_bytes / 2;
  EXPECT_TRUE(absl::IsInvalidArgument(TryOpen()));
  options_.group_bytes = 16 << 10;
  options_.max_bytes = options_.segment_bytes;
  EXPECT_TRUE(absl::IsInvalidArgument(TryOpen()));
}

TEST_F(LimitsTest, TheCapRefusesWritesAndTheReserveIsForInternalOnes) {
  OpenAndStart();
  absl::Status status;
  while (true) {
    status = TryAppend(3000);
    if (!status.ok()) break;
    WaitDurable(journal().appended());
  }
  EXPECT_EQ(ReasonOf(status), Reason::kJournalFull);
  EXPECT_GT(DetailOf(status).retry_after_ms, 0);
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kFull; }));
  EXPECT_LE(journal().bytes_used(), options_.max_bytes - options_.reserve_bytes);
  EXPECT_GT(journal().bytes_used(), options_.max_bytes - 3 * options_.reserve_bytes);
  EXPECT_TRUE(TryAppend(3000, /*internal=*/true).ok());
  WaitDurable(journal().appended());
  while (TryAppend(3000, true).ok()) WaitDurable(journal().appended());
  uint64_t bytes = 0;  // of everything on the disk, free files too
  for (const auto& [path, content] : disk_.Tree()) {
    if (path.find("segments/") != std::string::npos && path.find(".idx") == std::string::npos &&
        path.find("reserve") == std::string::npos) {
      bytes += content.size();
    }
  }
  EXPECT_LE(bytes, options_.max_bytes);
  // Applied everywhere: it goes on, though nothing's retention is over.
  SetCheckpoints(journal().tail().durable);
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kServing; }));
  EXPECT_TRUE(TryAppend(3000).ok());
  WaitDurable(journal().appended());
}

TEST_F(LimitsTest, AFullDiskRefusesAndGoesOnByItselfWhenThereIsRoom) {
  OpenAndStart();
  AppendGroup();
  world_.RunFor(kSimSecond);
  disk_.set_capacity(disk_.used_bytes() + 10'000);
  absl::Status status;
  for (int i = 0; i < 10'000; ++i) {
    status = TryAppend(3000);
    if (ReasonOf(status) == Reason::kJournalDiskFull) break;
    if (status.ok()) {
      (void)world_.RunUntil([&] { return journal().tail().durable == journal().appended(); },
                            kSimSecond);
    } else {
      world_.RunFor(20 * kSimMs);
    }
  }
  EXPECT_EQ(ReasonOf(status), Reason::kJournalDiskFull);
  world_.RunFor(5 * kSimSecond);  // a file that was ready is used up
  while (TryAppend(3000).ok()) world_.RunFor(kSimSecond);
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kDiskFull; }));
  const Sequence durable = journal().tail().durable;
  world_.RunFor(10 * kSimSecond);
  EXPECT_EQ(journal().tail().durable, durable);
  disk_.set_capacity(1 << 30);
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kServing; }));
  WaitDurable(journal().appended());
  EXPECT_TRUE(TryAppend(3000).ok());
  WaitDurable(journal().appended());
  const Sequence last = journal().appended();
  PowerCut();
  Open();
  EXPECT_EQ(Visited().back(), last);
}

TEST_F(LimitsTest, NoRoomInTheMiddleOfAGroupIsWaitedForAndNothingIsAcknowledged) {
  OpenAndStart();
  AppendGroup();
  world_.RunFor(kSimSecond);
  disk_.Inject({.kind = IoKind::kWrite, .error = ENOSPC, .persistent = true, .path = "segments/"});
  Append();
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(journal().tail().durable, 1u);
  EXPECT_EQ(journal().state(), JournalState::kDiskFull);
  disk_.ClearFaults();
  WaitDurable(2);
  EXPECT_EQ(journal().state(), JournalState::kServing);
  ExpectReadable(1, 2);
}

TEST_F(LimitsTest, AJournalOnAFullDiskOpensAgainSoThatItCanBeAppliedAndRetired) {
  options_.retention_ms = 0;
  OpenAndStart();
  while (journal().tail().segment < 4) AppendGroup(2, 3000);
  world_.RunFor(kSimSecond);
  while (journal().tail().segment < 5) AppendGroup(2, 3000);  // uses the file that was ready
  disk_.set_capacity(disk_.used_bytes());                     // before there is another
  world_.RunFor(kSimSecond);
  disk_.set_capacity(disk_.used_bytes());
  const Sequence last = journal().appended();
  Kill();
  for (const auto& [path, content] : disk_.Tree()) {
    if (path.find("/free-") != std::string::npos) disk_.Remove(path);
  }
  disk_.set_capacity(disk_.used_bytes());
  OpenAndStart(last);
  EXPECT_EQ(Visited(), Range(1, last));
  ExpectReadable(1, last, 3000);
  SetCheckpoints(last);
  ASSERT_TRUE(RunUntil([&] { return TryAppend(3000).ok(); }));
  WaitDurable(journal().appended());
  ASSERT_TRUE(RunUntil([&] { return disk_.TypeOf("/var/journal/segments/reserve").has_value(); }));
}

// Whatever else fills the disk takes what an open did not use of the room that it was given.
TEST_F(LimitsTest, AJournalOnAFullDiskOpensAgainAndAgain) {
  OpenAndStart();
  Append();
  WaitDurable(1);
  const auto reserve_is_whole = [&] {
    return disk_.ReadFile("/var/journal/segments/reserve").value_or("").size() == 64 << 10;
  };
  ASSERT_TRUE(RunUntil(reserve_is_whole));
  world_.RunFor(kSimSecond);
  const Sequence last = journal().tail().durable;
  for (int start = 0; start < 6; ++start) {
    Kill();
    for (const auto& [path, content] : disk_.Tree()) {
      if (path.find("/free-") != std::string::npos) disk_.Remove(path);
    }
    disk_.set_capacity(disk_.used_bytes());
    OpenAndStart(last);
    EXPECT_GE(journal().recovery().last, last);
    world_.RunFor(kSimSecond);
  }
  disk_.set_capacity(1 << 30);
  ASSERT_TRUE(RunUntil([&] { return TryAppend(3000).ok(); }));
  ASSERT_TRUE(RunUntil(reserve_is_whole));
}

class RetentionTest : public JournalTest {
 protected:
  void Fill(uint64_t segments) {
    const uint64_t until = journal().tail().segment + segments;
    while (journal().tail().segment < until) AppendGroup(2, 3000);
  }
};

TEST_F(RetentionTest, NothingRetiresBeforeEveryTargetHasIt) {
  options_.retention_ms = 0;
  OpenAndStart();
  Fill(4);
  journal().SetCheckpoint("local", journal().tail().durable);
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(listener().retired.empty());
  const Sequence end_of_first = HeaderOf(2).first - 1;
  journal().SetCheckpoint("corebank", end_of_first - 1);
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(listener().retired.empty());
  journal().SetCheckpoint("corebank", end_of_first);
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(listener().retired, (std::vector<Sequence>{end_of_first}));
  EXPECT_EQ(journal().retired(), end_of_first);
  EXPECT_FALSE(disk_.TypeOf(SegmentPath(1)));
  EXPECT_FALSE(disk_.TypeOf(FooterPath(1)));
}

TEST_F(RetentionTest, NothingRetiresBeforeItsTime) {
  options_.retention_ms = 30'000;
  OpenAndStart();
  Fill(3);
  SetCheckpoints(journal().tail().durable);
  world_.RunFor(20 * kSimSecond);
  EXPECT_TRUE(listener().retired.empty());
  world_.RunFor(20 * kSimSecond);
  EXPECT_EQ(listener().retired.size(), 3u);
}

TEST_F(RetentionTest, APinKeepsSegments) {
  options_.retention_ms = 0;
  OpenAndStart();
  Fill(4);
  const Sequence in_third = HeaderOf(3).first + 1;
  journal().SetPin(in_third);
  SetCheckpoints(journal().tail().durable);
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(listener().retired.size(), 2u);
  EXPECT_TRUE(disk_.TypeOf(SegmentPath(3)));
  journal().SetPin(0);
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(listener().retired.size(), 4u);
}

TEST_F(RetentionTest, EarlyRetirementKeepsTheIdsUntilTheirTime) {
  options_.retention_ms = 600'000;
  OpenAndStart();
  for (int i = 0; i < 400; ++i) {  // several times the cap
    AppendGroup(2, 3000);
    SetCheckpoints(journal().tail().durable);
  }
  ASSERT_GT(journal().retired(), 100u);
  const Sequence last = journal().appended();
  const Sequence retired = journal().retired();
  for (int i = 0; i < 2; ++i) {
    Kill();
    Open(last);
    EXPECT_EQ(Visited(), Range(1, last));  // every id, the retired ones too
    EXPECT_EQ(journal().recovery().first, retired + 1);
    for (const auto& [header, place] : process_->visited) {
      EXPECT_EQ(place.segment == 0, header.sequence <= retired) << header.sequence;
      EXPECT_EQ(header.request_id, MakeRecord(header.sequence, 0).request_id);
    }
  }
  Start();
  world_.RunFor(700 * kSimSecond);
  for (uint64_t id = 1; id < 10; ++id) EXPECT_FALSE(disk_.TypeOf(FooterPath(id))) << id;
  Kill();
  Open(last);
  EXPECT_EQ(journal().recovery().last, last);
}

TEST_F(RetentionTest, ADamagedFooterOfARetiredSegmentIsRefused) {
  options_.retention_ms = 600'000;
  OpenAndStart();
  for (int i = 0; i < 400; ++i) {
    AppendGroup(2, 3000);
    SetCheckpoints(journal().tail().durable);
  }
  Kill();
  ASSERT_FALSE(disk_.TypeOf(SegmentPath(1)));
  ASSERT_TRUE(disk_.FlipByte(FooterPath(1), 300, 1));
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(RetentionTest, SegmentsAreRecycledAndFewFilesLieFree) {
  options_.retention_ms = 1;
  OpenAndStart();
  for (int i = 0; i < 300; ++i) {
    AppendGroup(2, 3000);
    SetCheckpoints(journal().tail().durable);
  }
  world_.RunFor(5 * kSimSecond);
  size_t files = 0;
  size_t free_files = 0;
  for (const auto& [path, content] : disk_.Tree()) {
    if (path.find("/segments/") == std::string::npos || path.back() == '/') continue;
    ++files;
    if (path.find("/free-") != std::string::npos) ++free_files;
  }
  EXPECT_LE(free_files, 2u);
  EXPECT_LE(files, 7u);
  EXPECT_LE(journal().bytes_used(), 2 * options_.segment_bytes);
}

TEST_F(RetentionTest, AJournalWhoseSegmentsAllRetiredGoesOnCounting) {
  options_.retention_ms = 1;
  OpenAndStart();
  Fill(2);
  const Sequence last = journal().appended();
  Kill();
  for (int i = 0; i < 3; ++i) {
    OpenAndStart(last);
    EXPECT_EQ(journal().next_sequence(), last + 1);
    SetCheckpoints(last);
    world_.RunFor(5 * kSimSecond);
    Kill();
  }
  Open(last);
  EXPECT_EQ(journal().recovery().first, 0u);
  EXPECT_EQ(journal().recovery().last, last);
}

}  // namespace
}  // namespace tandem
