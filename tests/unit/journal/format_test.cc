// The format on disk: codecs one by one, and files that version 1 wrote.
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "daemon/journal/footer.h"
#include "daemon/journal/manifest.h"
#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

RecordHeader SampleHeader(Sequence sequence) {
  RecordHeader header;
  header.type = RecordType::kRename;
  header.flags = kRecordBatchMore | kRecordExisted;
  header.sequence = sequence;
  header.wall_time_ms = 1'700'000'000'000 + static_cast<int64_t>(sequence);
  for (size_t i = 0; i < 16; ++i) {
    header.request_id.bytes[i] = static_cast<uint8_t>(sequence + i);
    header.digest[i] = static_cast<uint8_t>(200 - i);
  }
  header.path = absl::StrCat("a/b/c-", sequence);
  header.new_path = "d/e";
  header.offset = 0x0102030405060708;
  header.mode = 0754;
  header.base = {PathKind::kFile, 4711};
  header.new_base = {PathKind::kOther, 1};
  header.result_size = 4711;
  header.payload_crc32c = 0xdeadbeef;
  header.payload_length = 3;
  return header;
}

void ExpectEqual(const RecordHeader& a, const RecordHeader& b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.flags, b.flags);
  EXPECT_EQ(a.sequence, b.sequence);
  EXPECT_EQ(a.wall_time_ms, b.wall_time_ms);
  EXPECT_EQ(a.request_id, b.request_id);
  EXPECT_EQ(a.digest, b.digest);
  EXPECT_EQ(a.path, b.path);
  EXPECT_EQ(a.new_path, b.new_path);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_EQ(a.mode, b.mode);
  EXPECT_EQ(a.base, b.base);
  EXPECT_EQ(a.new_base, b.new_base);
  EXPECT_EQ(a.result_size, b.result_size);
  EXPECT_EQ(a.payload_crc32c, b.payload_crc32c);
  EXPECT_EQ(a.payload_length, b.payload_length);
}

TEST(RecordCodec, WhatWasEncodedIsDecoded) {
  const RecordHeader header = SampleHeader(9);
  std::string bytes;
  AppendRecord(header, "xyz", &bytes);
  EXPECT_EQ(bytes.size(), RecordBytes(header));
  EXPECT_EQ(bytes.size() % kRecordAlignment, 0u);
  const SegmentKey key(5, 77);
  SealRecord(bytes.data(), {.key = key, .durable = 8, .group_first = 9, .epoch = 3});
  const ParseResult result = ParseRecord(bytes, true, bytes.size(), key, false);
  ASSERT_EQ(result.parsed, Parsed::kRecord);
  ExpectEqual(result.record.ToHeader(), header);
  EXPECT_EQ(result.record.payload(), "xyz");
  EXPECT_EQ(result.record.durable(), 8u);
  EXPECT_EQ(result.record.group_first(), 9u);
  EXPECT_EQ(result.record.epoch(), 3u);
}

TEST(RecordCodec, AWindowThatIsTooShortAsksForMore) {
  const RecordHeader header = SampleHeader(9);
  std::string bytes;
  AppendRecord(header, "xyz", &bytes);
  const SegmentKey key(5, 77);
  SealRecord(bytes.data(), {.key = key, .durable = 8, .group_first = 9, .epoch = 3});
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::string_view window = absl::string_view(bytes).substr(0, size);
    const ParseResult result = ParseRecord(window, false, 4096, key, true);
    EXPECT_EQ(result.parsed, Parsed::kNeedMore);
    EXPECT_GT(result.need, size);
    EXPECT_EQ(ParseRecord(window, true, 4096, key, true).parsed, Parsed::kNothing);
  }
}

TEST(RecordCodec, ARecordThatLeavesItsSegmentIsNone) {
  std::string bytes;
  AppendRecord(SampleHeader(9), "xyz", &bytes);
  const SegmentKey key(5, 77);
  SealRecord(bytes.data(), {.key = key, .durable = 8, .group_first = 9, .epoch = 3});
  EXPECT_EQ(ParseRecord(bytes, false, bytes.size() - 16, key, false).parsed, Parsed::kNothing);
}

