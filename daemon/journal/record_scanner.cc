#include "daemon/journal/record_scanner.h"

#include <algorithm>
#include <cstring>

#include "daemon/base/bytes.h"
#include "daemon/base/status.h"

namespace tandem {

RecordScanner::RecordScanner(Files& files, FileHandle file, const SegmentHeader& header,
                             size_t buffer_bytes)
    : files_(files), file_(file), header_(header), key_(header.key()), chunk_(buffer_bytes) {}

absl::string_view RecordScanner::window() const {
  if (offset_ < begin_ || offset_ >= begin_ + size_) return {};
  return {buffer_.get() + (offset_ - begin_), static_cast<size_t>(begin_ + size_ - offset_)};
}

Awaitable<absl::Status> RecordScanner::Fill(size_t need) {
  const absl::string_view rest = window();
  const size_t kept = rest.size();
  const size_t want = std::max(need, chunk_);
  const size_t limit = static_cast<size_t>(
      std::min<uint64_t>(want, header_.bytes > offset_ ? header_.bytes - offset_ : 0));
  if (limit > capacity_) {
    auto larger = std::make_unique<char[]>(limit);
    if (kept > 0) std::memcpy(larger.get(), rest.data(), kept);
    buffer_ = std::move(larger);
    capacity_ = limit;
  } else if (kept > 0) {
    std::memmove(buffer_.get(), rest.data(), kept);
  }
  begin_ = offset_;
  size_ = kept;
  if (limit <= kept) {
    at_end_ = true;
    co_return absl::OkStatus();
  }
  CO_ASSIGN_OR_RETURN(const size_t count, co_await files_.Read(file_, buffer_.get() + kept,
                                                               limit - kept, offset_ + kept));
  size_ += count;
  bytes_read_ += count;
  at_end_ = count < limit - kept || offset_ + size_ >= header_.bytes;
  co_return absl::OkStatus();
}

Awaitable<absl::StatusOr<bool>> RecordScanner::Find() {
  header_good_ = false;
  while (true) {
    const uint64_t room = header_.bytes > offset_ ? header_.bytes - offset_ : 0;
    const ParseResult result = ParseRecord(window(), at_end_, room, key_, check_body_);
    if (result.parsed == Parsed::kNeedMore) {
      CO_RETURN_IF_ERROR(co_await Fill(result.need));
      continue;
    }
    record_ = result.record;
    header_good_ = result.header_good;
    co_return result.parsed == Parsed::kRecord;
  }
}

bool RecordScanner::LooksWritten() const { return header_good_ || LooksLikeRecord(window(), key_); }

Awaitable<absl::StatusOr<uint64_t>> RecordScanner::FindHeader(uint64_t from) {
  offset_ = (from + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  while (offset_ + kRecordHeaderBytes <= header_.bytes) {
    absl::string_view bytes = window();
    if (bytes.size() < kRecordHeaderBytes) {
      if (at_end_) break;
      CO_RETURN_IF_ERROR(co_await Fill(kRecordHeaderBytes));
      continue;
    }
    for (; bytes.size() >= kRecordHeaderBytes; bytes.remove_prefix(kRecordAlignment)) {
      if (GetLittleEndian<uint32_t>(bytes.data() + record_at::kMagic) == kRecordMagic &&
          HeaderGood(bytes.data(), key_)) {
        record_ = RecordView(bytes.data());
        co_return offset_;
      }
      offset_ += kRecordAlignment;
    }
  }
  co_return uint64_t{0};
}

}  // namespace tandem
