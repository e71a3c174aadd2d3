// The write-ahead journal, as its one owner (core) drives it.
//
// Run time: how many milliseconds the journal's owners ran, all together. It is what retention
// and request ids go by: the wall clock may jump, and how long nobody ran cannot be told from that.
//
// Happy path: Append puts records into the open group; the commit loop takes the group, writes it
// in one go, syncs, moves the durable watermark and tells its listener; records that came in the
// meantime are the next group, started at once. Failure modes: FORMAT.md and journal.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "daemon/base/async.h"
#include "daemon/io/env.h"
#include "daemon/journal/id_times.h"
#include "daemon/journal/record.h"

namespace tandem {

struct JournalOptions {
  std::string directory;                 // absolute; created if it is not there
  uint64_t segment_bytes = 64ull << 20;  // of one segment; at least 4 x group_bytes
  uint64_t group_bytes = 1ull << 20;     // one group is cut at about this size
  uint64_t max_bytes = 8ull << 30;       // cap on all segments together
  uint64_t reserve_bytes = 16ull << 20;  // below the cap, for records that free room
  int64_t retention_ms = 900'000;    // run time: a segment is kept so long after its last record
  int64_t idle_mark_ms = 50;         // quiet this long: write a durable mark
  std::string writer;                // whose journal it is; another's is refused; "": any
  std::string owner;                 // what the lock file says of us; "": pid and host
  std::vector<std::string> targets;  // names of those whose checkpoints count
};

// What opening found, for the log and for `status`.
struct RecoveryReport {
  Sequence first = 0;            // oldest record kept; 0: none
  Sequence last = 0;             // newest; every one up to it is durable
  uint64_t records_scanned = 0;  // read one by one, not from a footer
  uint64_t bytes_cut = 0;        // of a torn tail
  Sequence cut_from = 0;         // the first sequence that was cut; 0: nothing
  uint64_t epoch = 0;            // of this owner; grows with every open
  int64_t duration_us = 0;
  int64_t run_ms = 1;  // run time at the open
  // Of the ids of records that are not kept: any other version 7 id was never journaled, or is
  // among those that were visited.
  IdTimes forgotten;
};

// Counters for the metrics; all since the start.
struct JournalCounters {
  uint64_t groups = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t sync_failures = 0;
  uint64_t segments_retired = 0;
};

// What a caller sees when the journal does not take writes now.
enum class JournalState { kServing, kFull, kDiskFull, kFailed };

// Owner: core's thread. Directory locked exclusively while it lives.
class Journal {
 public:
  struct Listener {
    virtual ~Listener() = default;
    // All records up to `durable` are durable now. Called from the commit loop.
    virtual void OnDurable(JournalTail tail) = 0;
    // A group was synced: its records, bytes and how long writing and syncing them took.
    virtual void OnGroup(uint64_t records, uint64_t bytes, int64_t sync_ns) = 0;
    // Serving, full, or broken for good (kFailed: nothing more will become durable).
    virtual void OnState(JournalState state, const absl::Status& why) = 0;
    // A segment is about to be retired: `last` is its newest record.
    virtual void OnRetired(Sequence last) = 0;
    // No other segment fits below the cap, and the oldest, with the records up to `last`, has to
    // stay for somebody. Called again and again while that is so.
    virtual void OnPressed(Sequence last) { (void)last; }
    // The segment is about to be retired though a detached target may lack records of it; `footer`
    // has them all (VisitFooter). True: what it lacks is noted, durably. False: it stays.
    virtual Awaitable<bool> BeforeRetire(Sequence first, Sequence last, const std::string& footer) {
      (void)first, (void)last, (void)footer;
      co_return false;
    }
  };

  // Called for every record that is kept, oldest first, from a segment's footer where there is a
  // good one. Payloads are not read. Of a segment that retired before its retention time was over
  // the records are still shown, so that request ids stay known; their place has segment 0.
  using Visitor = absl::FunctionRef<void(const RecordHeader&, const RecordPlace&)>;

  // Locks, syncs, reads, cuts a torn tail, takes a new epoch. `witnessed`: the largest sequence
  // anyone proves to have been durable (a lane's checkpoint, a watermark); a cut at or below it is
  // corruption. FAILED_PRECONDITION: someone else holds the lock (says who). DATA_LOSS: corruption,
  // with segment, offset, sequence.
  static Awaitable<absl::StatusOr<std::unique_ptr<Journal>>> Open(Env& env, JournalOptions options,
                                                                  Sequence witnessed,
                                                                  Visitor visit);
  virtual ~Journal() = default;

  [[nodiscard]] virtual const RecoveryReport& recovery() const = 0;

  // Starts the commit loop, retirement and the background check of what Open did not read.
  virtual void Start(Listener& listener) = 0;

  // The sequence that the next appended record gets.
  [[nodiscard]] virtual Sequence next_sequence() const = 0;
  [[nodiscard]] virtual JournalTail tail() const = 0;
  [[nodiscard]] virtual Sequence appended() const = 0;

  // OK if `bytes` more payload in `records` records can be appended now; otherwise the refusal for
  // the caller (JOURNAL_FULL, JOURNAL_DISK_FULL, JOURNAL_FAILED, QUEUE_FULL while too much waits
  // for the sync). `internal`: may use the reserve.
  [[nodiscard]] virtual absl::Status Admit(uint64_t records, uint64_t bytes, bool internal) = 0;

  // Puts the records, whose sequences must be next_sequence() and following, into the open group:
  // all in one group and one segment. Requires Admit for the same amount just before, on the same
  // turn of the loop. Fills in wall time where there is none, payload length and CRC.
  virtual void Append(std::vector<Record> records) = 0;

  // The place of an upload chunk that is durable and kept. NOT_FOUND for anything else.
  [[nodiscard]] virtual absl::StatusOr<RecordPlace> PlaceOf(Sequence sequence) const = 0;

  // `target` has applied (or parked) and made durable everything up to `checkpoint`.
  virtual void SetCheckpoint(const std::string& target, Sequence checkpoint) = 0;

  // The checkpoint of a detached target holds nothing back: see Listener::BeforeRetire.
  virtual void SetDetached(const std::string& target, bool detached) = 0;

  // Segments that hold `oldest` or later records stay, whatever the checkpoints say; 0: no pin.
  virtual void SetPin(Sequence oldest) = 0;

  [[nodiscard]] virtual uint64_t bytes_used() const = 0;  // of segments that cannot be reused yet
  [[nodiscard]] virtual JournalState state() const = 0;
  [[nodiscard]] virtual JournalCounters counters() const = 0;
  [[nodiscard]] virtual Sequence retired() const = 0;

  // Commits what was appended, writes a durable mark and closes the files. The lock goes with it.
  // Without it the destructor just stops everything; descriptors stay open until the process ends.
  virtual Awaitable<absl::Status> Close() = 0;
};

}  // namespace tandem
