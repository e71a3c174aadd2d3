// Happy path: the reader stands at a record of one segment, reads ahead through a buffer, and hands
// out records up to the durable watermark it was told. A record lies in the newest segment whose
// first sequence is not above it; so before it reads on in a segment, it knows the next one's
// header, if there is a next one. That rule passes over what a newer segment supersedes.
//
// Failure modes: what was read ahead of the watermark may since have been written, so it is read
// again. A segment that was retired is gone or has another segment's header: NOT_FOUND. A record
// that is not there although it is below the watermark: DATA_LOSS.
#include "daemon/journal/reader.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/journal/record_scanner.h"

namespace tandem {
namespace {

constexpr size_t kMaxBufferBytes = 256 << 10;
constexpr size_t kMinBufferBytes = 16 << 10;
constexpr int kSeekTries = 5;

struct OpenSegment {
  FileHandle file = kNoFile;
  SegmentHeader header;
};

absl::Status Retired(uint64_t segment) {
  return absl::NotFoundError(absl::StrCat(SegmentName(segment), " was retired"));
}

}  // namespace

class JournalReader::Impl {
 public:
  Impl(Env& env, std::string directory) : files_(env.files), path_(std::move(directory)) {}

  Awaitable<absl::Status> Seek(Sequence next, JournalTail tail);
  void Advance(JournalTail tail);
  [[nodiscard]] Sequence next() const { return next_; }
  Awaitable<absl::StatusOr<std::vector<PlacedRecord>>> Read(size_t max_bytes);
  Awaitable<absl::StatusOr<Record>> ReadAt(RecordPlace place, Sequence sequence);
  Awaitable<void> Close();

 private:
  Awaitable<absl::Status> OpenDirectory();
  Awaitable<void> CloseSegments();
  // nullopt: there is no such segment (any more).
  Awaitable<absl::StatusOr<std::optional<OpenSegment>>> OpenById(uint64_t id);
  Awaitable<absl::StatusOr<std::optional<OpenSegment>>> FindSegment(Sequence next);
  Awaitable<absl::StatusOr<std::optional<OpenSegment>>> FindAmong(const std::vector<uint64_t>& ids,
                                                                  Sequence next);
  void Enter(OpenSegment segment);
  Awaitable<absl::Status> FollowSegments();
  // The record with sequence at_ is the scanner's.
  Awaitable<absl::Status> FindRecord(Sequence limit);
  Awaitable<absl::Status> Damage();
  Awaitable<absl::StatusOr<Record>> ReadRecord(const OpenSegment& segment, RecordPlace place,
                                               Sequence sequence);
  void Size(Sequence limit);

