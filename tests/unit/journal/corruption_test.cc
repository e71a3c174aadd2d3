// Every shape of damage has its own test: what may be a torn tail is cut, everything else is
// refused with segment, offset and sequence.
#include "absl/strings/str_format.h"
#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"
#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

class CorruptionTest : public JournalTest {
 protected:
  // Segment 1 with groups 1..count of one record each, no mark behind; the process was killed.
  void WriteGroups(int count, size_t bytes = 100) {
    OpenAndStart();
    for (int i = 0; i < count; ++i) AppendGroup(1, bytes);
    Kill();
    ASSERT_EQ(RecordsOf(1).size(), static_cast<size_t>(count));
  }
  // The same, closed with a mark.
  void WriteMarked(int count) {
    OpenAndStart();
    for (int i = 0; i < count; ++i) AppendGroup();
    ASSERT_TRUE(Close().ok());
    Kill();
  }
  // Several sealed segments with footers and a marked tail, cleanly closed.
  void WriteSegments(uint64_t newest) {
    OpenAndStart();
    while (journal().tail().segment < newest) AppendGroup(2, 3000);
    AppendGroup(2, 3000);
    ASSERT_TRUE(RunUntil([&] { return disk_.TypeOf(FooterPath(newest - 1)).has_value(); }));
    last_ = journal().appended();
    ASSERT_TRUE(Close().ok());
    Kill();
  }
  void Restore(const std::map<std::string, std::string>& tree) {
    for (const auto& [path, content] : disk_.Tree()) {
      if (path.back() != '/' && tree.count(path) == 0) disk_.Remove(path);
    }
    for (const auto& [path, content] : tree) {
      if (path.back() != '/') disk_.WriteFile(path, content);
    }
  }
  void Flip(uint64_t segment, uint64_t offset) {
    ASSERT_TRUE(disk_.FlipByte(SegmentPath(segment), offset, 0x10));
  }
  // The tail is cut so that `last` is the newest, and the journal goes on.
  void ExpectCutTo(Sequence last, size_t bytes = 100) {
    OpenAndStart();
    EXPECT_EQ(journal().recovery().last, last);
    EXPECT_EQ(Visited(), Range(1, last));
    AppendGroup(1, bytes);
    ExpectReadable(1, last + 1, bytes);
    Kill();
    Open();
    EXPECT_EQ(Visited(), Range(1, last + 1));
    EXPECT_EQ(journal().recovery().cut_from, 0u);
    Kill();
  }

  Sequence last_ = 0;
};

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

TEST_F(CorruptionTest, AValidGroupAfterDamageIsRefused) {
  WriteGroups(4);
  const uint64_t offset = RecordsOf(1)[2].offset;
  ASSERT_TRUE(disk_.Overwrite(SegmentPath(1), offset, std::string(200, '\0')));
  ExpectDamage(TryOpen(), 1, offset, 3);
}

