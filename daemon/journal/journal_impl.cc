#include "daemon/journal/journal_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

// What waits for a sync, in groups; more gets QUEUE_FULL.
constexpr uint64_t kMaxPendingGroups = 8;
constexpr int64_t kQueueFullMs = 10;
constexpr int64_t kNoRoomMs = 1'000;

absl::Status RefuseFor(Reason reason, absl::string_view message, int64_t retry_after_ms) {
  return Refuse(reason, message, {.retry_after_ms = retry_after_ms, .metadata = {}});
}

}  // namespace

JournalImpl::JournalImpl(Env& env, JournalOptions options, JournalFiles files, SegmentSet set)
    : env_(env),
      options_(std::move(options)),
      files_(files),
      set_(std::move(set)),
      pool_(env, files.segments, options_.segment_bytes,
            [this] {
              file_.Notify();
              Housekeep();
            }),
      work_(env.executor),
      housekeep_(env.executor),
      file_(env.executor),
      check_(env.executor),
      ended_(env.executor) {}

void JournalImpl::BeginAt(Sequence last, int64_t run_ms, IdTimes ids, uint64_t end, bool unmarked) {
  const KeptSegment& active = set_.active();
  appended_ = durable_ = last;
  retired_ = set_.all().front().first - 1;
  run_at_begin_ms_ = marked_run_ms_ = run_ms;
  begun_ns_ = env_.clock.MonotonicNs();
  ids_ = std::move(ids);
  end_ = end;
  mark_due_ = unmarked;
  next_id_ = active.id + 1;
  tail_segment_ = active.id;
  tail_first_ = active.first;
}

void JournalImpl::Start(Journal::Listener& listener) {
  TANDEM_CHECK(listener_ == nullptr && loops_ == 0);
  listener_ = &listener;
  loops_ = 4;
  commit_ended_ = false;
  Spawn(env_.executor, CommitLoop(shared_from_this()));
  Spawn(env_.executor, PrepareLoop(shared_from_this()));
  Spawn(env_.executor, HousekeepLoop(shared_from_this()));
  Spawn(env_.executor, CheckLoop(shared_from_this()));
}

void JournalImpl::Stop() {
  stopped_ = true;
  pool_.Stop();
  work_.Notify();
  housekeep_.Notify();
  file_.Notify();
  check_.Notify();
  ended_.Notify();
}

Awaitable<absl::Status> JournalImpl::Close() {
  closing_ = true;
  work_.Notify();
  file_.Notify();
  // The commit loop first: it may still need a file of the pool.
  while (!commit_ended_ && !stopped_) co_await ended_.Wait();
  pool_.Stop();
  housekeep_.Notify();
  check_.Notify();
  while (loops_ > 0 && !stopped_) co_await ended_.Wait();
  if (stopped_) co_return absl::CancelledError("journal is gone");
  for (FileHandle* file : {&files_.active, &files_.segments, &files_.directory, &files_.lock}) {
    if (*file == kNoFile) continue;
    const FileHandle handle = std::exchange(*file, kNoFile);
    (void)co_await env_.files.Close(handle);
  }
  stopped_ = true;
  if (!failed_.ok()) co_return failed_;
  if (!groups_.empty()) {
    co_return RefuseFor(Reason::kJournalDiskFull, "closed with writes that found no room",
                        kNoRoomMs);
  }
  co_return absl::OkStatus();
}

int64_t JournalImpl::RunMs() const {
  return run_at_begin_ms_ + (env_.clock.MonotonicNs() - begun_ns_) / kNsPerMs;
}

uint64_t JournalImpl::Remaining() const {
  const uint64_t bytes = set_.active().bytes;
  if (broken_ || end_ + kRecordHeaderBytes > bytes) return 0;
  return bytes - end_ - kRecordHeaderBytes;
}

uint64_t JournalImpl::SegmentRoom() const {
  return options_.segment_bytes - kSegmentHeaderBytes - kRecordHeaderBytes;
}

uint64_t JournalImpl::bytes_used() const {
  return set_.sealed_bytes() + (broken_ ? set_.active().bytes : end_);
}

JournalImpl::Room JournalImpl::RoomFor(uint64_t bytes, bool internal) const {
  const uint64_t need = pending_bytes_ + bytes;
  const uint64_t reserve = internal ? 0 : options_.reserve_bytes;
  if (bytes_used() + need + reserve > options_.max_bytes) return Room::kCap;
  if (need <= Remaining()) return Room::kYes;
  if (set_.kept_bytes() + options_.segment_bytes > options_.max_bytes) return Room::kCap;
  // The open segment may hold the first of these groups, but all must fit into the next.
  if (need > SegmentRoom() && pending_bytes_ > 0) return Room::kWait;
  return !pool_.ready() && pool_.disk_full() ? Room::kDisk : Room::kYes;
}

