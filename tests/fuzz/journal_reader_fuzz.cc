// The journal's formats as pure functions over bytes: no input may crash them, and what they take
// for good must be what it seems. The first byte of the input chooses:
//   R  the rest as records of a segment, as they are
//   E  the rest as a plan for a stream of good records with a few bytes changed: reading them finds
//      exactly the records before the first change
//   S, F, M  the rest as segment header, footer, manifest
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/journal/footer.h"
#include "daemon/journal/manifest.h"
#include "daemon/journal/record_codec.h"
#include "daemon/journal/segment_header.h"

namespace tandem {
namespace {

const SegmentKey kKey(1, 0x746e646d);

// Reads records in a row; returns where it stopped. Each one encodes to the same bytes again.
size_t ReadRecords(absl::string_view bytes, uint64_t* count) {
  size_t at = 0;
  while (true) {
    const absl::string_view window = bytes.substr(at);
    const ParseResult result = ParseRecord(window, true, window.size(), kKey, true);
    TANDEM_CHECK(result.parsed != Parsed::kNeedMore);
    if (result.parsed == Parsed::kNothing) return at;
    const RecordView& record = result.record;
    TANDEM_CHECK(record.length() <= window.size() && record.length() % kRecordAlignment == 0);
    std::string again;
    AppendRecord(record.ToHeader(), record.payload(), &again);
    SealRecord(again.data(), {.key = kKey,
                              .durable = record.durable(),
                              .group_first = record.group_first(),
                              .epoch = record.epoch()});
    TANDEM_CHECK(again.size() == record.length());
    TANDEM_CHECK(absl::string_view(again).substr(0, kRecordHeaderBytes) ==
                 window.substr(0, kRecordHeaderBytes));
    ++*count;
    at += record.length();
  }
}

void ReadRaw(absl::string_view bytes) {
  uint64_t count = 0;
  (void)ReadRecords(bytes, &count);
  for (size_t at = 0; at + kRecordHeaderBytes <= bytes.size(); at += kRecordAlignment) {
    (void)HeaderGood(bytes.data() + at, kKey);
    (void)LooksLikeRecord(bytes.substr(at), kKey);
  }
}

// Takes numbers from the plan; zeros when it is used up.
struct Plan {
  absl::string_view rest;
  uint8_t Next() {
    if (rest.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    return byte;
  }
};

std::string Encode(Plan& plan, std::vector<size_t>* ends) {
  constexpr RecordType kTypes[] = {RecordType::kPut, RecordType::kAppend, RecordType::kRename,
                                   RecordType::kUploadChunk, RecordType::kDurableMark};
  std::string bytes;
  const int records = 1 + plan.Next() % 8;
  for (int i = 0; i < records; ++i) {
    RecordHeader header;
    header.type = kTypes[plan.Next() % 5];
    header.flags = plan.Next();
    header.sequence = static_cast<Sequence>(i) + 1;
    header.path = std::string(plan.Next() % 64, 'p');
    header.new_path = std::string(plan.Next() % 32, 'n');
    const std::string payload(plan.Next(), static_cast<char>(plan.Next()));
    header.payload_length = static_cast<uint32_t>(payload.size());
    header.payload_crc32c = Crc32c(payload);
    const size_t at = bytes.size();
    AppendRecord(header, payload, &bytes);
    SealRecord(bytes.data() + at, {.key = kKey, .durable = 0, .group_first = 1, .epoch = 1});
    ends->push_back(at + kRecordHeaderBytes + header.path.size() + header.new_path.size() +
                    payload.size());
    ends->push_back(bytes.size());
  }
  return bytes;
}

void ReadDamaged(absl::string_view input) {
  Plan plan{input};
  std::vector<size_t> ends;  // of each record without, then with its padding
  std::string bytes = Encode(plan, &ends);
  uint64_t whole = ends.size() / 2;
  for (int changes = plan.Next() % 4; changes > 0; --changes) {
    const size_t at = (size_t{plan.Next()} << 8 | plan.Next()) % bytes.size();
    const uint8_t mask = plan.Next();
    bytes[at] = static_cast<char>(static_cast<uint8_t>(bytes[at]) ^ mask);
    if (mask == 0) continue;
    for (uint64_t i = 0; i < whole; ++i) {
      if (at >= ends[2 * i + 1]) continue;
      if (at < ends[2 * i]) whole = i;  // padding does not count
      break;
    }
  }
  uint64_t count = 0;
  const size_t stopped = ReadRecords(bytes, &count);
  // Two changes of one byte may undo each other, so there may be more, never less.
  TANDEM_CHECK(count >= whole);
  TANDEM_CHECK(stopped <= bytes.size());
}

}  // namespace
}  // namespace tandem

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'R':
      tandem::ReadRaw(rest);
      break;
    case 'E':
      tandem::ReadDamaged(rest);
      break;
    case 'S':
      (void)tandem::DecodeSegmentHeader(rest);
      break;
    case 'F':
      (void)tandem::VisitFooter(rest,
                                [](const tandem::RecordHeader&, const tandem::RecordPlace&) {});
      break;
    case 'M':
      (void)tandem::DecodeManifest(rest);
      break;
    default:
      break;
  }
  return 0;
}
