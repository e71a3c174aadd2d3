// The journal's background: files ahead of need, footers, checks, retirement, state.
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"
#include "daemon/journal/footer.h"
#include "daemon/journal/journal_impl.h"
#include "daemon/journal/sealed_check.h"

namespace tandem {
namespace {

constexpr int64_t kRoundNs = 1'000'000'000;
// Less than this part of a segment is not worth a cut.
constexpr uint64_t kLeastTrimPart = 8;

}  // namespace

void JournalImpl::LoopEnded() {
  --loops_;
  ended_.Notify();
}

void JournalImpl::Fail(const absl::Status& why) {
  if (!failed_.ok() || stopped_) return;
  failed_ = why;
  env_.log.Error("journal_failed", {{"why", why}});
  SetState(JournalState::kFailed, why);
  work_.Notify();
  file_.Notify();
}

void JournalImpl::SetState(JournalState state, const absl::Status& why) {
  if (state == state_ || stopped_) return;
  state_ = state;
  listener_->OnState(state, why);
}

void JournalImpl::UpdateState() {
  if (!failed_.ok()) return;
  Room room = Room::kYes;
  if (refused_bytes_ != 0) {
    room = RoomFor(refused_bytes_, refused_internal_);
    if (room == Room::kYes || room == Room::kWait) refused_bytes_ = 0;
  }
  if (room == Room::kDisk || (starved_ && !pool_.ready() && pool_.disk_full())) {
    SetState(JournalState::kDiskFull, pool_.error());
  } else if (room == Room::kCap) {
    SetState(JournalState::kFull, absl::ResourceExhaustedError("journal is at its cap"));
  } else {
    SetState(JournalState::kServing, absl::OkStatus());
  }
}

bool JournalImpl::WantsFile() const {
  if (pool_.ready() || !failed_.ok()) return false;
  return starved_ ||
         set_.kept_bytes() + taking_bytes_ + options_.segment_bytes <= options_.max_bytes;
}

Awaitable<void> JournalImpl::PrepareLoop(Self self) {
  co_await self->pool_.PrepareLoop([journal = self.get()] { return journal->WantsFile(); });
  self->LoopEnded();
}

void JournalImpl::Housekeep() {
  housekeep_due_ = true;
  housekeep_.Notify();
}

Awaitable<void> JournalImpl::HousekeepLoop(Self self) {
  JournalImpl& journal = *self;
  while (!journal.stopping()) {
    journal.housekeep_due_ = false;
    co_await journal.RetireSome();
    if (journal.stopping()) break;
    journal.UpdateState();
    if (!journal.housekeep_due_)
      (void)co_await journal.housekeep_.WaitFor(journal.env_.clock, kRoundNs);
  }
  journal.LoopEnded();
}

Awaitable<void> JournalImpl::RetireSome() {
  bool freed = false;
  while (!stopping()) {
    const bool retired = co_await RetireOne();
    if (!retired) break;
    freed = true;
  }
  if (freed) pool_.Wake();
  LookAtPressure();
  while (!stopping()) {
    const std::optional<KeptFooter> footer = set_.TakeExpiredFooter(RunMs());
    if (!footer) break;
    // One that stays for an error goes at the next start.
    const std::string name = FooterName(footer->id);
    (void)co_await env_.files.Unlink(files_.segments, name);
  }
}

const KeptSegment* JournalImpl::NextToRetire() const {
  const bool disk_full = !pool_.ready() && pool_.disk_full();
  const KeptSegment* next = set_.Retirable(durable_, RunMs(), disk_full);
  // The newest that is surely there stays, records or not: without it the journal looks damaged.
  return next != nullptr && next->id < tail_segment_ ? next : nullptr;
}

// Before a segment goes that a detached target may need.
Awaitable<bool> JournalImpl::IsCovered(KeptSegment segment) {
  const std::string name = FooterName(segment.id);
  retiring_ = segment.id;
  const auto footer =
      co_await ReadWholeFile(env_.files, files_.segments, name, options_.segment_bytes * 2);
  bool covered = false;
  if (stopped_) co_return false;
  if (footer.ok() && CheckFooter(*footer).ok()) {
    covered = co_await listener_->BeforeRetire(segment.first, segment.last, *footer);
  } else {
    env_.log.Warning("journal_footer_unreadable",
                     {{"segment", segment.id}, {"why", footer.status()}});
    // Made again from the segment.
    if (KeptSegment* kept = set_.Find(segment.id); kept != nullptr) kept->footer = false;
    check_.Notify();
  }
  if (stopped_) co_return false;
  retiring_ = 0;
  uncovered_ = !covered;
  co_return covered;
}

void JournalImpl::LookAtPressure() {
  if (stopping() || !failed_.ok()) return;
  const std::optional<Sequence> last = set_.PressedUpTo();
  if (last.has_value() && *last > retired_) listener_->OnPressed(*last);
}

// False: nothing may go now, or it did not work; the next round tries again.
Awaitable<bool> JournalImpl::RetireOne() {
  const KeptSegment* retirable = NextToRetire();
  if (retirable == nullptr || retirable->id == checking_) co_return false;
  const KeptSegment segment = *retirable;
  const bool keep_footer = set_.KeepFooterOf(segment, RunMs());
  if (!segment.IsVoid() && retired_ < segment.last && set_.AnyDetached()) {
    const bool covered = co_await IsCovered(segment);
    // A target may have come back meanwhile.
    if (stopped_ || !covered || segment.last > set_.Releasable(durable_)) co_return false;
  }
  if (!segment.IsVoid() && retired_ < segment.last) {
    TANDEM_CHECK(segment.first == retired_ + 1);
    TANDEM_CHECK(segment.last <= set_.Releasable(durable_));
    listener_->OnRetired(segment.last);
    retired_ = segment.last;
    chunks_.erase(chunks_.begin(), chunks_.upper_bound(retired_));
  }
  const bool reusable = segment.full_size && segment.bytes == options_.segment_bytes;
  retiring_ = segment.id;
  const absl::Status status = co_await pool_.Recycle(segment.id, reusable);
  if (stopped_) co_return false;
  retiring_ = 0;
  if (!status.ok()) {
    env_.log.Warning("journal_retire_failed", {{"segment", segment.id}, {"why", status}});
    co_return false;
  }
  set_.Remove(segment.id);
  if (segment.IsVoid()) co_return true;
  ++counters_.segments_retired;
  if (!segment.footer) co_return true;
  if (keep_footer) {
    set_.AddFooter({segment.id, segment.run_ms});
  } else {
    const std::string name = FooterName(segment.id);
    (void)co_await env_.files.Unlink(files_.segments, name);
  }
  co_return !stopped_;
}

// A footer that is missing first: until it is there, the next start must read the segment.
KeptSegment* JournalImpl::NextToCheck() {
  KeptSegment* next = nullptr;
  for (KeptSegment& segment : set_.all()) {
    if (!set_.IsSealed(segment) || segment.IsVoid() || segment.id == retiring_) continue;
    if (!segment.footer) return &segment;
    if (!segment.checked && next == nullptr) next = &segment;
  }
  return next;
}

Awaitable<void> JournalImpl::CheckLoop(Self self) {
  JournalImpl& journal = *self;
  while (!journal.stopping() && journal.failed_.ok()) {
    const KeptSegment* next = journal.NextToCheck();
    if (next == nullptr) {
      co_await journal.check_.Wait();
      continue;
    }
    journal.checking_ = next->id;
    const absl::Status status = co_await journal.CheckOne(*next);
    journal.checking_ = 0;
    if (journal.stopping()) break;
    journal.Housekeep();
    if (status.ok()) continue;
    if (absl::IsDataLoss(status)) {
      journal.Fail(status);
      break;
    }
    journal.env_.log.Warning("journal_check_failed", {{"why", status}});
    (void)co_await journal.check_.WaitFor(journal.env_.clock, kRoundNs);
  }
  journal.LoopEnded();
}

Awaitable<absl::Status> JournalImpl::CheckOne(KeptSegment segment) {
  const auto go = [this] {
    return stopped_ ? CheckGo::kNoFiles : closing_ ? CheckGo::kStop : CheckGo::kOn;
  };
  CO_ASSIGN_OR_RETURN(
      const SealedCheck check,
      co_await CheckSealedSegment(env_, files_.segments, segment, !segment.footer, go));
  if (!segment.footer) {
    const std::string name = FooterName(segment.id);
    const std::string temp = name + ".tmp";
    CO_RETURN_IF_ERROR(co_await ReplaceFile(env_.files, files_.segments, temp, name, check.footer));
  }
  KeptSegment* kept = set_.Find(segment.id);
  TANDEM_CHECK(kept != nullptr);  // it is not retired while it is checked
  kept->footer = true;
  kept->checked = true;
  co_await Trim(segment, check.end);
  co_return absl::OkStatus();
}

// Gives back what a segment that was sealed early does not need: every start seals one, and many
// starts while a target is away must not fill the journal. Its footer is there, so nothing behind
// its last record is read any more.
Awaitable<void> JournalImpl::Trim(KeptSegment segment, uint64_t end) {
  const uint64_t to = (end + kSegmentHeaderBytes - 1) / kSegmentHeaderBytes * kSegmentHeaderBytes;
  if (segment.bytes < to + options_.segment_bytes / kLeastTrimPart) co_return;
  const std::string name = SegmentName(segment.id);
  const auto file = co_await env_.files.Open(files_.segments, name, O_RDWR);
  if (stopped_) co_return;
  // Short from now on, whatever comes of it.
  set_.Find(segment.id)->full_size = false;
  absl::Status status = file.status();
  if (file.ok()) {
    status = co_await env_.files.Truncate(*file, to);
    if (!stopped_ && status.ok()) status = co_await env_.files.Sync(*file);
    if (!stopped_) (void)co_await env_.files.Close(*file);
  }
  if (stopped_) co_return;
  if (status.ok()) {
    set_.Shrink(*set_.Find(segment.id), to);
    // Refused so far for want of room.
    pool_.Wake();
  } else {
    env_.log.Warning("journal_trim_failed", {{"segment", segment.id}, {"why", status}});
  }
}

}  // namespace tandem