TEST(FooterCodec, ShowsEveryRecordAndItsPlace) {
  SegmentHeader segment{.id = 3, .first = 10, .epoch = 2, .salt = 4, .bytes = 1 << 20};
  segment.ids_before.Add(1'700'000'000'000);
  segment.ids_before.Add(1'800'000'000'000);
  FooterBuilder builder(segment);
  std::vector<std::pair<RecordHeader, RecordPlace>> records;
  uint64_t at = kSegmentHeaderBytes;
  for (Sequence i = 10; i < 60; ++i) {
    RecordHeader header = SampleHeader(i);
    if (i % 3 == 0) header.path = "";
    const auto length = static_cast<uint32_t>(RecordBytes(header));
    if (i % 7 == 0) at += kRecordHeaderBytes;  // a mark
    records.emplace_back(header, RecordPlace{3, at, length});
    builder.Add(header, records.back().second);
    at += length;
  }
  const std::string file = builder.Finish(4711);
  const auto info = CheckFooter(file);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->run_ms, 4711);
  EXPECT_EQ(info->ids_before, segment.ids_before);
  size_t next = 0;
  ASSERT_TRUE(VisitFooter(file, [&](const RecordHeader& header, const RecordPlace& place) {
                ExpectEqual(header, records[next].first);
                EXPECT_EQ(place, records[next].second);
                ++next;
              }).ok());
  EXPECT_EQ(next, records.size());
  EXPECT_EQ(CheckFooter(file)->last, 59u);
  EXPECT_EQ(CheckFooter(file)->end, at);
  for (size_t i = 0; i < file.size(); ++i) {
    std::string harmed = file;
    harmed[i] = static_cast<char>(harmed[i] ^ 8);
    EXPECT_FALSE(CheckFooter(harmed).ok()) << i;
    EXPECT_FALSE(CheckFooter(file.substr(0, i)).ok()) << i;
  }
}

TEST(ManifestCodec, EveryChangedByteIsNoticed) {
  const Manifest manifest{.epoch = 12, .segment = 34, .segment_bytes = 56, .writer = "odd\nname\\"};
  const std::string text = EncodeManifest(manifest);
  const auto decoded = DecodeManifest(text);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, manifest);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string harmed = text;
    harmed[i] = static_cast<char>(harmed[i] ^ 1);
    EXPECT_FALSE(DecodeManifest(harmed).ok()) << i;
    EXPECT_FALSE(DecodeManifest(text.substr(0, i)).ok()) << i;
  }
}

TEST(SegmentNames, AreReadBack) {
  EXPECT_EQ(SegmentName(0x2a), "000000000000002a.seg");
  EXPECT_EQ(ParseSegmentFileName(SegmentName(0x2a))->number, 0x2au);
  EXPECT_EQ(ParseSegmentFileName(FooterName(7))->kind, SegmentFile::kFooter);
  EXPECT_EQ(ParseSegmentFileName(FreeName(7))->kind, SegmentFile::kFree);
  EXPECT_EQ(ParseSegmentFileName(NewName(7))->number, 7u);
  for (const char* name : {"x.seg", "2a.seg", "000000000000002A.seg", "0000000000000000.seg",
                           "free-", "free-x", "new-1x", ".", "000000000000002a.seg.tmp"}) {
    EXPECT_FALSE(ParseSegmentFileName(name)) << name;
  }
}

// Zeros are left out: "<offset>: <hex of up to 32 bytes>" lines.
std::string ToHex(const std::string& bytes) {
  std::string text = absl::StrCat("size ", bytes.size(), "\n");
  for (size_t at = 0; at < bytes.size(); at += 32) {
    const std::string piece = bytes.substr(at, 32);
    if (piece.find_first_not_of('\0') == std::string::npos) continue;
    absl::StrAppend(&text, at, ": ", absl::BytesToHexString(piece), "\n");
  }
  return text;
}

std::string FromHex(const std::string& text) {
  std::string bytes;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "size") {
      bytes.resize(std::stoul(words[1]));
      continue;
    }
    const std::string piece = absl::HexStringToBytes(words[1]);
    bytes.replace(std::stoul(words[0]), piece.size(), piece);
  }
  return bytes;
}

