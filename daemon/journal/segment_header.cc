#include "daemon/journal/segment_header.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"

namespace tandem {

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string block(kSegmentHeaderBytes, '\0');
  char* at = block.data();
  PutLittleEndian(at + segment_at::kMagic, kSegmentMagic);
  PutLittleEndian(at + segment_at::kVersion, kJournalFormatVersion);
  PutLittleEndian(at + segment_at::kId, header.id);
  PutLittleEndian(at + segment_at::kFirst, header.first);
  PutLittleEndian(at + segment_at::kEpoch, header.epoch);
  PutLittleEndian(at + segment_at::kCreated, static_cast<uint64_t>(header.created_ms));
  PutLittleEndian(at + segment_at::kSalt, header.salt);
  PutLittleEndian(at + segment_at::kBytes, header.bytes);
  PutLittleEndian(at + segment_at::kSupersedes, header.supersedes);
  PutLittleEndian(at + segment_at::kRun, static_cast<uint64_t>(header.run_ms));
  const std::string ids = header.ids_before.Encode();
  PutLittleEndian(at + segment_at::kIdSpans,
                  static_cast<uint32_t>(header.ids_before.spans().size()));
  std::copy(ids.begin(), ids.end(), at + segment_at::kIdTimes);
  const absl::string_view rest = absl::string_view(block).substr(segment_at::kMagic);
  PutLittleEndian(at + segment_at::kCrc, Crc32c(rest));
  return block;
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view block) {
  if (block.size() < kSegmentHeaderBytes) {
    return absl::DataLossError("segment header block is cut short");
  }
  block = block.substr(0, kSegmentHeaderBytes);
  const char* at = block.data();
  if (GetLittleEndian<uint32_t>(at + segment_at::kMagic) != kSegmentMagic ||
      GetLittleEndian<uint32_t>(at + segment_at::kCrc) !=
          Crc32c(block.substr(segment_at::kMagic))) {
    return absl::DataLossError("segment header block is damaged");
  }
  const auto version = GetLittleEndian<uint32_t>(at + segment_at::kVersion);
  if (version != kJournalFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "segment of journal format ", version, "; this program knows ", kJournalFormatVersion));
  }
  SegmentHeader header;
  header.id = GetLittleEndian<uint64_t>(at + segment_at::kId);
  header.first = GetLittleEndian<uint64_t>(at + segment_at::kFirst);
  header.epoch = GetLittleEndian<uint64_t>(at + segment_at::kEpoch);
  header.created_ms = static_cast<int64_t>(GetLittleEndian<uint64_t>(at + segment_at::kCreated));
  header.salt = GetLittleEndian<uint64_t>(at + segment_at::kSalt);
  header.bytes = GetLittleEndian<uint64_t>(at + segment_at::kBytes);
  header.supersedes = GetLittleEndian<uint64_t>(at + segment_at::kSupersedes);
  header.run_ms = static_cast<int64_t>(GetLittleEndian<uint64_t>(at + segment_at::kRun));
  const auto spans = GetLittleEndian<uint32_t>(at + segment_at::kIdSpans);
  const auto ids = IdTimes::Decode(
      block.substr(segment_at::kIdTimes, std::min<size_t>(spans, IdTimes::kMaxSpans + 1) * 16));
  if (ids.has_value()) header.ids_before = *ids;
  if (header.id == 0 || header.first == 0 || header.bytes < kSegmentHeaderBytes ||
      header.run_ms < 0 || !ids.has_value()) {
    return absl::DataLossError("segment header block makes no sense");
  }
  return header;
}

std::string SegmentName(uint64_t id) { return absl::StrFormat("%016x.seg", id); }
std::string FooterName(uint64_t id) { return absl::StrFormat("%016x.idx", id); }
std::string FreeName(uint64_t number) { return absl::StrCat("free-", number); }
std::string NewName(uint64_t number) { return absl::StrCat("new-", number); }

std::optional<SegmentFileName> ParseSegmentFileName(absl::string_view name) {
  const absl::string_view whole = name;
  if (name == kReserveName) return SegmentFileName{SegmentFile::kReserve, 0};
  SegmentFileName result{SegmentFile::kFree, 0};
  if (absl::ConsumePrefix(&name, "free-") || absl::ConsumePrefix(&name, "new-")) {
    result.kind = absl::StartsWith(whole, "new-") ? SegmentFile::kNew : SegmentFile::kFree;
    if (!absl::SimpleAtoi(name, &result.number)) return std::nullopt;
    return result;
  }
  if (absl::ConsumeSuffix(&name, ".seg")) {
    result.kind = SegmentFile::kSegment;
  } else if (absl::ConsumeSuffix(&name, ".idx")) {
    result.kind = SegmentFile::kFooter;
  } else if (absl::ConsumeSuffix(&name, ".idx.tmp")) {
    result.kind = SegmentFile::kFooterTemp;
  } else {
    return std::nullopt;
  }
  if (name.size() != 16) return std::nullopt;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    result.number = result.number * 16 + static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  if (result.number == 0) return std::nullopt;
  return result;
}

absl::Status JournalDamage(uint64_t segment, uint64_t offset, Sequence sequence,
                           absl::string_view what) {
  return absl::DataLossError(
      absl::StrFormat("journal damaged: segment %016x, offset %d, sequence %d: %s", segment, offset,
                      sequence, what));
}

}  // namespace tandem