absl::Status JournalImpl::Admit(uint64_t records, uint64_t bytes, bool internal) {
  if (!failed_.ok()) {
    return RefuseFor(Reason::kJournalFailed, absl::StrCat("journal failed: ", failed_.message()),
                     kNoRoomMs);
  }
  if (closing_ || stopped_)
    return RefuseFor(Reason::kShuttingDown, "journal is closing", kNoRoomMs);
  const uint64_t need = MaxRecordBytes(records, bytes);
  if (records * kRecordHeaderBytes + bytes > SegmentRoom()) {
    return RefuseFor(Reason::kPayloadTooLarge, "larger than a journal segment", 0);
  }
  if (pending_bytes_ > 0 && pending_bytes_ + need > kMaxPendingGroups * options_.group_bytes) {
    return RefuseFor(Reason::kQueueFull, "too much waits for the journal's sync", kQueueFullMs);
  }
  const Room room = RoomFor(need, internal);
  if (room == Room::kYes) return absl::OkStatus();
  if (room == Room::kWait) {
    return RefuseFor(Reason::kQueueFull, "journal is about to start a segment", kQueueFullMs);
  }
  refused_bytes_ = refused_bytes_ == 0 ? need : std::min(need, refused_bytes_);
  refused_internal_ = internal;
  Housekeep();
  if (room == Room::kDisk) {
    return RefuseFor(Reason::kJournalDiskFull, "no room on the journal's disk", kNoRoomMs);
  }
  if (NextToRetire() != nullptr && !uncovered_) {
    return RefuseFor(Reason::kQueueFull, "journal is about to free a segment", kQueueFullMs);
  }
  return RefuseFor(Reason::kJournalFull, "journal is at its cap", kNoRoomMs);
}

void JournalImpl::Append(std::vector<Record> records) {
  TANDEM_CHECK(!records.empty() && !closing_ && failed_.ok());
  uint64_t bytes = 0;
  for (Record& record : records) {
    record.payload_length = static_cast<uint32_t>(record.payload.size());
    bytes += RecordBytes(record);
  }
  const bool open = groups_.size() > (front_under_way_ ? 1u : 0u) &&
                    groups_.back().bytes.size() + bytes <= options_.group_bytes;
  if (!open) {
    Group group;
    group.bytes = std::exchange(spare_, {});
    group.first = appended_ + 1;
    groups_.push_back(std::move(group));
  }
  Group& group = groups_.back();
  for (Record& record : records) {
    TANDEM_CHECK(record.sequence == appended_ + 1);
    if (record.wall_time_ms == 0) record.wall_time_ms = env_.clock.WallMs();
    NoteId(record, &group.ids);
    record.payload_crc32c = Crc32c(record.payload);
    if (record.type == RecordType::kUploadChunk) {
      group.chunks.emplace_back(record.sequence, group.starts.size());
    }
    group.starts.push_back(static_cast<uint32_t>(group.bytes.size()));
    AppendRecord(record, record.payload, &group.bytes);
    group.last = appended_ = record.sequence;
  }
  pending_bytes_ += bytes;
  work_.Notify();
}

JournalTail JournalImpl::tail() const {
  return {.durable = durable_, .segment = tail_segment_, .segment_first = tail_first_};
}

absl::StatusOr<RecordPlace> JournalImpl::PlaceOf(Sequence sequence) const {
  const auto found = chunks_.find(sequence);
  if (found == chunks_.end()) {
    return absl::NotFoundError(absl::StrCat("no durable upload chunk of sequence ", sequence));
  }
  return found->second;
}

void JournalImpl::SetCheckpoint(const std::string& target, Sequence checkpoint) {
  TANDEM_CHECK(checkpoint <= durable_);
  set_.SetCheckpoint(target, checkpoint);
  if (NextToRetire() != nullptr) Housekeep();
}

void JournalImpl::SetDetached(const std::string& target, bool detached) {
  set_.SetDetached(target, detached);
  uncovered_ = false;
  if (NextToRetire() != nullptr) Housekeep();
}

void JournalImpl::SetPin(Sequence oldest) {
  set_.SetPin(oldest);
  if (NextToRetire() != nullptr) Housekeep();
}

}  // namespace tandem
