// Files that wait to become segments.
//
// Happy path: a background loop keeps one file ready, zero-filled and synced, so that a commit's
// sync writes no metadata. Take gives it its header and its name and makes both durable. A retired
// segment comes back through Recycle.
// Failure modes: no room on the disk: disk_full() until there is; tried again every second. Any
// other failure: error() says so, and it is tried again, with another file: one whose sync failed
// is not believed any more. A crash leaves `new-<n>`, which is removed, or a renamed segment that
// is complete, because header and first records are synced before the rename. Recycle syncs the
// directory before the file may get another header, so a crash never finds a segment's name on
// another one's content.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/io/env.h"
#include "daemon/io/event.h"
#include "daemon/journal/segment_header.h"

namespace tandem {

// Owner: core's thread.
class SegmentPool {
 public:
  // `directory`: of the segments, stays the caller's. `changed`: called when a file became ready or
  // could not be made.
  SegmentPool(Env& env, FileHandle directory, uint64_t segment_bytes,
              std::function<void()> changed);

  // What recovery found. `next_number`: larger than any in use; `reserve_bytes`: that file's size.
  void Adopt(std::vector<std::string> ready, uint64_t next_number, uint64_t reserve_bytes);
  // Frees `bytes` of the reserve and some more; the rest is for the next start on a full disk. It
  // is made whole again when there is room. False: there was none left.
  Awaitable<bool> SpendReserve(uint64_t bytes);

  // Prepares files until Stop. `wanted`: asked whenever something changed.
  Awaitable<void> PrepareLoop(std::function<bool()> wanted);
  void Stop();
  void Wake() { wake_.Notify(); }

  [[nodiscard]] bool ready() const { return !ready_.empty(); }
  [[nodiscard]] size_t ready_count() const { return ready_.size(); }
  [[nodiscard]] bool disk_full() const;
  // The failures of the preparation since the last success, those for want of room not counted.
  [[nodiscard]] uint64_t failures() const { return failures_; }
  [[nodiscard]] const absl::Status& error() const { return error_; }
  // Turns a ready file, or a new one that grows if there is none, into the segment `header`, with
  // `records` in it, durably. After a failure the segment may exist or not.
  struct Taken {
    FileHandle file = kNoFile;
    bool full_size = false;  // all its bytes are allocated
  };
  Awaitable<absl::StatusOr<Taken>> Take(SegmentHeader header, absl::string_view records);

  // Frees the segment's file; `reusable`: it may become another segment. OK also if it is not
  // there. After an error call again.
  Awaitable<absl::Status> Recycle(uint64_t id, bool reusable);

 private:
  [[nodiscard]] uint64_t whole_reserve_bytes() const;
  Awaitable<absl::Status> PrepareOne();
  Awaitable<absl::Status> ShrinkReserve(uint64_t to_bytes);
  // A file of `bytes` zeros, synced: `temp` until it is whole, then `name`.
  Awaitable<absl::Status> MakeFile(std::string temp, std::string name, uint64_t bytes);
  Awaitable<absl::Status> FillWithZeros(FileHandle file, uint64_t bytes);
  Awaitable<absl::Status> CheckRoom(uint64_t bytes);
  Awaitable<absl::Status> WriteAndName(FileHandle file, std::string name,
                                       const SegmentHeader& header, absl::string_view records);

  Env& env_;
  FileHandle directory_;
  uint64_t segment_bytes_;
  uint64_t next_number_ = 1;
  std::deque<std::string> ready_;
  uint64_t reserve_bytes_ = 0;
  bool stopped_ = false;
  absl::Status error_;
  uint64_t failures_ = 0;
  Event wake_;
  std::function<void()> changed_;
};

}  // namespace tandem
