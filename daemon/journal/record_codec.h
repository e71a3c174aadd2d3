// Records to bytes and back: pure functions that writer, recovery, reader and the fuzzer share.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "daemon/journal/record.h"
#include "daemon/journal/record_format.h"

namespace tandem {

// What a record's header must fit: its segment's id, and the salt that starts its CRC. Clients do
// not know the salt, so no payload can pass for a record.
struct SegmentKey {
  SegmentKey() = default;
  SegmentKey(uint64_t segment_id, uint64_t salt);
  uint64_t id = 0;
  uint32_t crc_seed = 0;
};

// What is known only when the group is written.
struct RecordSeal {
  SegmentKey key;
  Sequence durable = 0;
  Sequence group_first = 0;
  uint64_t epoch = 0;
};

// Bytes a record takes in a segment, padding included.
[[nodiscard]] uint64_t RecordBytes(const RecordHeader& header);

// The most that `records` records with `payload` bytes together can take.
[[nodiscard]] uint64_t MaxRecordBytes(uint64_t records, uint64_t payload);

// Appends the encoded record to `out`; it is complete only after SealRecord. The header's
// payload_length and payload_crc32c are taken from `payload` and the header respectively.
void AppendRecord(const RecordHeader& header, absl::string_view payload, std::string* out);

// Completes the record that starts at `at`. May be done again for another segment.
void SealRecord(char* at, const RecordSeal& seal);

// An encoded record whose header was found good; refers to bytes that belong to someone else.
class RecordView {
 public:
  RecordView() = default;
  explicit RecordView(const char* at) : at_(at) {}

  [[nodiscard]] RecordType type() const;
  [[nodiscard]] uint8_t flags() const;
  [[nodiscard]] Sequence sequence() const;
  [[nodiscard]] Sequence durable() const;
  [[nodiscard]] Sequence group_first() const;
  [[nodiscard]] uint64_t epoch() const;
  [[nodiscard]] int64_t wall_time_ms() const;
  [[nodiscard]] uint32_t length() const;  // whole, padded
  // Below: the whole record must be there.
  [[nodiscard]] absl::string_view path() const;
  [[nodiscard]] absl::string_view new_path() const;
  [[nodiscard]] absl::string_view payload() const;
  [[nodiscard]] absl::string_view bytes() const;
  // Paths and payload fit their CRCs.
  [[nodiscard]] bool BodyIntact() const;
  [[nodiscard]] RecordHeader ToHeader() const;

 private:
  const char* at_ = nullptr;
};

enum class Parsed {
  kRecord,    // header and, if asked for, body are good
  kNothing,   // no good record of this segment starts here
  kNeedMore,  // the window is too short to tell
};

struct ParseResult {
  Parsed parsed = Parsed::kNothing;
  RecordView record;  // kRecord; also kNothing with header_good
  size_t need = 0;    // kNeedMore: bytes that the window must have
  bool header_good = false;
};

// Looks at the record that starts with `window`. `at_end`: there are no more bytes than these.
// `room`: bytes up to the segment's end; a longer record is none.
[[nodiscard]] ParseResult ParseRecord(absl::string_view window, bool at_end, uint64_t room,
                                      const SegmentKey& key, bool check_body);

// Like it, but only the header, which must be there in whole; for the search behind damage.
[[nodiscard]] bool HeaderGood(const char* at, const SegmentKey& key);

// Magic and segment id are there although the CRC may not fit: something of this segment was
// written here. `window` may be shorter than a header.
[[nodiscard]] bool LooksLikeRecord(absl::string_view window, const SegmentKey& key);

}  // namespace tandem