TEST_F(CorruptionTest, AWitnessBeyondTheCutIsRefused) {
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

TEST_F(CorruptionTest, AMissingSegmentInTheMiddleIsRefused) {
  WriteSegments(4);
  const Sequence first = HeaderOf(2).first;
  disk_.Remove(SegmentPath(2));
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  disk_.Remove(FooterPath(2));  // and without its footer
  disk_.Remove(FooterPath(1));  // and with the segment before it scanned
  for (int i = 0; i < 2; ++i) {
    const absl::Status again = TryOpen();
    EXPECT_TRUE(absl::IsDataLoss(again)) << again;
    EXPECT_NE(std::string(again.message()).find(absl::StrCat("sequence ", first)),
              std::string::npos)
        << again;
  }
}

TEST_F(CorruptionTest, AMissingNewestSegmentIsRefused) {
  WriteSegments(4);
  disk_.Remove(SegmentPath(4));
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  disk_.Remove(FooterPath(3));
  for (uint64_t id = 1; id < 4; ++id) disk_.Remove(SegmentPath(id));
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(CorruptionTest, ATruncatedSegmentIsRefused) {
  WriteSegments(4);
  const std::string segment = ReadSegment(2);
  disk_.WriteFile(SegmentPath(2), segment.substr(0, 20'000));
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
  disk_.Remove(FooterPath(2));
  uint64_t end = 0;
  Sequence next = 0;
  for (const Found& record : RecordsOf(2)) {
    end = record.offset + record.length;
    next = record.sequence + 1;
  }
  ExpectDamage(TryOpen(), 2, end, next);
  disk_.WriteFile(SegmentPath(2), segment.substr(0, 1000));  // not even a header
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(CorruptionTest, ATruncatedTailIsCutUnlessItWasDurable) {
  WriteGroups(3);
  disk_.WriteFile(SegmentPath(1), ReadSegment(1).substr(0, OffsetOf(1, 3) + 70));
  ExpectDamage(TryOpen(3), 1, OffsetOf(1, 2) + RecordsOf(1)[1].length, 3);
  ExpectCutTo(2);
}

TEST_F(CorruptionTest, ADamagedSegmentHeaderIsRefused) {
  WriteSegments(3);
  for (const uint64_t id : {1, 2, 3}) {
    Flip(id, 30);
    const absl::Status status = TryOpen();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_NE(std::string(status.message()).find(absl::StrFormat("segment %016x", id)),
              std::string::npos);
    Flip(id, 30);
  }
  Open(last_);
}

TEST_F(CorruptionTest, ASegmentUnderAnotherNameIsRefused) {
  WriteSegments(3);
  disk_.WriteFile(SegmentPath(9), ReadSegment(3));
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(CorruptionTest, ADamagedFooterFallsBackToReadingTheSegment) {
  WriteSegments(4);
  const std::string footer = *disk_.ReadFile(FooterPath(2));
  const std::string harmed[] = {footer.substr(0, 50), "", footer.substr(0, footer.size() - 1),
                                footer + "x", *disk_.ReadFile(FooterPath(1))};
  for (const std::string& bad : harmed) {
    disk_.WriteFile(FooterPath(2), bad);
    Open(last_);
    EXPECT_EQ(Visited(), Range(1, last_));
    EXPECT_GT(journal().recovery().records_scanned, 0u);
    ExpectReadable(1, last_, 3000);
    Kill();
  }
  // And it is written again.
  OpenAndStart();
  ASSERT_TRUE(RunUntil([&] { return disk_.ReadFile(FooterPath(2)) == footer; }));
}

TEST_F(CorruptionTest, FootersSpareReadingTheSegments) {
  WriteSegments(6);
  const uint64_t reads = disk_.count(IoKind::kRead);
  Open();
  EXPECT_EQ(Visited(), Range(1, last_));
  EXPECT_LT(journal().recovery().records_scanned, 10u);
  EXPECT_LT(disk_.count(IoKind::kRead) - reads, 60u);
}

TEST_F(CorruptionTest, DamageInASealedSegmentIsFoundInTheBackground) {
  WriteSegments(4);
  const uint64_t offset = RecordsOf(2)[3].offset;
  const Sequence sequence = RecordsOf(2)[3].sequence;
  Flip(2, offset + 1000);
  OpenAndStart();  // the footer is good, so this is quick
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kFailed; }));
  ExpectDamage(listener().reasons.back(), 2, offset, sequence);
  EXPECT_EQ(ReasonOf(journal().Admit(1, 1, false)), Reason::kJournalFailed);
}

TEST_F(CorruptionTest, ADamagedManifestIsRefused) {
  WriteMarked(2);
  ASSERT_TRUE(disk_.FlipByte("/var/journal/MANIFEST", 20, 1));
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(CorruptionTest, AMissingManifestIsRefused) {
  WriteMarked(2);
  disk_.Remove("/var/journal/MANIFEST");
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(CorruptionTest, ANewerFormatIsRefusedByName) {
  WriteMarked(2);
  std::string header = ReadSegment(1).substr(0, kSegmentHeaderBytes);
  header[segment_at::kVersion] = 2;
  PutLittleEndian(header.data(), Crc32c(absl::string_view(header).substr(4)));
  ASSERT_TRUE(disk_.Overwrite(SegmentPath(1), 0, header));
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(CorruptionTest, APayloadThatLooksLikeARecordIsNoWitness) {
  OpenAndStart();
  AppendGroup();
  Record record = MakeRecord(2, 0);
  record.path = std::string(16, 'p');  // the payload is aligned like a record
  Record fake = MakeRecord(90, 10);
  AppendRecord(fake, fake.payload, &record.payload);
  // Everything a client can know is right; the salt it cannot know.
  SealRecord(record.payload.data(), {.key = {1, 0}, .durable = 89, .group_first = 90, .epoch = 1});
  journal().Append({record});
  WaitDurable(2);
  Kill();
  Flip(1, OffsetOf(1, 2) + 20);
  ExpectCutTo(1);
}

}  // namespace
}  // namespace tandem
