// Walks the records of one segment file through a buffer.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/base/async.h"
#include "daemon/io/files.h"
#include "daemon/journal/segment_header.h"

namespace tandem {

// Owner: one thread. The file stays the caller's.
class RecordScanner {
 public:
  RecordScanner(Files& files, FileHandle file, const SegmentHeader& header,
                size_t buffer_bytes = 256 << 10);

  // Looks at offset(): true if a good record starts there, which is then record(), until the next
  // Find. False: none does; see header_good() and LooksWritten().
  Awaitable<absl::StatusOr<bool>> Find();
  [[nodiscard]] const RecordView& record() const { return record_; }
  [[nodiscard]] bool header_good() const { return header_good_; }
  // After Find was false: something of this segment was written at offset().
  [[nodiscard]] bool LooksWritten() const;
  // Goes on behind record().
  void Skip() { offset_ += record_.length(); }

  // The first offset not before `from` where a record header of this segment starts, whatever its
  // body; 0: there is none. record() is then its header. Moves offset() there.
  Awaitable<absl::StatusOr<uint64_t>> FindHeader(uint64_t from);

  [[nodiscard]] uint64_t offset() const { return offset_; }
  [[nodiscard]] RecordPlace place() const { return {header_.id, offset_, record_.length()}; }
  [[nodiscard]] const SegmentHeader& header() const { return header_; }
  // Bytes read from the file so far.
  [[nodiscard]] uint64_t bytes_read() const { return bytes_read_; }

  // Forgets what was read ahead: the file has grown.
  void DropBuffer() {
    size_ = begin_ = 0;
    at_end_ = false;
  }
  // How much to read at once from now on.
  void set_buffer_bytes(size_t bytes) { chunk_ = bytes; }
  void set_check_body(bool check) { check_body_ = check; }

 private:
  // Makes at least `need` bytes from offset() available, or all there are.
  Awaitable<absl::Status> Fill(size_t need);
  [[nodiscard]] absl::string_view window() const;

  Files& files_;
  FileHandle file_;
  SegmentHeader header_;
  SegmentKey key_;
  uint64_t offset_ = kSegmentHeaderBytes;
  RecordView record_;
  bool header_good_ = false;
  bool check_body_ = true;
  bool at_end_ = false;
  size_t chunk_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t size_ = 0;
  uint64_t begin_ = 0;  // the file's offset of buffer_[0]
  uint64_t bytes_read_ = 0;
};

}  // namespace tandem
