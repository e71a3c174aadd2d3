// Damage to segments, footers and the manifest as a whole: refused, or read around where nothing
// is lost by it.
#include "absl/strings/str_format.h"
#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"
#include "tests/unit/journal/corruption_fixture.h"

namespace tandem {
namespace {

TEST_F(CorruptionTest, AMissingSegmentInTheMiddleIsRefused) {
  WriteSegments(4);
  const Sequence first = HeaderOf(2).first;
  disk_.Remove(SegmentPath(2));
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  // Without its footer; the segment before it is known by its own, then it must be read.
  for (const uint64_t footer : {2, 1}) {
    disk_.Remove(FooterPath(footer));
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
