// The part of recovery that reads a segment record by record; recovery.h says why.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/journal/recovery.h"

namespace tandem {

Awaitable<absl::Status> Recovery::ScanSegment(const Segment& segment) {
  const SegmentHeader& header = segment.header;
  const std::string name = SegmentName(header.id);
  CO_ASSIGN_OR_RETURN(const FileHandle file, co_await env_.files.Open(directory_, name, O_RDONLY));
  RecordScanner scanner(env_.files, file, header);
  const absl::Status status = co_await Scan(segment, scanner, &result_.segments.back());
  (void)co_await env_.files.Close(file);
  co_return status;
}

Awaitable<absl::Status> Recovery::Scan(const Segment& segment, RecordScanner& scanner,
                                       KeptSegment* kept) {
  const bool newest = segment.limit == UINT64_MAX;
  // The segment's very existence proves what came before it.
  Sequence proven = newest ? segment.header.first - 1 : segment.limit;
  Sequence next = segment.header.first;
  while (next <= segment.limit) {
    CO_ASSIGN_OR_RETURN(const bool found, co_await scanner.Find());
    if (!found) break;
    const RecordView& record = scanner.record();
    const bool mark = record.type() == RecordType::kDurableMark;
    if (record.sequence() != (mark ? next - 1 : next) || record.durable() >= next) {
      co_return JournalDamage(
          segment.header.id, scanner.offset(), next,
          absl::StrCat("a record of sequence ", record.sequence(), " is in its place"));
    }
    if (newest) proven = std::max(proven, record.durable());
    if (mark) {
      const auto run_ms = static_cast<int64_t>(record.ToHeader().offset);
      result_.run_ms = std::max(result_.run_ms, run_ms);
    } else {
      TakeRecord(record, scanner.place(), proven, segment.run_ms);
      ++next;
    }
    FlushProven(proven, segment.run_ms);
    scanner.Skip();
  }
  if (newest) {
    CO_RETURN_IF_ERROR(co_await Cut(scanner, next));
  } else if (next <= segment.limit) {
    co_return JournalDamage(
        segment.header.id, scanner.offset(), next,
        absl::StrCat("no good record, but the next segment starts with sequence ",
                     segment.limit + 1));
  }
  kept->last = unproven_.empty() ? result_.last : unproven_.front().sequence - 1;
  result_.again_first = kept->last + 1;
  co_return absl::OkStatus();
}

void Recovery::TakeRecord(const RecordView& record, const RecordPlace& place, Sequence proven,
                          int64_t run_ms) {
  const Sequence sequence = record.sequence();
  result_.last = sequence;
  ++result_.report.records_scanned;
  const bool more = (record.flags() & kRecordBatchMore) != 0;
  if (!more) {
    batch_first_ = 0;
  } else if (batch_first_ == 0) {
    batch_first_ = sequence;
  }
  if (sequence <= proven) {
    Show(record.ToHeader(), place, run_ms);
    return;
  }
  unproven_.push_back({sequence, place, std::string(record.bytes())});
}

void Recovery::FlushProven(Sequence proven, int64_t run_ms) {
  size_t count = 0;
  for (; count < unproven_.size() && unproven_[count].sequence <= proven; ++count) {
    Show(RecordView(unproven_[count].bytes.data()).ToHeader(), unproven_[count].place, run_ms);
  }
  unproven_.erase(unproven_.begin(), unproven_.begin() + static_cast<std::ptrdiff_t>(count));
}

Awaitable<absl::Status> Recovery::Cut(RecordScanner& scanner, Sequence missing) {
  const uint64_t segment = scanner.header().id;
  const uint64_t at = scanner.offset();
  bool written = scanner.LooksWritten();
  uint64_t end =
      written ? at + (scanner.header_good() ? scanner.record().length() : kRecordHeaderBytes) : at;
  // Everything behind is searched: what is whole there tells what was durable.
  uint64_t from = at;
  while (true) {
    CO_ASSIGN_OR_RETURN(const uint64_t found, co_await scanner.FindHeader(from));
    if (found == 0) break;
    const RecordView& record = scanner.record();
    if (record.durable() >= missing) {
      co_return JournalDamage(segment, at, missing,
                              absl::StrCat("no good record, but the one at offset ", found,
                                           " proves that it was durable"));
    }
    written = true;
    end = std::max(end, found + record.length());
    from = found + kRecordAlignment;
  }
  Sequence cut = missing;
  uint64_t cut_at = at;
  if (batch_first_ != 0) {  // all or none: what there is of it goes too
    cut = batch_first_;
    written = true;
    const auto first =
        std::find_if(unproven_.begin(), unproven_.end(),
                     [cut](const Unproven& record) { return record.sequence == cut; });
    if (first == unproven_.end()) {
      co_return JournalDamage(segment, at, missing, "the rest of a batch is missing");
    }
    cut_at = first->place.offset;
    unproven_.erase(first, unproven_.end());
    result_.last = cut - 1;
  }
  if (witnessed_ >= cut) {
    co_return JournalDamage(
        segment, cut_at, cut,
        absl::StrCat("no good record, but sequence ", witnessed_, " was seen durable"));
  }
  if (written) {
    result_.report.cut_from = cut;
    result_.report.bytes_cut = std::max(end, at) - cut_at;
  }
  co_return absl::OkStatus();
}

}  // namespace tandem
