// The numbers of journal format version 1, in one place; FORMAT.md explains them. Little endian.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem {

inline constexpr uint32_t kJournalFormatVersion = 1;

// A segment: one header block, then records, each at a multiple of kRecordAlignment.
inline constexpr uint32_t kSegmentMagic = 0x47534454;  // "TDSG"
inline constexpr size_t kSegmentHeaderBytes = 4096;

namespace segment_at {
inline constexpr size_t kCrc = 0;          // u32: of the rest of the block
inline constexpr size_t kMagic = 4;        // u32
inline constexpr size_t kVersion = 8;      // u32
inline constexpr size_t kId = 16;          // u64
inline constexpr size_t kFirst = 24;       // u64: sequence of its first record
inline constexpr size_t kEpoch = 32;       // u64: of the owner that made it
inline constexpr size_t kCreated = 40;     // i64: wall time, ms since 1970
inline constexpr size_t kSalt = 48;        // u64: starts the CRC of its record headers
inline constexpr size_t kBytes = 56;       // u64: the segment's full size
inline constexpr size_t kSupersedes = 64;  // u64: from this sequence on the older ones are void; 0
inline constexpr size_t kRun = 72;         // i64: run time, ms; 0: not said, nor are the id times
inline constexpr size_t kIdSpans = 80;     // u32: how many spans of id times follow
inline constexpr size_t kIdTimes = 88;     // 16 bytes each: of the ids of all records before
}  // namespace segment_at

inline constexpr uint32_t kRecordMagic = 0x43524454;  // "TDRC"
inline constexpr size_t kRecordAlignment = 16;
inline constexpr size_t kRecordHeaderBytes = 144;  // then path, new path, payload, zeros

namespace record_at {
inline constexpr size_t kHeaderCrc = 0;       // u32: of the rest of the header, salted
inline constexpr size_t kMagic = 4;           // u32
inline constexpr size_t kSegment = 8;         // u64: id of the segment it was written to
inline constexpr size_t kSequence = 16;       // u64
inline constexpr size_t kDurable = 24;        // u64: known durable when this was written
inline constexpr size_t kGroupFirst = 32;     // u64: first sequence of its group
inline constexpr size_t kWallTime = 40;       // i64: ms since 1970
inline constexpr size_t kPayloadLength = 48;  // u32
inline constexpr size_t kPayloadCrc = 52;     // u32
inline constexpr size_t kPathsCrc = 56;       // u32: of path and new path together
inline constexpr size_t kPathLength = 60;     // u16
inline constexpr size_t kNewPathLength = 62;  // u16
inline constexpr size_t kType = 64;           // u8
inline constexpr size_t kFlags = 65;          // u8
inline constexpr size_t kBaseKind = 66;       // u8
inline constexpr size_t kNewBaseKind = 67;    // u8
inline constexpr size_t kMode = 68;           // u32
inline constexpr size_t kOffset = 72;         // u64; of a durable mark: run time, ms
inline constexpr size_t kBaseSize = 80;       // u64
inline constexpr size_t kNewBaseSize = 88;    // u64
inline constexpr size_t kResultSize = 96;     // u64
inline constexpr size_t kRequestId = 104;     // 16 bytes
inline constexpr size_t kDigest = 120;        // 16 bytes
inline constexpr size_t kEpoch = 136;         // u64: of the owner that wrote it
}  // namespace record_at

// A footer: a fixed part, then one entry per record (footer.cc).
inline constexpr uint32_t kFooterMagic = 0x58494454;  // "TDIX"
inline constexpr size_t kFooterHeaderBytes = 112;

namespace footer_at {
inline constexpr size_t kMagic = 0;       // u32
inline constexpr size_t kVersion = 4;     // u32
inline constexpr size_t kSegment = 8;     // u64
inline constexpr size_t kFirst = 16;      // u64
inline constexpr size_t kLast = 24;       // u64
inline constexpr size_t kEnd = 32;        // u64: where the last record ends in the segment
inline constexpr size_t kWallTime = 40;   // i64: of the last record
inline constexpr size_t kEpoch = 48;      // u64: of the segment
inline constexpr size_t kSalt = 56;       // u64: of the segment
inline constexpr size_t kCount = 64;      // u64
inline constexpr size_t kBodyBytes = 72;  // u64
inline constexpr size_t kRun = 80;        // i64: run time when it was sealed, ms; 0: not said
inline constexpr size_t kIdBytes = 88;    // u64: id times at the body's end, bytes
inline constexpr size_t kDigest = 96;     // 16 bytes: of all before it and of the body
}  // namespace footer_at

}  // namespace tandem
