// An entry holds, numbers as LEB128 unless said otherwise:
//   gap before the record in units of 16 bytes (durable marks leave gaps); type, flags, kinds of
//   base | new base << 4: one byte each; wall time minus that of the record before; mode; offset;
//   base size; new base size; result size; request id, digest: 16 bytes each; payload length;
//   payload CRC: 4 bytes; how many bytes of the path are those of the path before, how many
//   follow, those; length of the new path, the new path.
// Behind the last entry: the id times of all records before the segment.
// Sequences count up from the first; offsets follow from lengths and gaps.
#include "daemon/journal/footer.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "daemon/base/bytes.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// Takes entries apart; after the first thing that does not fit, ok() is false and all is zero.
class EntryParser {
 public:
  explicit EntryParser(absl::string_view body) : rest_(body) {}

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(Byte());
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return ok_ ? value : 0;
    }
    ok_ = false;
    return 0;
  }
  char Byte() {
    const absl::string_view one = Bytes(1);
    return one.empty() ? '\0' : one[0];
  }
  absl::string_view Bytes(uint64_t count) {
    if (count > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const absl::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  void Copy(uint8_t* to, size_t count) {
    const absl::string_view bytes = Bytes(count);
    if (bytes.size() == count) std::memcpy(to, bytes.data(), count);
  }
  void Fail() { ok_ = false; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

Digest DigestOfFooter(absl::string_view head, absl::string_view body) {
  Digester digester;
  digester.AddBytes(head);
  digester.AddBytes(body);
  return digester.Finish();
}

// The record before, on which an entry builds.
struct Before {
  Sequence sequence;
  uint64_t end;
  int64_t wall_time_ms;
  std::string path;
};

RecordHeader ParseEntry(EntryParser& parser, Before& before, uint64_t segment, RecordPlace* place) {
  RecordHeader header;
  const uint64_t gap = parser.Varint();
  header.type = static_cast<RecordType>(parser.Byte());
  header.flags = static_cast<uint8_t>(parser.Byte());
  const auto kinds = static_cast<uint8_t>(parser.Byte());
  header.base.kind = static_cast<PathKind>(kinds & 3);
  header.new_base.kind = static_cast<PathKind>((kinds >> 4) & 3);
  header.sequence = before.sequence + 1;
  header.wall_time_ms =
      static_cast<int64_t>(static_cast<uint64_t>(before.wall_time_ms) + parser.Varint());
  header.mode = static_cast<uint32_t>(parser.Varint());
  header.offset = parser.Varint();
  header.base.size = parser.Varint();
  header.new_base.size = parser.Varint();
  header.result_size = parser.Varint();
  parser.Copy(header.request_id.bytes.data(), 16);
  parser.Copy(header.digest.data(), 16);
  header.payload_length = static_cast<uint32_t>(parser.Varint());
  const absl::string_view crc = parser.Bytes(4);
  if (crc.size() == 4) header.payload_crc32c = GetLittleEndian<uint32_t>(crc.data());
  const uint64_t shared = parser.Varint();
  if (shared > before.path.size()) parser.Fail();
  const absl::string_view suffix = parser.Bytes(parser.Varint());
  if (parser.ok()) before.path.replace(shared, std::string::npos, suffix.data(), suffix.size());
  header.path = before.path;
  const absl::string_view new_path = parser.Bytes(parser.Varint());
  header.new_path = std::string(new_path);
  const uint64_t length = RecordBytes(header);
  if (gap > (uint64_t{1} << 40) || before.end > (uint64_t{1} << 60) || length > UINT32_MAX) {
    parser.Fail();
  }
  if (!parser.ok()) return header;
  *place = {segment, before.end + gap * kRecordAlignment, static_cast<uint32_t>(length)};
  before.sequence = header.sequence;
  before.end = place->offset + length;
  before.wall_time_ms = header.wall_time_ms;
  return header;
}

}  // namespace

FooterBuilder::FooterBuilder(const SegmentHeader& segment) {
  info_.segment = segment.id;
  info_.first = segment.first;
  info_.last = segment.first - 1;
  info_.end = kSegmentHeaderBytes;
  info_.epoch = segment.epoch;
  info_.salt = segment.salt;
  info_.ids_before = segment.ids_before;
}

void FooterBuilder::Add(const RecordHeader& header, const RecordPlace& place) {
  TANDEM_CHECK(header.sequence == info_.last + 1 && place.offset >= info_.end);
  PutVarint((place.offset - info_.end) / kRecordAlignment, &body_);
  body_.push_back(static_cast<char>(header.type));
  body_.push_back(static_cast<char>(header.flags));
  body_.push_back(static_cast<char>(static_cast<uint8_t>(header.base.kind) |
                                    static_cast<uint8_t>(header.new_base.kind) << 4));
  PutVarint(static_cast<uint64_t>(header.wall_time_ms) - static_cast<uint64_t>(info_.wall_time_ms),
            &body_);
  PutVarint(header.mode, &body_);
  PutVarint(header.offset, &body_);
  PutVarint(header.base.size, &body_);
  PutVarint(header.new_base.size, &body_);
  PutVarint(header.result_size, &body_);
  body_.append(reinterpret_cast<const char*>(header.request_id.bytes.data()), 16);
  body_.append(reinterpret_cast<const char*>(header.digest.data()), 16);
  PutVarint(header.payload_length, &body_);
  char crc[4];
  PutLittleEndian(crc, header.payload_crc32c);
  body_.append(crc, sizeof crc);
  const auto differ =
      std::mismatch(header.path.begin(), header.path.end(), last_path_.begin(), last_path_.end());
  const auto shared = static_cast<size_t>(differ.first - header.path.begin());
  PutVarint(shared, &body_);
  PutVarint(header.path.size() - shared, &body_);
  body_.append(header.path, shared, std::string::npos);
  PutVarint(header.new_path.size(), &body_);
  body_.append(header.new_path);

  last_path_ = header.path;
  info_.last = header.sequence;
  info_.end = place.offset + place.length;
  info_.wall_time_ms = header.wall_time_ms;
  ++info_.count;
}

std::string FooterBuilder::Finish(int64_t run_ms) {
  TANDEM_CHECK(info_.count > 0);
  const std::string ids = info_.ids_before.Encode();
  body_.append(ids);
  std::string file(kFooterHeaderBytes, '\0');
  char* at = file.data();
  PutLittleEndian(at + footer_at::kMagic, kFooterMagic);
  PutLittleEndian(at + footer_at::kVersion, kJournalFormatVersion);
  PutLittleEndian(at + footer_at::kSegment, info_.segment);
  PutLittleEndian(at + footer_at::kFirst, info_.first);
  PutLittleEndian(at + footer_at::kLast, info_.last);
  PutLittleEndian(at + footer_at::kEnd, info_.end);
  PutLittleEndian(at + footer_at::kWallTime, static_cast<uint64_t>(info_.wall_time_ms));
  PutLittleEndian(at + footer_at::kEpoch, info_.epoch);
  PutLittleEndian(at + footer_at::kSalt, info_.salt);
  PutLittleEndian(at + footer_at::kCount, info_.count);
  PutLittleEndian(at + footer_at::kBodyBytes, uint64_t{body_.size()});
  PutLittleEndian(at + footer_at::kRun, static_cast<uint64_t>(run_ms));
  PutLittleEndian(at + footer_at::kIdBytes, uint64_t{ids.size()});
  const Digest digest =
      DigestOfFooter(absl::string_view(file).substr(0, footer_at::kDigest), body_);
  std::memcpy(at + footer_at::kDigest, digest.data(), digest.size());
  file.append(body_);
  return file;
}

absl::StatusOr<FooterInfo> CheckFooter(absl::string_view file) {
  if (file.size() < kFooterHeaderBytes) return absl::DataLossError("footer is cut short");
  const char* at = file.data();
  const absl::string_view body = file.substr(kFooterHeaderBytes);
  if (GetLittleEndian<uint32_t>(at + footer_at::kMagic) != kFooterMagic ||
      GetLittleEndian<uint32_t>(at + footer_at::kVersion) != kJournalFormatVersion ||
      GetLittleEndian<uint64_t>(at + footer_at::kBodyBytes) != body.size()) {
    return absl::DataLossError("footer's fixed part is damaged");
  }
  const Digest digest = DigestOfFooter(file.substr(0, footer_at::kDigest), body);
  if (std::memcmp(at + footer_at::kDigest, digest.data(), digest.size()) != 0) {
    return absl::DataLossError("footer does not match its digest");
  }
  FooterInfo info;
  info.segment = GetLittleEndian<uint64_t>(at + footer_at::kSegment);
  info.first = GetLittleEndian<uint64_t>(at + footer_at::kFirst);
  info.last = GetLittleEndian<uint64_t>(at + footer_at::kLast);
  info.end = GetLittleEndian<uint64_t>(at + footer_at::kEnd);
  info.wall_time_ms = static_cast<int64_t>(GetLittleEndian<uint64_t>(at + footer_at::kWallTime));
  info.epoch = GetLittleEndian<uint64_t>(at + footer_at::kEpoch);
  info.salt = GetLittleEndian<uint64_t>(at + footer_at::kSalt);
  info.count = GetLittleEndian<uint64_t>(at + footer_at::kCount);
  info.run_ms = static_cast<int64_t>(GetLittleEndian<uint64_t>(at + footer_at::kRun));
  const auto id_bytes = GetLittleEndian<uint64_t>(at + footer_at::kIdBytes);
  std::optional<IdTimes> ids;
  if (id_bytes <= body.size()) ids = IdTimes::Decode(body.substr(body.size() - id_bytes));
  if (ids.has_value()) info.ids_before = *ids;
  if (info.first == 0 || info.count == 0 || info.last - info.first + 1 != info.count ||
      info.run_ms < 0 || !ids.has_value()) {
    return absl::DataLossError("footer's fixed part makes no sense");
  }
  return info;
}

absl::Status VisitFooter(absl::string_view file,
                         absl::FunctionRef<void(const RecordHeader&, const RecordPlace&)> visit) {
  ASSIGN_OR_RETURN(const FooterInfo info, CheckFooter(file));
  const auto id_bytes = GetLittleEndian<uint64_t>(file.data() + footer_at::kIdBytes);
  EntryParser parser(file.substr(kFooterHeaderBytes, file.size() - kFooterHeaderBytes - id_bytes));
  Before before{info.first - 1, kSegmentHeaderBytes, 0, ""};
  for (uint64_t i = 0; i < info.count; ++i) {
    RecordPlace place;
    const RecordHeader header = ParseEntry(parser, before, info.segment, &place);
    if (!parser.ok()) return absl::DataLossError("footer entry is damaged");
    visit(header, place);
  }
  if (!parser.empty() || before.end != info.end) {
    return absl::DataLossError("footer entries do not add up");
  }
  return absl::OkStatus();
}

}  // namespace tandem
