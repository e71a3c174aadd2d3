// What a follower in another process sees.
#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

class ReaderTest : public JournalTest {
 protected:
  // A lane: another process on the same disk.
  void Follow(Sequence next) {
    lane_ = std::make_unique<JournalProcess>(world_, disk_);
    reader_ = std::make_unique<JournalReader>(lane_->env, options_.directory);
    const absl::Status status = world_.Await(reader_->Seek(next, journal().tail()));
    ASSERT_TRUE(status.ok()) << status;
  }
  // Everything up to the watermark; checks the order.
  absl::Status ReadOn() {
    reader_->Advance(journal().tail());
    while (reader_->next() <= journal().tail().durable) {
      const Sequence next = reader_->next();
      const auto records = world_.Await(reader_->Read(8'000));
      if (!records.ok()) return records.status();
      EXPECT_FALSE(records->empty());
      for (size_t i = 0; i < records->size(); ++i) {
        EXPECT_EQ((*records)[i].record.sequence, next + i);
      }
    }
    const auto none = world_.Await(reader_->Read(8'000));
    EXPECT_TRUE(none.ok() && none->empty());
    return absl::OkStatus();
  }
  void TearDown() override {
    if (lane_) {
      EXPECT_EQ(lane_->files.bad_handles(), 0u);
    }
    reader_.reset();
  }

  std::unique_ptr<JournalProcess> lane_;
  std::unique_ptr<JournalReader> reader_;
};

TEST_F(ReaderTest, FollowsTheTailLive) {
  OpenAndStart();
  Follow(1);
  for (int i = 0; i < 200; ++i) {
    AppendGroup(static_cast<size_t>(1 + i % 5), static_cast<size_t>(i * 17 % 2500));
    if (i % 7 == 0) world_.RunFor(60 * kSimMs);  // a mark in between
    const absl::Status status = ReadOn();
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(journal().tail().segment, 3u);
  world_.Await(reader_->Close());
  EXPECT_EQ(lane_->files.open_handles(), 0u);
}

TEST_F(ReaderTest, NeverReadsPastTheWatermark) {
  OpenAndStart();
  AppendGroup();
  Follow(1);
  const JournalTail tail = journal().tail();
  AppendGroup();
  const auto records = world_.Await(reader_->Read(100'000));
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records->size(), tail.durable);
}

TEST_F(ReaderTest, BytesReadAheadOfTheWatermarkAreReadAgain) {
  OpenAndStart();
  AppendGroup();
  Follow(1);
  ASSERT_TRUE(ReadOn().ok());  // its buffer holds zeros behind record 1 now
  AppendGroup();
  ASSERT_TRUE(ReadOn().ok());
  EXPECT_EQ(reader_->next(), 3u);
}

TEST_F(ReaderTest, SeeksToAnySequence) {
  OpenAndStart();
  while (journal().tail().segment < 5) AppendGroup(3, 1500);
  const Sequence last = journal().tail().durable;
  for (Sequence next = 1; next <= last + 1; ++next) {
    Follow(next);
    EXPECT_EQ(reader_->next(), next);
    ASSERT_TRUE(ReadOn().ok());
    EXPECT_EQ(reader_->next(), last + 1);
  }
}

TEST_F(ReaderTest, ReadsAcrossSupersededSegments) {
  OpenAndStart();
  Follow(1);
  for (int i = 0; i < 6; ++i) {
    AppendGroup(3);
    if (i % 2 == 0) {
      ASSERT_TRUE(ReadOn().ok());
    }
    world_.RunFor(kSimSecond);
    disk_.Inject({.kind = IoKind::kSync, .error = EIO, .path = "segments/"});
    AppendGroup(3);
    ASSERT_TRUE(ReadOn().ok());
  }
  EXPECT_EQ(journal().counters().sync_failures, 6u);
  for (Sequence next = 1; next <= 37; ++next) {
    Follow(next);
    ASSERT_TRUE(ReadOn().ok());
  }
}

TEST_F(ReaderTest, FollowsOverARestartOfTheJournal) {
  OpenAndStart();
  AppendGroup(3);
  Kill();
  Open();
  Follow(2);
  Start();
  AppendGroup(3);
  ASSERT_TRUE(ReadOn().ok());
  EXPECT_EQ(reader_->next(), 7u);
}

TEST_F(ReaderTest, ARetiredSequenceIsNotFound) {
  options_.retention_ms = 0;
  OpenAndStart();
  while (journal().tail().segment < 6) AppendGroup(3, 1500);
  SetCheckpoints(HeaderOf(4).first - 1);
  ASSERT_TRUE(RunUntil([&] { return listener().retired.size() == 3; }));
  world_.RunFor(kSimSecond);
  lane_ = std::make_unique<JournalProcess>(world_, disk_);
  JournalReader reader(lane_->env, options_.directory);
  EXPECT_TRUE(absl::IsNotFound(world_.Await(reader.Seek(1, journal().tail()))));
  EXPECT_TRUE(world_.Await(reader.Seek(HeaderOf(4).first, journal().tail())).ok());
}

TEST_F(ReaderTest, ASegmentRecycledUnderTheReaderIsNotedNotMisread) {
  options_.retention_ms = 0;
  OpenAndStart();
  while (journal().tail().segment < 3) AppendGroup(3, 1500);
  Follow(1);
  const auto first = world_.Await(reader_->Read(1));
  ASSERT_TRUE(first.ok());
  const RecordPlace place = first->front().place;
  SetCheckpoints(journal().tail().durable);  // nobody pinned what the reader stands on
  while (journal().tail().segment < 30) {
    AppendGroup(3, 1500);
    SetCheckpoints(journal().tail().durable);
  }
  EXPECT_TRUE(absl::IsNotFound(world_.Await(reader_->ReadAt(place, 1)).status()));
  absl::Status status = ReadOn();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

TEST_F(ReaderTest, DamageBelowTheWatermarkIsRefusedWithItsPlace) {
  OpenAndStart();
  AppendGroup(10, 500);
  const Found fifth = RecordsOf(1)[4];
  ASSERT_TRUE(disk_.FlipByte(SegmentPath(1), fifth.offset + 300, 4));
  Follow(1);
  const auto four = world_.Await(reader_->Read(1'000'000));
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(four->size(), 4u);  // what is good comes first, nothing is skipped
  const auto none = world_.Await(reader_->Read(1'000'000));
  ExpectDamage(none.status(), 1, fifth.offset, 5);
  EXPECT_EQ(reader_->next(), 5u);
  EXPECT_TRUE(
      absl::IsDataLoss(world_.Await(reader_->ReadAt({1, fifth.offset, fifth.length}, 5)).status()));
}

TEST_F(ReaderTest, ReadAtChecksTheSequence) {
  OpenAndStart();
  AppendGroup(2);
  Follow(1);
  const auto records = world_.Await(reader_->Read(1'000'000));
  ASSERT_TRUE(records.ok());
  EXPECT_TRUE(world_.Await(reader_->ReadAt((*records)[1].place, 2)).ok());
  EXPECT_TRUE(absl::IsDataLoss(world_.Await(reader_->ReadAt((*records)[1].place, 1)).status()));
}

TEST_F(ReaderTest, ReadsRecordsLargerThanItsBuffer) {
  options_.segment_bytes = 4 << 20;
  options_.group_bytes = 1 << 20;
  options_.max_bytes = 64 << 20;
  OpenAndStart();
  for (int i = 0; i < 6; ++i) AppendGroup(1, 900'000);
  ExpectReadable(1, 6, 900'000);
}

}  // namespace
}  // namespace tandem
