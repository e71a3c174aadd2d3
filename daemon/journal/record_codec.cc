#include "daemon/journal/record_codec.h"

#include <cstring>

#include "daemon/base/bytes.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

uint64_t Padded(uint64_t bytes) {
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

uint32_t HeaderCrc(const char* at, uint32_t seed) {
  return Crc32c(absl::string_view(at + record_at::kMagic, kRecordHeaderBytes - record_at::kMagic),
                seed);
}

uint64_t UnpaddedBytes(const char* at) {
  return kRecordHeaderBytes + uint64_t{GetLittleEndian<uint16_t>(at + record_at::kPathLength)} +
         GetLittleEndian<uint16_t>(at + record_at::kNewPathLength) +
         GetLittleEndian<uint32_t>(at + record_at::kPayloadLength);
}

bool KnownType(uint8_t type) {
  switch (static_cast<RecordType>(type)) {
    case RecordType::kPut:
    case RecordType::kAppend:
    case RecordType::kWriteAt:
    case RecordType::kTruncate:
    case RecordType::kDelete:
    case RecordType::kRename:
    case RecordType::kUploadCommit:
    case RecordType::kUploadChunk:
    case RecordType::kUploadAbort:
    case RecordType::kHeartbeat:
    case RecordType::kDurableMark:
      return true;
  }
  return false;
}

}  // namespace

SegmentKey::SegmentKey(uint64_t segment_id, uint64_t salt) : id(segment_id) {
  char bytes[8];
  PutLittleEndian(bytes, salt);
  crc_seed = Crc32c(absl::string_view(bytes, sizeof bytes));
}

uint64_t RecordBytes(const RecordHeader& header) {
  return Padded(kRecordHeaderBytes + header.path.size() + header.new_path.size() +
                header.payload_length);
}

uint64_t MaxRecordBytes(uint64_t records, uint64_t payload) {
  return records * (kRecordHeaderBytes + kRecordAlignment + 2 * kMaxPathBytes) + payload;
}

void AppendRecord(const RecordHeader& header, absl::string_view payload, std::string* out) {
  TANDEM_CHECK(header.path.size() <= UINT16_MAX && header.new_path.size() <= UINT16_MAX);
  TANDEM_CHECK(payload.size() <= UINT32_MAX);
  char fixed[kRecordHeaderBytes] = {};
  PutLittleEndian(fixed + record_at::kMagic, kRecordMagic);
  PutLittleEndian(fixed + record_at::kSequence, header.sequence);
  PutLittleEndian(fixed + record_at::kWallTime, static_cast<uint64_t>(header.wall_time_ms));
  PutLittleEndian(fixed + record_at::kPayloadLength, static_cast<uint32_t>(payload.size()));
  PutLittleEndian(fixed + record_at::kPayloadCrc, header.payload_crc32c);
  PutLittleEndian(fixed + record_at::kPathsCrc, Crc32c(header.new_path, Crc32c(header.path)));
  PutLittleEndian(fixed + record_at::kPathLength, static_cast<uint16_t>(header.path.size()));
  PutLittleEndian(fixed + record_at::kNewPathLength, static_cast<uint16_t>(header.new_path.size()));
  fixed[record_at::kType] = static_cast<char>(header.type);
  fixed[record_at::kFlags] = static_cast<char>(header.flags);
  fixed[record_at::kBaseKind] = static_cast<char>(header.base.kind);
  fixed[record_at::kNewBaseKind] = static_cast<char>(header.new_base.kind);
  PutLittleEndian(fixed + record_at::kMode, header.mode);
  PutLittleEndian(fixed + record_at::kOffset, header.offset);
  PutLittleEndian(fixed + record_at::kBaseSize, header.base.size);
  PutLittleEndian(fixed + record_at::kNewBaseSize, header.new_base.size);
  PutLittleEndian(fixed + record_at::kResultSize, header.result_size);
  std::memcpy(fixed + record_at::kRequestId, header.request_id.bytes.data(), 16);
  std::memcpy(fixed + record_at::kDigest, header.digest.data(), 16);

  const size_t begin = out->size();
  out->append(fixed, sizeof fixed);
  out->append(header.path);
  out->append(header.new_path);
  out->append(payload.data(), payload.size());
  out->append(Padded(out->size() - begin) - (out->size() - begin), '\0');
}

void SealRecord(char* at, const RecordSeal& seal) {
  PutLittleEndian(at + record_at::kSegment, seal.key.id);
  PutLittleEndian(at + record_at::kDurable, seal.durable);
  PutLittleEndian(at + record_at::kGroupFirst, seal.group_first);
  PutLittleEndian(at + record_at::kEpoch, seal.epoch);
  PutLittleEndian(at + record_at::kHeaderCrc, HeaderCrc(at, seal.key.crc_seed));
}

