// Opening the journal, and the handle that its owner holds.
//
// Open: directories; lock; manifest; recovery (recovery.h); then a new segment, which holds the
// records that recovery does not believe to be durable and supersedes from there on; then the
// manifest with the new epoch. A crash after any of these steps leaves a journal that opens:
// - before the first segment there is a manifest that asks for none;
// - the new segment gets its name only when its header and records are synced, so either the older
//   ones count or it does, whole;
// - it exists but the manifest is the old one: epochs are in segment headers too.
#include "daemon/journal/journal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"
#include "daemon/journal/journal_impl.h"
#include "daemon/journal/recovery.h"

namespace tandem {
namespace {

class JournalHandle final : public Journal {
 public:
  explicit JournalHandle(std::shared_ptr<JournalImpl> impl) : impl_(std::move(impl)) {}
  ~JournalHandle() override { impl_->Stop(); }
  JournalHandle(const JournalHandle&) = delete;
  JournalHandle& operator=(const JournalHandle&) = delete;

  const RecoveryReport& recovery() const override { return impl_->report(); }
  void Start(Listener& listener) override { impl_->Start(listener); }
  Sequence next_sequence() const override { return impl_->appended() + 1; }
  JournalTail tail() const override { return impl_->tail(); }
  Sequence appended() const override { return impl_->appended(); }
  absl::Status Admit(uint64_t records, uint64_t bytes, bool internal) override {
    return impl_->Admit(records, bytes, internal);
  }
  void Append(std::vector<Record> records) override { impl_->Append(std::move(records)); }
  absl::StatusOr<RecordPlace> PlaceOf(Sequence sequence) const override {
    return impl_->PlaceOf(sequence);
  }
  void SetCheckpoint(const std::string& target, Sequence checkpoint) override {
    impl_->SetCheckpoint(target, checkpoint);
  }
  void SetDetached(const std::string& target, bool detached) override {
    impl_->SetDetached(target, detached);
  }
  void SetPin(Sequence oldest) override { impl_->SetPin(oldest); }
  uint64_t bytes_used() const override { return impl_->bytes_used(); }
  JournalState state() const override { return impl_->state(); }
  JournalCounters counters() const override { return impl_->counters(); }
  Sequence retired() const override { return impl_->retired(); }
  Awaitable<absl::Status> Close() override { return CloseImpl(impl_); }

 private:
  static Awaitable<absl::Status> CloseImpl(std::shared_ptr<JournalImpl> impl) {
    co_return co_await impl->Close();
  }

  std::shared_ptr<JournalImpl> impl_;
};

absl::Status CheckOptions(const JournalOptions& options) {
  if (options.group_bytes == 0 || options.segment_bytes / 4 < options.group_bytes ||
      options.segment_bytes % kSegmentHeaderBytes != 0 || options.segment_bytes > UINT32_MAX) {
    return absl::InvalidArgumentError(
        "a journal segment must be at least four groups, below 4 GiB, and a multiple of 4096");
  }
  if (options.max_bytes < options.reserve_bytes + 2 * options.segment_bytes) {
    return absl::InvalidArgumentError("the journal's cap must hold two segments and the reserve");
  }
  return absl::OkStatus();
}

class Opener {
 public:
  Opener(Env& env, JournalOptions options, Sequence witnessed, Journal::Visitor visit)
      : env_(env), options_(std::move(options)), witnessed_(witnessed), visit_(visit) {}

  Awaitable<absl::Status> Run() {
    CO_RETURN_IF_ERROR(CheckOptions(options_));
    const int64_t start_ns = env_.clock.MonotonicNs();
    CO_ASSIGN_OR_RETURN(files_.directory,
                        co_await OpenOrMakeDirectory(env_.files, options_.directory));
    CO_ASSIGN_OR_RETURN(files_.lock, co_await LockJournal(env_, files_.directory));
    CO_ASSIGN_OR_RETURN(files_.segments,
                        co_await OpenOrMakeChild(env_.files, files_.directory, "segments"));
    CO_ASSIGN_OR_RETURN(std::optional<Manifest> manifest,
                        co_await ReadManifest(env_.files, files_.directory));
    if (manifest && !options_.writer.empty() && !manifest->writer.empty() &&
        manifest->writer != options_.writer) {
      co_return absl::FailedPreconditionError(
          absl::StrCat("the journal is that of writer ", manifest->writer));
    }
    const auto visit = [this](const RecordHeader& header, const RecordPlace& place) {
      Visit(header, place);
    };
    Recovery recovery(env_, files_.segments, options_, manifest, witnessed_, visit);
    CO_RETURN_IF_ERROR(co_await recovery.Run());
    RecoveredJournal& found = recovery.result();
    if (!manifest) {
      manifest.emplace();
      CO_RETURN_IF_ERROR(co_await WriteManifest(env_.files, files_.directory, *manifest));
    }
    CO_RETURN_IF_ERROR(co_await Begin(found));
    const Manifest current{.epoch = impl_->report().epoch,
                           .segment = impl_->tail().segment,
                           .segment_bytes = options_.segment_bytes,
                           .writer = options_.writer.empty() ? manifest->writer : options_.writer};
    absl::Status written = co_await WriteManifest(env_.files, files_.directory, current);
    while (IsNoRoom(written)) {
      const bool freed = co_await impl_->pool().SpendReserve(0);
      if (!freed) break;
      written = co_await WriteManifest(env_.files, files_.directory, current);
    }
    if (!written.ok()) co_return written;
    std::string owner = options_.owner.empty() ? ThisProcess() : options_.owner;
    absl::StrAppend(&owner, ", epoch ", current.epoch);
    co_await DescribeOwner(env_.files, files_.lock, owner);
    impl_->report().duration_us = (env_.clock.MonotonicNs() - start_ns) / 1000;
    LogReport();
    co_return absl::OkStatus();
  }

