// A sealed segment's footer, `<id>.idx`: all its records but their payloads, so that opening the
// journal need not read the segment, and request ids outlive a segment that retires early.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/journal/segment_header.h"

namespace tandem {

struct FooterInfo {
  uint64_t segment = 0;
  Sequence first = 0;
  Sequence last = 0;
  uint64_t end = 0;          // where the last record ends in the segment, bytes
  int64_t wall_time_ms = 0;  // of the last record
  uint64_t epoch = 0;        // the segment's
  uint64_t salt = 0;         // the segment's
  uint64_t count = 0;
  int64_t run_ms = 0;  // run time when the segment was sealed; 0: not said
  IdTimes ids_before;  // of all records before the segment; not said without run_ms
};

// Owner: one thread.
class FooterBuilder {
 public:
  explicit FooterBuilder(const SegmentHeader& segment);
  // In order, each sequence one more than the one before, no marks.
  void Add(const RecordHeader& header, const RecordPlace& place);
  // The file's content. Requires one record at least. `run_ms`: when the segment was sealed.
  [[nodiscard]] std::string Finish(int64_t run_ms);
  [[nodiscard]] const FooterInfo& info() const { return info_; }

 private:
  FooterInfo info_;
  std::string body_;
  std::string last_path_;
};

// Checks the whole and returns its fixed part. DATA_LOSS if anything is wrong.
[[nodiscard]] absl::StatusOr<FooterInfo> CheckFooter(absl::string_view file);

// Calls `visit` for each record of a footer that CheckFooter found good. DATA_LOSS if the entries
// do not fit together all the same; then some were visited.
[[nodiscard]] absl::Status VisitFooter(
    absl::string_view file, absl::FunctionRef<void(const RecordHeader&, const RecordPlace&)> visit);

}  // namespace tandem