RecordType RecordView::type() const { return static_cast<RecordType>(at_[record_at::kType]); }
uint8_t RecordView::flags() const { return static_cast<uint8_t>(at_[record_at::kFlags]); }
Sequence RecordView::sequence() const {
  return GetLittleEndian<uint64_t>(at_ + record_at::kSequence);
}
Sequence RecordView::durable() const {
  return GetLittleEndian<uint64_t>(at_ + record_at::kDurable);
}
Sequence RecordView::group_first() const {
  return GetLittleEndian<uint64_t>(at_ + record_at::kGroupFirst);
}
uint64_t RecordView::epoch() const { return GetLittleEndian<uint64_t>(at_ + record_at::kEpoch); }
int64_t RecordView::wall_time_ms() const {
  return static_cast<int64_t>(GetLittleEndian<uint64_t>(at_ + record_at::kWallTime));
}
uint32_t RecordView::length() const { return static_cast<uint32_t>(Padded(UnpaddedBytes(at_))); }

absl::string_view RecordView::path() const {
  return {at_ + kRecordHeaderBytes, GetLittleEndian<uint16_t>(at_ + record_at::kPathLength)};
}

absl::string_view RecordView::new_path() const {
  const absl::string_view first = path();
  return {first.data() + first.size(), GetLittleEndian<uint16_t>(at_ + record_at::kNewPathLength)};
}

absl::string_view RecordView::payload() const {
  const absl::string_view before = new_path();
  return {before.data() + before.size(),
          GetLittleEndian<uint32_t>(at_ + record_at::kPayloadLength)};
}

absl::string_view RecordView::bytes() const { return {at_, length()}; }

bool RecordView::BodyIntact() const {
  const absl::string_view paths(path().data(), path().size() + new_path().size());
  return Crc32c(paths) == GetLittleEndian<uint32_t>(at_ + record_at::kPathsCrc) &&
         Crc32c(payload()) == GetLittleEndian<uint32_t>(at_ + record_at::kPayloadCrc);
}

RecordHeader RecordView::ToHeader() const {
  RecordHeader header;
  header.type = type();
  header.flags = flags();
  header.sequence = sequence();
  header.wall_time_ms = wall_time_ms();
  std::memcpy(header.request_id.bytes.data(), at_ + record_at::kRequestId, 16);
  std::memcpy(header.digest.data(), at_ + record_at::kDigest, 16);
  header.path = std::string(path());
  header.new_path = std::string(new_path());
  header.offset = GetLittleEndian<uint64_t>(at_ + record_at::kOffset);
  header.mode = GetLittleEndian<uint32_t>(at_ + record_at::kMode);
  header.base.kind = static_cast<PathKind>(at_[record_at::kBaseKind]);
  header.base.size = GetLittleEndian<uint64_t>(at_ + record_at::kBaseSize);
  header.new_base.kind = static_cast<PathKind>(at_[record_at::kNewBaseKind]);
  header.new_base.size = GetLittleEndian<uint64_t>(at_ + record_at::kNewBaseSize);
  header.result_size = GetLittleEndian<uint64_t>(at_ + record_at::kResultSize);
  header.payload_crc32c = GetLittleEndian<uint32_t>(at_ + record_at::kPayloadCrc);
  header.payload_length = GetLittleEndian<uint32_t>(at_ + record_at::kPayloadLength);
  return header;
}

bool HeaderGood(const char* at, const SegmentKey& key) {
  return GetLittleEndian<uint32_t>(at + record_at::kMagic) == kRecordMagic &&
         GetLittleEndian<uint64_t>(at + record_at::kSegment) == key.id &&
         GetLittleEndian<uint32_t>(at + record_at::kHeaderCrc) == HeaderCrc(at, key.crc_seed) &&
         KnownType(static_cast<uint8_t>(at[record_at::kType])) &&
         static_cast<uint8_t>(at[record_at::kBaseKind]) <= 3 &&
         static_cast<uint8_t>(at[record_at::kNewBaseKind]) <= 3;
}

bool LooksLikeRecord(absl::string_view window, const SegmentKey& key) {
  return window.size() >= record_at::kSequence &&
         GetLittleEndian<uint32_t>(window.data() + record_at::kMagic) == kRecordMagic &&
         GetLittleEndian<uint64_t>(window.data() + record_at::kSegment) == key.id;
}

ParseResult ParseRecord(absl::string_view window, bool at_end, uint64_t room, const SegmentKey& key,
                        bool check_body) {
  ParseResult result;
  if (room < kRecordHeaderBytes) return result;
  if (window.size() < kRecordHeaderBytes) {
    if (at_end) return result;
    result.parsed = Parsed::kNeedMore;
    result.need = kRecordHeaderBytes;
    return result;
  }
  if (!HeaderGood(window.data(), key)) return result;
  const uint64_t length = Padded(UnpaddedBytes(window.data()));
  if (length > room || length > UINT32_MAX) return result;
  if (window.size() < length) {
    if (at_end) return result;
    result.parsed = Parsed::kNeedMore;
    result.need = length;
    return result;
  }
  result.record = RecordView(window.data());
  result.header_good = true;
  if (!check_body || result.record.BodyIntact()) result.parsed = Parsed::kRecord;
  return result;
}

}  // namespace tandem
