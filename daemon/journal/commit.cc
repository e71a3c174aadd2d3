// Group commit: the part of the journal that makes records durable; journal_impl.h says how.
#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/journal/directory.h"
#include "daemon/journal/journal_impl.h"

namespace tandem {
namespace {

constexpr int64_t kRetryNs = 1'000'000'000;
// Files in a row that could not be made into the next segment, though there was room.
constexpr uint64_t kMaxFailures = 3;
constexpr size_t kMaxSpareBytes = 4 << 20;
// However busy: so much run time may be lost in a crash.
constexpr int64_t kMarkAnywayMs = 10'000;

}  // namespace

Awaitable<void> JournalImpl::CommitLoop(Self self) {
  JournalImpl& journal = *self;
  while (!journal.stopped_ && journal.failed_.ok()) {
    if (!journal.groups_.empty()) {
      co_await journal.CommitGroup();
      if (journal.closing_ && !journal.groups_.empty() && journal.starved_) break;
      if (journal.mark_due_ && !journal.stopped_ && !journal.broken_ &&
          journal.RunMs() - journal.marked_run_ms_ >= kMarkAnywayMs) {
        co_await journal.WriteMark();
      }
    } else if (journal.closing_) {
      break;
    } else if (!journal.mark_due_ || journal.broken_) {
      co_await journal.work_.Wait();
    } else {
      const int64_t idle_ns = journal.options_.idle_mark_ms * 1'000'000;
      const bool work = co_await journal.work_.WaitFor(journal.env_.clock, idle_ns);
      if (!work && !journal.stopped_ && journal.groups_.empty()) co_await journal.WriteMark();
    }
  }
  if (!journal.stopped_ && journal.failed_.ok() && journal.mark_due_ && !journal.broken_) {
    co_await journal.WriteMark();
  }
  journal.commit_ended_ = true;
  journal.LoopEnded();
}

// On return the group is durable, or the journal failed, or it stops.
Awaitable<void> JournalImpl::CommitGroup() {
  front_under_way_ = true;
  uint64_t failures = 0;
  while (true) {
    const bool fits = co_await MakeRoomFor(groups_.front().bytes.size());
    if (!fits) co_return;
    const int64_t before_ns = env_.clock.MonotonicNs();
    SealGroup();
    const absl::string_view bytes = groups_.front().bytes;
    absl::Status status = co_await env_.files.WriteAndSync(files_.active, bytes, end_);
    if (stopped_) co_return;
    if (status.ok()) {
      front_under_way_ = false;
      MoveDurable(env_.clock.MonotonicNs() - before_ns);
      co_return;
    }
    // What reached the disk is unknown, and a second sync would not tell: leave it behind.
    broken_ = true;
    ++counters_.sync_failures;
    env_.log.Error("journal_commit_failed",
                   {{"segment", set_.active().id}, {"offset", end_}, {"why", status}});
    if (IsNoRoom(status)) {
      starved_ = true;
      if (closing_) co_return;
      (void)co_await file_.WaitFor(env_.clock, kRetryNs);
    } else if (++failures >= 2) {
      Fail(status);
    }
  }
}

void JournalImpl::SealGroup() {
  Group& group = groups_.front();
  const KeptSegment& active = set_.active();
  const RecordSeal seal{.key = {active.id, active.salt},
                        .durable = durable_,
                        .group_first = group.first,
                        .epoch = report_.epoch};
  for (const uint32_t start : group.starts) SealRecord(group.bytes.data() + start, seal);
}

void JournalImpl::MoveDurable(int64_t sync_ns) {
  Group group = std::move(groups_.front());
  groups_.pop_front();
  TANDEM_CHECK(group.first == durable_ + 1 && group.last <= appended_);
  KeptSegment& active = set_.active();
  for (const auto& [sequence, index] : group.chunks) {
    const uint64_t start = group.starts[index];
    const uint64_t next =
        index + 1 < group.starts.size() ? group.starts[index + 1] : group.bytes.size();
    chunks_[sequence] = {active.id, end_ + start, static_cast<uint32_t>(next - start)};
  }
  const uint64_t bytes = group.bytes.size();
  durable_ = group.last;
  ids_.Add(group.ids);
  end_ += bytes;
  pending_bytes_ -= bytes;
  active.last = durable_;
  active.run_ms = RunMs();
  mark_due_ = true;
  starved_ = false;
  ++counters_.groups;
  counters_.records += group.starts.size();
  counters_.bytes += bytes;
  if (group.bytes.capacity() <= std::max<size_t>(kMaxSpareBytes, 2 * options_.group_bytes)) {
    spare_ = std::move(group.bytes);
    spare_.clear();
  }
  if (refused_bytes_ != 0 || state_ != JournalState::kServing) UpdateState();
  listener_->OnGroup(group.starts.size(), bytes, sync_ns);
  if (!stopped_) listener_->OnDurable(tail());
}

// True: `bytes` fit into the active segment. False: the journal failed or stops.
Awaitable<bool> JournalImpl::MakeRoomFor(uint64_t bytes) {
  uint64_t failures = 0;
  while (!stopped_ && failed_.ok()) {
    if (bytes <= Remaining()) co_return true;
    const bool ready = co_await WaitForFile();
    if (!ready) co_return false;
    const absl::Status status = co_await StartSegment();
    if (stopped_) co_return false;
    if (status.ok()) continue;
    env_.log.Error("journal_segment_failed", {{"why", status}});
    if (!IsNoRoom(status)) {
      if (++failures >= kMaxFailures) Fail(status);
      continue;
    }
    starved_ = true;
    if (closing_) co_return false;
    (void)co_await file_.WaitFor(env_.clock, kRetryNs);
  }
  co_return false;
}

// True: the pool has a file. False: the journal failed or stops.
Awaitable<bool> JournalImpl::WaitForFile() {
  while (!pool_.ready()) {
    starved_ = true;
    if (pool_.failures() >= kMaxFailures) Fail(pool_.error());
    if (!failed_.ok() || (closing_ && !pool_.error().ok())) co_return false;
    pool_.Wake();
    Housekeep();
    co_await file_.Wait();
    if (stopped_) co_return false;
  }
  co_return true;
}

// The next segment becomes the active one. After a failure the old one is not written to either:
// a header that supersedes it may be on disk.
Awaitable<absl::Status> JournalImpl::StartSegment() {
  SegmentHeader header{.id = next_id_++,
                       .first = durable_ + 1,
                       .epoch = report_.epoch,
                       .created_ms = env_.clock.WallMs(),
                       .salt = env_.random.Next(),
                       .bytes = options_.segment_bytes,
                       .supersedes = broken_ ? durable_ + 1 : 0,
                       .run_ms = RunMs(),
                       .ids_before = ids_};
  // With long paths a batch may be larger than Admit could know; then the segment is.
  const uint64_t least = kSegmentHeaderBytes + groups_.front().bytes.size() + kRecordHeaderBytes;
  while (header.bytes < least) header.bytes += options_.segment_bytes;
  broken_ = true;
  taking_bytes_ = header.bytes;
  const absl::StatusOr<SegmentPool::Taken> taken = co_await pool_.Take(header, {});
  taking_bytes_ = 0;
  if (stopped_) co_return absl::CancelledError("journal is gone");
  KeptSegment segment{.id = header.id,
                      .first = header.first,
                      .last = durable_,
                      .run_ms = header.run_ms,
                      .bytes = header.bytes,
                      .salt = header.salt,
                      .epoch = header.epoch};
  segment.full_size = taken.ok() && taken->full_size;
  set_.Add(segment);
  Housekeep();
  if (!taken.ok()) co_return taken.status();
  const FileHandle sealed = std::exchange(files_.active, taken->file);
  end_ = kSegmentHeaderBytes;
  tail_segment_ = segment.id;
  tail_first_ = segment.first;
  broken_ = false;
  mark_due_ = false;  // the header says as much
  marked_run_ms_ = header.run_ms;
  starved_ = false;
  check_.Notify();
  if (sealed != kNoFile) (void)co_await env_.files.Close(sealed);
  co_return absl::OkStatus();
}

// Proof that the last group was durable, for the next recovery.
Awaitable<void> JournalImpl::WriteMark() {
  mark_due_ = false;
  if (set_.active().bytes < end_ + kRecordHeaderBytes) co_return;
  RecordHeader mark;
  mark.type = RecordType::kDurableMark;
  mark.sequence = durable_;
  mark.wall_time_ms = env_.clock.WallMs();
  marked_run_ms_ = RunMs();
  mark.offset = static_cast<uint64_t>(marked_run_ms_);
  std::string bytes;
  AppendRecord(mark, {}, &bytes);
  const KeptSegment& active = set_.active();
  SealRecord(bytes.data(), {.key = {active.id, active.salt},
                            .durable = durable_,
                            .group_first = durable_,
                            .epoch = report_.epoch});
  const absl::Status status = co_await env_.files.WriteAndSync(files_.active, bytes, end_);
  if (stopped_) co_return;
  if (status.ok()) {
    end_ += bytes.size();
    co_return;
  }
  broken_ = true;
  ++counters_.sync_failures;
  env_.log.Error("journal_mark_failed", {{"segment", active.id}, {"why", status}});
}

}  // namespace tandem
