// Reading the journal when it is opened: what is kept, where it ends, whether it is whole.
//
// Happy path: names are listed; files whose pages may never have reached the disk are synced;
// sealed segments are known by their footers; the newest is read record by record.
//
// Where the newest segment's records end, the tail may be torn: the last group was being written.
// It is cut if nothing proves that the first missing record was once durable. Proofs: a record
// behind it that carries a durable sequence at or above it (the group after it, a durable mark), a
// newer segment that starts behind it, somebody who saw it durable (`witnessed`). With a proof it
// is damage: Open refuses, saying where. An incomplete batch at the end is cut whole.
//
// Records that no later record proves durable (the last group) may be in the page cache only: an
// earlier process may have seen their sync fail. So they are not believed: the owner writes them
// again, into the segment that it starts, which supersedes from there on. That also makes sure
// that bytes behind a cut never come back.
//
// A failed sync is therefore no reason to stop here.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "daemon/journal/footer.h"
#include "daemon/journal/manifest.h"
#include "daemon/journal/record_scanner.h"
#include "daemon/journal/segment_set.h"

namespace tandem {

struct RecoveredJournal {
  std::vector<KeptSegment> segments;  // ascending; the newest ends before `again`
  std::vector<KeptFooter> footers;    // of segments that retired early
  std::vector<std::string> ready;     // free files of the right size
  uint64_t reserve_bytes = 0;         // of its file
  uint64_t next_number = 1;           // of a free file
  uint64_t next_id = 1;               // of a segment
  uint64_t epoch = 0;                 // the largest that was seen
  Sequence last = 0;                  // the newest record
  int64_t run_ms = 1;                 // run time at its end, as far as it is known
  IdTimes ids;                        // of all records but those in `again`
  // The last records, which are to be written again: not visited yet, and to be sealed.
  std::string again;
  Sequence again_first = 1;  // the sequence the new segment starts with
  RecoveryReport report;
};

// Owner: core's thread, while it opens the journal.
class Recovery {
 public:
  // `segments`: that directory. `visit`: called for all records but those in `again`; those of the
  // newest segment have kNewestRun.
  Recovery(Env& env, FileHandle segments, const JournalOptions& options,
           std::optional<Manifest> manifest, Sequence witnessed, Journal::Visitor visit);

  // Once. DATA_LOSS: damage, with segment, offset and sequence.
  Awaitable<absl::Status> Run();
  [[nodiscard]] RecoveredJournal& result() { return result_; }

 private:
  struct Segment {
    SegmentHeader header;
    uint64_t size = 0;            // of the file
    Sequence limit = 0;           // the last sequence that is its own; UINT64_MAX: the newest
    int64_t run_ms = kNewestRun;  // run time at its end
  };

  Awaitable<absl::Status> ReadNames();
  Awaitable<absl::Status> KeepFree(const std::string& name);
  Awaitable<absl::Status> KeepReserve(const std::string& name);
  Awaitable<absl::Status> ReadHeader(uint64_t id, bool sync);
  absl::Status CheckChain();
  void TakeRunTimes();
  Awaitable<absl::Status> ReadRetiredFooters();
  Awaitable<absl::Status> ReadSegment(const Segment& segment);
  Awaitable<absl::StatusOr<std::optional<FooterInfo>>> ReadFooter(const Segment& segment);
  Awaitable<absl::Status> ScanSegment(const Segment& segment);
  Awaitable<absl::Status> Scan(const Segment& segment, RecordScanner& scanner, KeptSegment* kept);
  Awaitable<absl::Status> Cut(RecordScanner& scanner, Sequence missing);
  void TakeRecord(const RecordView& record, const RecordPlace& place, Sequence proven,
                  int64_t run_ms);
  void FlushProven(Sequence proven, int64_t run_ms);
  // Of the oldest that is kept: what it says of the ids before it.
  void TakeForgotten(int64_t run_ms, const IdTimes& ids_before);
  void Show(RecordHeader header, const RecordPlace& place, int64_t run_ms);

  struct Unproven {
    Sequence sequence;
    RecordPlace place;
    std::string bytes;
  };

  Env& env_;
  FileHandle directory_;
  const JournalOptions& options_;
  std::optional<Manifest> manifest_;
  Sequence witnessed_;
  Journal::Visitor visit_;
  RecoveredJournal result_;
  std::vector<uint64_t> ids_;  // of segments, ascending
  absl::btree_set<uint64_t> footer_ids_;
  std::vector<std::string> leftovers_;  // to be removed at the end
  std::vector<Segment> segments_;
  // While the newest segment is read.
  std::vector<Unproven> unproven_;
  Sequence batch_first_ = 0;  // of the batch that is not complete yet; 0: none
  bool oldest_seen_ = false;
  bool forgotten_unsaid_ = false;  // by a file that does not say: told from its first record
};

}  // namespace tandem