  Files& files_;
  std::string path_;
  FileHandle directory_ = kNoFile;
  JournalTail tail_;
  Sequence next_ = 1;
  std::optional<OpenSegment> current_;
  std::optional<OpenSegment> newer_;  // the segment after the current one
  std::optional<RecordScanner> scanner_;
  Sequence at_ = 1;            // of the record the scanner stands at; may be below next_ after Seek
  Sequence fresh_ = 0;         // records up to here were on disk when the buffer was read
  uint64_t mean_bytes_ = 512;  // of a record, lately
};

Awaitable<absl::Status> JournalReader::Impl::OpenDirectory() {
  if (directory_ != kNoFile) co_return absl::OkStatus();
  const std::string path = path_ + "/segments";
  const absl::StatusOr<FileHandle> directory =
      co_await files_.Open(kNoFile, path, O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) co_return Annotate(directory.status(), "journal");
  if (directory_ == kNoFile) {
    directory_ = *directory;
  } else {
    (void)co_await files_.Close(*directory);  // somebody else was faster
  }
  co_return absl::OkStatus();
}

Awaitable<absl::StatusOr<std::optional<OpenSegment>>> JournalReader::Impl::OpenById(uint64_t id) {
  const std::string name = SegmentName(id);
  absl::Status damage;
  for (int i = 0; i < 2; ++i) {
    absl::StatusOr<FileHandle> file = co_await files_.Open(directory_, name, O_RDONLY);
    if (ErrnoOf(file.status()) == ENOENT) co_return std::optional<OpenSegment>();
    if (!file.ok()) co_return file.status();
    std::string block(kSegmentHeaderBytes, '\0');
    const absl::StatusOr<size_t> count = co_await files_.Read(*file, block.data(), block.size(), 0);
    block.resize(count.value_or(0));
    const absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(block);
    if (count.ok() && header.ok() && header->id == id) {
      co_return std::optional<OpenSegment>(OpenSegment{*file, *header});
    }
    (void)co_await files_.Close(*file);
    if (!count.ok()) co_return count.status();
    if (header.ok()) continue;  // recycled since it was opened: the name is gone now
    if (!absl::IsDataLoss(header.status())) co_return header.status();
    damage = JournalDamage(id, 0, next_, header.status().message());
  }
  if (damage.ok()) co_return JournalDamage(id, 0, next_, "its header is another segment's");
  co_return damage;
}

Awaitable<absl::StatusOr<std::optional<OpenSegment>>> JournalReader::Impl::FindAmong(
    const std::vector<uint64_t>& ids, Sequence next) {
  // First sequences do not go down with growing ids: search the last one that is not above `next`.
  std::optional<OpenSegment> best;
  absl::Status status;
  size_t low = 0;
  size_t high = ids.size();
  while (low < high && status.ok()) {
    const size_t middle = (low + high) / 2;
    absl::StatusOr<std::optional<OpenSegment>> segment = co_await OpenById(ids[middle]);
    if (!segment.ok()) {
      status = segment.status();
    } else if (!*segment) {
      status = Retired(ids[middle]);
    } else if ((*segment)->header.first <= next) {
      if (best) (void)co_await files_.Close(best->file);
      best = **segment;
      low = middle + 1;
    } else {
      (void)co_await files_.Close((*segment)->file);
      high = middle;
    }
  }
  if (status.ok()) co_return best;
  if (best) (void)co_await files_.Close(best->file);
  co_return status;
}

Awaitable<absl::StatusOr<std::optional<OpenSegment>>> JournalReader::Impl::FindSegment(
    Sequence next) {
  absl::StatusOr<std::optional<OpenSegment>> found = absl::NotFoundError("no journal segment");
  for (int i = 0; i < kSeekTries && absl::IsNotFound(found.status()); ++i) {
    CO_ASSIGN_OR_RETURN(const std::vector<std::string> names, co_await files_.List(directory_));
    std::vector<uint64_t> ids;
    for (const std::string& name : names) {
      const std::optional<SegmentFileName> parsed = ParseSegmentFileName(name);
      if (parsed && parsed->kind == SegmentFile::kSegment && parsed->number <= tail_.segment) {
        ids.push_back(parsed->number);
      }
    }
    std::sort(ids.begin(), ids.end());
    // Segments go away while we look: then list them again.
    found = co_await FindAmong(ids, next);
  }
  co_return found;
}

Awaitable<absl::Status> JournalReader::Impl::Seek(Sequence next, JournalTail tail) {
  TANDEM_CHECK(next >= 1);
  co_await CloseSegments();
  CO_RETURN_IF_ERROR(co_await OpenDirectory());
  tail_ = tail;
  next_ = next;
  CO_ASSIGN_OR_RETURN(std::optional<OpenSegment> segment, co_await FindSegment(next));
  if (!segment) {
    co_return absl::NotFoundError(absl::StrCat("sequence ", next, " is no longer in the journal"));
  }
  Enter(*segment);
  scanner_->set_check_body(false);
  while (at_ < next_ && at_ <= tail_.durable) {
    CO_RETURN_IF_ERROR(co_await FindRecord(tail_.durable));
    scanner_->Skip();
    ++at_;
  }
  scanner_->set_check_body(true);
  co_return absl::OkStatus();
}

void JournalReader::Impl::Advance(JournalTail tail) {
  tail_.durable = std::max(tail_.durable, tail.durable);
  if (tail.segment <= tail_.segment) return;
  tail_.segment = tail.segment;
  tail_.segment_first = tail.segment_first;
}

void JournalReader::Impl::Enter(OpenSegment segment) {
  current_ = segment;
  scanner_.emplace(files_, segment.file, segment.header, kMaxBufferBytes);
  at_ = segment.header.first;
  fresh_ = 0;
}

// Goes on to newer segments as long as they hold the record at_.
Awaitable<absl::Status> JournalReader::Impl::FollowSegments() {
  while (true) {
    for (uint64_t id = current_->header.id + 1; !newer_ && id <= tail_.segment; ++id) {
      CO_ASSIGN_OR_RETURN(newer_, co_await OpenById(id));
      if (!newer_ && id == tail_.segment) co_return Retired(id);
    }
    if (!newer_ || newer_->header.first > at_) co_return absl::OkStatus();
    const FileHandle old = current_->file;
    Enter(*std::exchange(newer_, std::nullopt));
    (void)co_await files_.Close(old);
  }
}

void JournalReader::Impl::Size(Sequence limit) {
  // Live, a few records are new: do not copy a quarter of a megabyte for them.
  const uint64_t records = limit - at_ + 1;
  const uint64_t bytes = records > kMaxBufferBytes ? kMaxBufferBytes : records * mean_bytes_;
  scanner_->set_buffer_bytes(static_cast<size_t>(
      std::clamp<uint64_t>(2 * bytes + kRecordHeaderBytes, kMinBufferBytes, kMaxBufferBytes)));
}

Awaitable<absl::Status> JournalReader::Impl::FindRecord(Sequence limit) {
  while (true) {
    if (at_ > fresh_) {
      scanner_->DropBuffer();
      Size(limit);
      fresh_ = limit;
    }
    CO_ASSIGN_OR_RETURN(const bool found, co_await scanner_->Find());
    if (!found) co_return co_await Damage();
    const RecordView& record = scanner_->record();
    const bool mark = record.type() == RecordType::kDurableMark;
    if (record.sequence() != (mark ? at_ - 1 : at_)) co_return co_await Damage();
    if (!mark) co_return absl::OkStatus();
    scanner_->Skip();
  }
}

Awaitable<absl::Status> JournalReader::Impl::Damage() {
  const uint64_t id = current_->header.id;
  CO_ASSIGN_OR_RETURN(const std::optional<OpenSegment> again, co_await OpenById(id));
  if (!again) co_return Retired(id);
  (void)co_await files_.Close(again->file);
  co_return JournalDamage(id, scanner_->offset(), at_, "no good record below the watermark");
}

Awaitable<absl::StatusOr<std::vector<PlacedRecord>>> JournalReader::Impl::Read(size_t max_bytes) {
  std::vector<PlacedRecord> records;
  size_t bytes = 0;
  const Sequence limit = tail_.durable;
  if (next_ > limit) co_return records;
  TANDEM_CHECK(current_.has_value());  // Seek comes first
  while (at_ <= limit && (records.empty() || bytes < max_bytes)) {
    absl::Status status = co_await FollowSegments();
    if (status.ok()) status = co_await FindRecord(limit);
    if (!status.ok()) {
      if (records.empty()) co_return status;
      break;  // the next Read meets it again
    }
    const RecordView& record = scanner_->record();
    if (at_ >= next_) {
      PlacedRecord placed;
      static_cast<RecordHeader&>(placed.record) = record.ToHeader();
      placed.record.payload = std::string(record.payload());
      placed.place = scanner_->place();
      records.push_back(std::move(placed));
      bytes += record.length();
      mean_bytes_ = (mean_bytes_ * 7 + record.length()) / 8;
    }
    scanner_->Skip();
    next_ = std::max(next_, ++at_);
  }
  co_return records;
}

Awaitable<absl::StatusOr<Record>> JournalReader::Impl::ReadRecord(const OpenSegment& segment,
                                                                  RecordPlace place,
                                                                  Sequence sequence) {
  std::string bytes(place.length, '\0');
  CO_ASSIGN_OR_RETURN(const size_t count,
                      co_await files_.Read(segment.file, bytes.data(), bytes.size(), place.offset));
  bytes.resize(count);
  const ParseResult result = ParseRecord(bytes, true, bytes.size(), segment.header.key(), true);
  if (result.parsed != Parsed::kRecord || result.record.sequence() != sequence ||
      result.record.type() == RecordType::kDurableMark) {
    co_return JournalDamage(place.segment, place.offset, sequence, "no good record");
  }
  Record record;
  static_cast<RecordHeader&>(record) = result.record.ToHeader();
  record.payload = std::string(result.record.payload());
  co_return record;
}

Awaitable<absl::StatusOr<Record>> JournalReader::Impl::ReadAt(RecordPlace place,
                                                              Sequence sequence) {
  CO_RETURN_IF_ERROR(co_await OpenDirectory());
  CO_ASSIGN_OR_RETURN(const std::optional<OpenSegment> segment, co_await OpenById(place.segment));
  if (!segment) co_return Retired(place.segment);
  absl::StatusOr<Record> record = co_await ReadRecord(*segment, place, sequence);
  (void)co_await files_.Close(segment->file);
  co_return record;
}

Awaitable<void> JournalReader::Impl::CloseSegments() {
  scanner_.reset();
  for (std::optional<OpenSegment>* segment : {&current_, &newer_}) {
    if (!*segment) continue;
    const FileHandle file = std::exchange(*segment, std::nullopt)->file;
    (void)co_await files_.Close(file);
  }
}

Awaitable<void> JournalReader::Impl::Close() {
  co_await CloseSegments();
  if (directory_ == kNoFile) co_return;
  const FileHandle directory = std::exchange(directory_, kNoFile);
  (void)co_await files_.Close(directory);
}

JournalReader::JournalReader(Env& env, std::string directory)
    : impl_(std::make_shared<Impl>(env, std::move(directory))) {}
JournalReader::~JournalReader() = default;

Awaitable<absl::Status> JournalReader::Seek(Sequence next, JournalTail tail) {
  return impl_->Seek(next, tail);
}

void JournalReader::Advance(JournalTail tail) { impl_->Advance(tail); }

Sequence JournalReader::next() const { return impl_->next(); }

Awaitable<absl::StatusOr<std::vector<PlacedRecord>>> JournalReader::Read(size_t max_bytes) {
  return impl_->Read(max_bytes);
}

Awaitable<absl::StatusOr<Record>> JournalReader::ReadAt(RecordPlace place, Sequence sequence) {
  return impl_->ReadAt(place, sequence);
}

Awaitable<void> JournalReader::Close() { return impl_->Close(); }

}  // namespace tandem
