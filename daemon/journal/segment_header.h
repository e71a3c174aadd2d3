// A segment's header block, and the names of files in `segments/`.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/journal/id_times.h"
#include "daemon/journal/record_codec.h"

namespace tandem {

struct SegmentHeader {
  uint64_t id = 0;
  Sequence first = 0;  // its first record's; all before it were durable when it was made
  uint64_t epoch = 0;
  int64_t created_ms = 0;  // wall time
  uint64_t salt = 0;
  uint64_t bytes = 0;       // the segment's full size
  Sequence supersedes = 0;  // records from here on in older segments are void; 0: there are none
  int64_t run_ms = 0;       // run time (journal.h) when it was made; 0: not said
  IdTimes ids_before;       // of all records before the first; not said without run_ms
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
  [[nodiscard]] SegmentKey key() const { return {id, salt}; }
};

// kSegmentHeaderBytes long.
[[nodiscard]] std::string EncodeSegmentHeader(const SegmentHeader& header);

// DATA_LOSS if it is damaged, FAILED_PRECONDITION if a newer version wrote it.
[[nodiscard]] absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view block);

[[nodiscard]] std::string SegmentName(uint64_t id);   // "000000000000002a.seg"
[[nodiscard]] std::string FooterName(uint64_t id);    // "000000000000002a.idx"
[[nodiscard]] std::string FreeName(uint64_t number);  // "free-7": zeroed or recycled, ready
[[nodiscard]] std::string NewName(uint64_t number);   // "new-7": being made, of no value yet

// Given up piece by piece by opens that find no room on the disk, so that what fills the disk can
// be applied and retired: without it a full journal could never be opened again.
inline constexpr char kReserveName[] = "reserve";
inline constexpr uint64_t kMaxReserveFileBytes = 4 << 20;

enum class SegmentFile { kSegment, kFooter, kFooterTemp, kFree, kNew, kReserve };

struct SegmentFileName {
  SegmentFile kind;
  uint64_t number;  // the id, or the number of a free one
};

// nullopt: not ours.
[[nodiscard]] std::optional<SegmentFileName> ParseSegmentFileName(absl::string_view name);

// "journal damaged: segment .., offset .., sequence ..: <what>".
[[nodiscard]] absl::Status JournalDamage(uint64_t segment, uint64_t offset, Sequence sequence,
                                         absl::string_view what);

}  // namespace tandem
