// The journal's inside: what its loops share. journal.cc opens it and hands it out.
//
// Happy path: Append encodes into the open group. CommitLoop takes the oldest group, seals its
// records (segment, durable watermark, CRC), writes it in one go behind the last, syncs, moves the
// watermark, tells the listener. A group that does not fit seals the segment and starts the next,
// which SegmentPool has ready. CheckLoop writes sealed segments' footers and reads once what Open
// took from footers. HousekeepLoop retires segments.
//
// Failure modes:
// - Write or sync of a group fails: nothing is known about those pages, and asking again proves
//   nothing. The segment is not touched any more; the group goes into a new one, whose header
//   supersedes from the group's first sequence on. If that fails too: kFailed for good.
// - No room on the disk: the same, but it waits for room and tries again; nothing is acknowledged.
// - The cap: Admit refuses before anything is appended, so that what was admitted always fits.
// - Damage in a sealed segment: kFailed; the status says where.
// - The process dies: recovery.h.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "daemon/io/event.h"
#include "daemon/journal/segment_pool.h"
#include "daemon/journal/segment_set.h"

namespace tandem {

// Descriptors of an open journal.
struct JournalFiles {
  FileHandle lock = kNoFile;
  FileHandle directory = kNoFile;
  FileHandle segments = kNoFile;
  FileHandle active = kNoFile;
};

// Owner: core's thread. Kept alive by its loops; they end soon after Stop.
class JournalImpl : public std::enable_shared_from_this<JournalImpl> {
 public:
  JournalImpl(Env& env, JournalOptions options, JournalFiles files, SegmentSet set);

  // What Open found; before Start.
  SegmentPool& pool() { return pool_; }
  SegmentSet& set() { return set_; }
  RecoveryReport& report() { return report_; }
  void set_active_file(FileHandle file) { files_.active = file; }
  void NoteChunk(Sequence sequence, const RecordPlace& place) { chunks_[sequence] = place; }
  // `last`: everything up to it is durable. `run_ms`: run time now. `ids`: of all records. `end`:
  // where the active segment's records end. `unmarked`: it holds some that nothing proves durable
  // yet.
  void BeginAt(Sequence last, int64_t run_ms, IdTimes ids, uint64_t end, bool unmarked);

  void Start(Journal::Listener& listener);
  // No loop does anything any more, no listener is called. For the destructor; Close is better.
  void Stop();
  Awaitable<absl::Status> Close();

  [[nodiscard]] absl::Status Admit(uint64_t records, uint64_t bytes, bool internal);
  void Append(std::vector<Record> records);

  [[nodiscard]] Sequence appended() const { return appended_; }
  [[nodiscard]] Sequence retired() const { return retired_; }
  [[nodiscard]] JournalTail tail() const;
  [[nodiscard]] JournalState state() const { return state_; }
  [[nodiscard]] const JournalCounters& counters() const { return counters_; }
  [[nodiscard]] uint64_t bytes_used() const;
  [[nodiscard]] absl::StatusOr<RecordPlace> PlaceOf(Sequence sequence) const;
  void SetCheckpoint(const std::string& target, Sequence checkpoint);
  void SetDetached(const std::string& target, bool detached);
  void SetPin(Sequence oldest);

 private:
  using Self = std::shared_ptr<JournalImpl>;

  // Records that are written and synced together.
  struct Group {
    std::string bytes;
    std::vector<uint32_t> starts;  // of the records in `bytes`
    Sequence first = 0;
    Sequence last = 0;
    IdTimes ids;
    std::vector<std::pair<Sequence, size_t>> chunks;  // upload chunks: index in `starts`
  };

  // commit.cc
  static Awaitable<void> CommitLoop(Self self);
  Awaitable<void> CommitGroup();
  Awaitable<absl::Status> WriteGroup();
  void SealGroup();
  void MoveDurable(int64_t sync_ns);
  Awaitable<bool> MakeRoomFor(uint64_t bytes);
  Awaitable<absl::Status> StartSegment();
  Awaitable<bool> WaitForFile();
  Awaitable<void> WriteMark();

  // housekeeping.cc
  static Awaitable<void> PrepareLoop(Self self);
  static Awaitable<void> HousekeepLoop(Self self);
  static Awaitable<void> CheckLoop(Self self);
  KeptSegment* NextToCheck();
  Awaitable<absl::Status> CheckOne(KeptSegment segment);
  Awaitable<void> Trim(KeptSegment segment, uint64_t end);
  Awaitable<void> RetireSome();
  Awaitable<bool> RetireOne();
  Awaitable<bool> IsCovered(KeptSegment segment);
  void LookAtPressure();
  void Housekeep();  // asks for a round of HousekeepLoop
  void UpdateState();
  void SetState(JournalState state, const absl::Status& why);
  void Fail(const absl::Status& why);
  void LoopEnded();

  [[nodiscard]] int64_t RunMs() const;
  [[nodiscard]] bool WantsFile() const;
  [[nodiscard]] const KeptSegment* NextToRetire() const;
  [[nodiscard]] bool stopping() const { return stopped_ || closing_; }
  [[nodiscard]] uint64_t pending_bytes() const { return pending_bytes_; }
  [[nodiscard]] uint64_t Remaining() const;  // of the active segment, a mark's room left out
  [[nodiscard]] uint64_t SegmentRoom() const;
  enum class Room { kYes, kWait, kCap, kDisk };
  [[nodiscard]] Room RoomFor(uint64_t bytes, bool internal) const;

  Env& env_;
  const JournalOptions options_;
  JournalFiles files_;
  SegmentSet set_;
  SegmentPool pool_;
  RecoveryReport report_;
  Journal::Listener* listener_ = nullptr;
  JournalCounters counters_;

  Sequence appended_ = 0;
  Sequence durable_ = 0;
  Sequence retired_ = 0;
  int64_t run_at_begin_ms_ = 0;
  int64_t begun_ns_ = 0;       // monotonic
  int64_t marked_run_ms_ = 0;  // the newest that a mark or a header says
  IdTimes ids_;                // of all records that were ever durable

  std::deque<Group> groups_;  // the front one may be under way
  bool front_under_way_ = false;
  uint64_t pending_bytes_ = 0;  // in groups_
  std::string spare_;           // a group's buffer, to be used again

  uint64_t next_id_ = 0;
  uint64_t end_ = 0;           // of the active segment's records
  uint64_t tail_segment_ = 0;  // the newest that is surely there
  Sequence tail_first_ = 0;
  bool broken_ = false;         // nothing more may be written to the active segment
  bool mark_due_ = false;       // a group was synced after the last mark
  uint64_t taking_bytes_ = 0;   // of the segment that is being started, not in set_ yet
  bool starved_ = false;        // the commit loop waits for a file
  uint64_t refused_bytes_ = 0;  // smallest that Admit refused for want of room; 0: none
  bool refused_internal_ = false;

  absl::btree_map<Sequence, RecordPlace> chunks_;
  uint64_t retiring_ = 0;   // the segment that HousekeepLoop frees; it is not checked
  uint64_t checking_ = 0;   // the segment that CheckLoop reads; it stays
  bool uncovered_ = false;  // what a detached target lacks of the next to retire is not noted

  JournalState state_ = JournalState::kServing;
  absl::Status failed_;
  bool closing_ = false;
  bool stopped_ = false;
  int loops_ = 0;
  bool commit_ended_ = true;
  Event work_;  // for CommitLoop: a group, or the end
  Event housekeep_;
  bool housekeep_due_ = false;
  Event file_;  // for CommitLoop: SegmentPool has news
  Event check_;
  Event ended_;  // a loop ended
};

}  // namespace tandem
