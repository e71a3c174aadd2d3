// Every shape of damage to records has its own test: what may be a torn tail is cut, everything
// else is refused with segment, offset and sequence.
#include "absl/strings/str_format.h"
#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"
#include "tests/unit/journal/corruption_fixture.h"

namespace tandem {
namespace {

TEST_F(CorruptionTest, TornAtEachByteOfTheLastRecordIsCut) {
  WriteGroups(3);
  const Found torn = RecordsOf(1)[2];
  const std::string whole = ReadSegment(1);
  const auto tree = disk_.Tree();
  for (uint64_t kept = 0; kept < torn.length - 16; ++kept) {
    SCOPED_TRACE(kept);
    Restore(tree);
    std::string segment = whole;
    std::fill(segment.begin() + static_cast<std::ptrdiff_t>(torn.offset + kept),
              segment.begin() + static_cast<std::ptrdiff_t>(torn.offset + torn.length), '\0');
    disk_.WriteFile(SegmentPath(1), segment);
    ASSERT_NO_FATAL_FAILURE(Open(2));
    ASSERT_EQ(journal().recovery().last, 2u);
    ASSERT_EQ(journal().recovery().cut_from, kept >= 9 ? 3u : 0u);
    Kill();
  }
}

TEST_F(CorruptionTest, TornInTheMiddleOfTheLastGroupIsCut) {
  OpenAndStart();
  AppendGroup();
  AppendGroup(5, 600);
  Kill();
  const Found torn = RecordsOf(1)[3];
  ASSERT_EQ(torn.sequence, 4u);
  ASSERT_TRUE(disk_.Overwrite(SegmentPath(1), torn.offset + 50, std::string(300, '\0')));
  Open();
  EXPECT_EQ(journal().recovery().last, 3u);
  EXPECT_EQ(journal().recovery().cut_from, 4u);
  EXPECT_EQ(journal().recovery().bytes_cut, RecordsOf(1).empty() ? 0 : 3u * torn.length);
  Kill();
  Open();
  EXPECT_EQ(Visited(), Range(1, 3));  // the good records behind the tear do not come back
}

TEST_F(CorruptionTest, BitFlipInTheLastHeaderIsCut) {
  WriteGroups(3);
  Flip(1, RecordsOf(1)[2].offset + record_at::kMode);
  ExpectCutTo(2);
}

TEST_F(CorruptionTest, BitFlipInTheLastPayloadIsCut) {
  WriteGroups(3);
  Flip(1, RecordsOf(1)[2].offset + kRecordHeaderBytes + 30);
  ExpectCutTo(2);
}

TEST_F(CorruptionTest, BitFlipInTheLastPathIsCut) {
  WriteGroups(3);
  Flip(1, RecordsOf(1)[2].offset + kRecordHeaderBytes + 2);
  ExpectCutTo(2);
}

TEST_F(CorruptionTest, BitFlipInAHeaderBelowTheLastGroupIsRefused) {
  WriteGroups(3);
  const uint64_t offset = RecordsOf(1)[1].offset;
  Flip(1, offset + record_at::kMode);
  ExpectDamage(TryOpen(), 1, offset, 2);
}

TEST_F(CorruptionTest, BitFlipInALengthBelowTheLastGroupIsRefused) {
  WriteGroups(3);
  const uint64_t offset = RecordsOf(1)[1].offset;
  Flip(1, offset + record_at::kPayloadLength + 1);
  ExpectDamage(TryOpen(), 1, offset, 2);
}

TEST_F(CorruptionTest, BitFlipInAPayloadBelowTheLastGroupIsRefused) {
  WriteGroups(3);
  const uint64_t offset = RecordsOf(1)[1].offset;
  Flip(1, offset + kRecordHeaderBytes + 40);
  ExpectDamage(TryOpen(), 1, offset, 2);
}

TEST_F(CorruptionTest, BitFlipInAPathBelowTheLastGroupIsRefused) {
  WriteGroups(3);
  const uint64_t offset = RecordsOf(1)[1].offset;
  Flip(1, offset + kRecordHeaderBytes);
  ExpectDamage(TryOpen(), 1, offset, 2);
}

TEST_F(CorruptionTest, EveryFlippedByteBelowTheLastGroupIsRefused) {
  WriteGroups(3, 40);
  const Found second = RecordsOf(1)[1];
  const uint64_t used = kRecordHeaderBytes + MakeRecord(2, 40).path.size() + 40;
  for (uint64_t at = 0; at < used; ++at) {
    SCOPED_TRACE(at);
    Flip(1, second.offset + at);
    ExpectDamage(TryOpen(), 1, second.offset, 2);
    Flip(1, second.offset + at);
  }
  ExpectCutTo(3, 40);
}

TEST_F(CorruptionTest, DamageBelowTheDurableMarkIsRefused) {
  WriteMarked(3);
  const uint64_t offset = OffsetOf(1, 3);
  Flip(1, offset + 20);
  ExpectDamage(TryOpen(), 1, offset, 3);
}

TEST_F(CorruptionTest, ATornDurableMarkIsNoDamage) {
  WriteMarked(3);
  const Found mark = RecordsOf(1)[3];
  ASSERT_EQ(mark.type, RecordType::kDurableMark);
  Flip(1, mark.offset + 20);
  ExpectCutTo(3);
}

TEST_F(CorruptionTest, AZeroedSectorBelowTheMarkIsRefused) {
  OpenAndStart();
  for (int i = 0; i < 10; ++i) AppendGroup(1, 700);
  ASSERT_TRUE(Close().ok());
  Kill();
  ASSERT_TRUE(disk_.Overwrite(SegmentPath(1), 4096 + 2048, std::string(512, '\0')));
  Found hit{};
  for (Sequence sequence = 1; sequence <= 10; ++sequence) {
    const uint64_t length = RecordsOf(1)[0].length;
    const uint64_t offset = 4096 + (sequence - 1) * length;
    if (offset + length > 4096 + 2048) {
      hit = {offset, 0, sequence, RecordType::kPut};
      break;
    }
  }
  ExpectDamage(TryOpen(), 1, hit.offset, hit.sequence);
}

TEST_F(CorruptionTest, AZeroedSectorInTheLastGroupIsCut) {
  OpenAndStart();
  AppendGroup(1, 700);
  AppendGroup(8, 700);
  Kill();
  ASSERT_TRUE(disk_.Overwrite(SegmentPath(1), 4096 + 2048, std::string(512, '\0')));
  const Sequence kept = RecordsOf(1).back().sequence;
  EXPECT_LT(kept, 9u);
  ExpectCutTo(kept, 700);
}

TEST_F(CorruptionTest, AStaleRecordOfARecycledSegmentNeverPasses) {
  WriteGroups(3);
  // The place of record 3 as it would look if an older use of the file had left a record there.
  std::string segment = ReadSegment(1);
  const Found third = RecordsOf(1)[2];
  const SegmentHeader header = HeaderOf(1);
  const auto tree = disk_.Tree();
  const SegmentKey stale_keys[] = {{header.id + 7, header.salt}, {header.id, header.salt + 1}};
  for (const SegmentKey& key : stale_keys) {
    Restore(tree);
    SealRecord(segment.data() + third.offset,
               {.key = key, .durable = 2, .group_first = 3, .epoch = 1});
    disk_.WriteFile(SegmentPath(1), segment);
    Open();
    EXPECT_EQ(journal().recovery().last, 2u);
    Kill();
  }
}

TEST_F(CorruptionTest, ARecycledSegmentShowsOnlyItsOwnRecords) {
  options_.retention_ms = 1;
  OpenAndStart();
  for (int i = 0; i < 300; ++i) {
    AppendGroup(2, 3000);
    SetCheckpoints(journal().tail().durable);
  }
  ASSERT_GT(journal().counters().segments_retired, 10u);
  const Sequence last = journal().appended();
  Kill();
  Open(last);  // stale records lie behind the last one, in every segment
  EXPECT_EQ(journal().recovery().last, last);
  EXPECT_EQ(Visited(), Range(journal().recovery().first, last));
}

TEST_F(CorruptionTest, Rule06AValidGroupAfterDamageIsRefused) {
  WriteGroups(4);
  const uint64_t offset = RecordsOf(1)[2].offset;
  ASSERT_TRUE(disk_.Overwrite(SegmentPath(1), offset, std::string(200, '\0')));
  ExpectDamage(TryOpen(), 1, offset, 3);
}

TEST_F(CorruptionTest, Rule06AWitnessBeyondTheCutIsRefused) {
  WriteGroups(3);
  const uint64_t offset = RecordsOf(1)[2].offset;
  Flip(1, offset + 20);
  ExpectDamage(TryOpen(3), 1, offset, 3);
  Open(2);
  EXPECT_EQ(journal().recovery().last, 2u);
}

TEST_F(CorruptionTest, AWitnessOfAnEmptyJournalIsRefused) {
  EXPECT_TRUE(absl::IsDataLoss(TryOpen(1)));
}

TEST_F(CorruptionTest, AnIncompleteBatchIsCutWhole) {
  OpenAndStart();
  AppendGroup();
  AppendGroup(5, 300, /*batch=*/true);
  Kill();
  const uint64_t first = OffsetOf(1, 2);
  Flip(1, OffsetOf(1, 6) + 20);
  ExpectDamage(TryOpen(2), 1, first, 2);
  Open(1);
  EXPECT_EQ(journal().recovery().last, 1u);
  EXPECT_EQ(journal().recovery().cut_from, 2u);
  EXPECT_GE(journal().recovery().bytes_cut, 4u * 300);
  Kill();
  Open();
  EXPECT_EQ(Visited(), Range(1, 1));
}

TEST_F(CorruptionTest, ABatchCutExactlyBetweenTwoRecordsIsCutWhole) {
  OpenAndStart();
  AppendGroup();
  AppendGroup(3, 100, /*batch=*/true);
  Kill();
  const Found last = RecordsOf(1)[3];
  ASSERT_TRUE(disk_.Overwrite(SegmentPath(1), last.offset, std::string(last.length, '\0')));
  ExpectCutTo(1);
}

}  // namespace
}  // namespace tandem