  [[nodiscard]] std::unique_ptr<Journal> Finish() {
    return std::make_unique<JournalHandle>(std::move(impl_));
  }

  Awaitable<void> Abandon() {
    for (const FileHandle file : {files_.active, files_.segments, files_.directory, files_.lock}) {
      if (file != kNoFile) (void)co_await env_.files.Close(file);
    }
  }

 private:
  void Visit(const RecordHeader& header, const RecordPlace& place) {
    if (header.type == RecordType::kUploadChunk && place.segment != 0) {
      chunks_.emplace_back(header.sequence, place);
    }
    visit_(header, place);
  }

  // The segment that this owner starts with.
  Awaitable<absl::Status> Begin(RecoveredJournal& found) {
    SegmentHeader header{.id = found.next_id,
                         .first = found.again_first,
                         .epoch = found.epoch + 1,
                         .created_ms = env_.clock.WallMs(),
                         .salt = env_.random.Next(),
                         .bytes = options_.segment_bytes,
                         .supersedes = found.again_first,
                         .run_ms = found.run_ms,
                         .ids_before = found.ids};
    // More than fits only if segments were larger before.
    const uint64_t least = kSegmentHeaderBytes + found.again.size() + kRecordHeaderBytes;
    while (header.bytes < least) header.bytes += options_.segment_bytes;
    const auto places = Seal(found.again, header);
    SegmentSet set(options_);
    for (const KeptSegment& segment : found.segments) set.Add(segment);
    for (const KeptFooter& footer : found.footers) set.AddFooter(footer);
    // The files are the journal's from here on only if all goes well.
    auto impl = std::make_shared<JournalImpl>(env_, options_, files_, std::move(set));
    impl->pool().Adopt(std::move(found.ready), found.next_number, found.reserve_bytes);
    absl::StatusOr<SegmentPool::Taken> taken = co_await impl->pool().Take(header, found.again);
    while (IsNoRoom(taken.status())) {
      const bool freed = co_await impl->pool().SpendReserve(found.again.size());
      if (!freed) break;
      taken = co_await impl->pool().Take(header, found.again);
    }
    if (!taken.ok()) co_return taken.status();
    files_.active = taken->file;
    impl->set_active_file(taken->file);
    impl->set().Add({.id = header.id,
                     .first = header.first,
                     .last = found.last,
                     .run_ms = found.run_ms,
                     .bytes = header.bytes,
                     .salt = header.salt,
                     .epoch = header.epoch,
                     .full_size = taken->full_size});
    for (const auto& [offset, place] : places) {
      RecordHeader record = RecordView(found.again.data() + offset).ToHeader();
      record.run_ms = found.run_ms;
      NoteId(record, &found.ids);
      Visit(record, place);
    }
    impl->BeginAt(found.last, found.run_ms, std::move(found.ids),
                  kSegmentHeaderBytes + found.again.size(), !found.again.empty());
    for (const auto& [sequence, place] : chunks_) impl->NoteChunk(sequence, place);
    impl->report() = found.report;
    impl->report().epoch = header.epoch;
    impl_ = std::move(impl);
    co_return absl::OkStatus();
  }

  // Offsets in `records`, and where they will lie.
  static std::vector<std::pair<size_t, RecordPlace>> Seal(std::string& records,
                                                          const SegmentHeader& header) {
    std::vector<std::pair<size_t, RecordPlace>> places;
    const RecordSeal seal{.key = header.key(),
                          .durable = header.first - 1,
                          .group_first = header.first,
                          .epoch = header.epoch};
    for (size_t at = 0; at < records.size();) {
      SealRecord(records.data() + at, seal);
      const uint32_t length = RecordView(records.data() + at).length();
      places.emplace_back(at, RecordPlace{header.id, kSegmentHeaderBytes + at, length});
      at += length;
    }
    return places;
  }

  void LogReport() {
    const RecoveryReport& report = impl_->report();
    env_.log.Info("journal_opened", {{"first", report.first},
                                     {"last", report.last},
                                     {"records_scanned", report.records_scanned},
                                     {"bytes_cut", report.bytes_cut},
                                     {"cut_from", report.cut_from},
                                     {"epoch", report.epoch},
                                     {"duration_us", report.duration_us}});
  }

  Env& env_;
  JournalOptions options_;
  Sequence witnessed_;
  Journal::Visitor visit_;
  JournalFiles files_;
  std::vector<std::pair<Sequence, RecordPlace>> chunks_;
  std::shared_ptr<JournalImpl> impl_;
};

}  // namespace

Awaitable<absl::StatusOr<std::unique_ptr<Journal>>> Journal::Open(Env& env, JournalOptions options,
                                                                  Sequence witnessed,
                                                                  Visitor visit) {
  Opener opener(env, std::move(options), witnessed, visit);
  const absl::Status status = co_await opener.Run();
  if (status.ok()) co_return opener.Finish();
  co_await opener.Abandon();
  co_return status;
}

}  // namespace tandem