std::string Golden(const std::string& name) {
  std::ifstream file(absl::StrCat(TANDEM_GOLDEN_FOLDER, "/", name, ".hex"));
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// Time stands still and chance is fixed, so that the bytes are always the same.
class GoldenTest : public JournalTest {
 protected:
  class FixedClock final : public Clock {
   public:
    explicit FixedClock(Clock& clock) : clock_(clock) {}
    int64_t MonotonicNs() override { return 5'000'000; }
    int64_t WallMs() override { return 1'700'000'000'123; }
    TimerId Schedule(int64_t delay_ns, absl::AnyInvocable<void()> fire) override {
      return clock_.Schedule(delay_ns, std::move(fire));
    }
    void Cancel(TimerId timer) override { clock_.Cancel(timer); }

   private:
    Clock& clock_;
  };
  class FixedRandom final : public Random {
   public:
    uint64_t Next() override { return 0x1122334455667788; }
  };

  GoldenTest() {
    options_.writer = "golden";
    options_.segment_bytes = 64 << 10;
  }

  void WriteByToday() {
    process_ = std::make_unique<JournalProcess>(world_, disk_);
    Env env{world_.executor(), process_->files, clock_, random_, world_.log()};
    for (int life = 0; life < 2; ++life) {
      auto opened = world_.Await(Journal::Open(env, options_, 0, [](const auto&, const auto&) {}));
      ASSERT_TRUE(opened.ok());
      process_->journal = *std::move(opened);
      Start();
      if (life == 0) {
        AppendGroup();
        AppendGroup(3, 50, /*batch=*/true);
        Record rename = MakeRecord(5, 0);
        rename.type = RecordType::kRename;
        rename.new_path = "new/name";
        rename.base = {PathKind::kFile, 100};
        rename.flags = kRecordExisted;
        rename.request_id = MakeUuidV7(1'700'000'000'000, 1, 2);
        journal().Append({rename});
        WaitDurable(5);
        manifest_ = disk_.ReadFile("/var/journal/MANIFEST").value_or("");
      } else {
        RunUntil([&] { return disk_.TypeOf(FooterPath(1)).has_value(); });
      }
      ASSERT_TRUE(world_.Await(journal().Close()).ok());
    }
    segment_ = ReadSegment(1);
    footer_ = disk_.ReadFile(FooterPath(1)).value_or("");
    Kill();
  }

  void ExpectRead(const std::string& kind) {
    disk_.WriteFile(SegmentPath(1), FromHex(Golden(kind + "segment")));
    disk_.WriteFile("/var/journal/MANIFEST", FromHex(Golden("manifest")));
    Open(5);
    EXPECT_EQ(Visited(), Range(1, 5));
    EXPECT_EQ(process_->visited[4].first.new_path, "new/name");
    EXPECT_EQ(process_->visited[4].first.base, (PathState{PathKind::kFile, 100}));
    ExpectReadable(1, 1, 100);
    ExpectReadable(2, 4, 50);
    EXPECT_EQ(journal().recovery().epoch, 2u);

    std::vector<Sequence> in_footer;
    ASSERT_TRUE(VisitFooter(FromHex(Golden(kind + "footer")), [&](const RecordHeader& header,
                                                                  const RecordPlace& place) {
                  ExpectEqual(header, process_->visited[in_footer.size()].first);
                  EXPECT_EQ(place, process_->visited[in_footer.size()].second);
                  in_footer.push_back(header.sequence);
                }).ok());
    EXPECT_EQ(in_footer, Range(1, 5));
  }

  FixedClock clock_{world_.clock()};
  FixedRandom random_;
  std::string segment_;
  std::string footer_;
  std::string manifest_;
};

TEST_F(GoldenTest, TodaysWriterProducesTheBytesOfVersion1) {
  ASSERT_NO_FATAL_FAILURE(WriteByToday());
  EXPECT_EQ(ToHex(segment_), Golden("segment"));
  EXPECT_EQ(ToHex(footer_), Golden("footer"));
  EXPECT_EQ(ToHex(manifest_), Golden("manifest"));
}

// What was written before segments and footers said run times and id times.
TEST_F(GoldenTest, TheFirstFilesOfVersion1AreRead) { ExpectRead("first_"); }

TEST_F(GoldenTest, FilesOfVersion1AreRead) { ExpectRead(""); }

}  // namespace
}  // namespace tandem
