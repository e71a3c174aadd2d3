// Which request ids were journaled, with what, and what came of it: a retry is answered from here
// instead of being applied twice (promise 7, rule 8).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/base/digest.h"
#include "daemon/base/uuid.h"
#include "daemon/journal/id_times.h"
#include "daemon/journal/record.h"
#include "daemon/model/operation.h"

namespace tandem {

// One journaled request. Small: there may be a million.
class IndexedRequest {
 public:
  Uuid id;
  Digest digest{};
  Sequence first = 0;
  int64_t journaled_ms = 0;  // wall time, since 1970: for people
  int64_t run_ms = 0;        // the journal's run time then, or later
  uint32_t count = 0;        // operations, with the sequences first, first + 1, ...

  [[nodiscard]] Sequence last() const { return first + count - 1; }
  [[nodiscard]] std::vector<OperationResult> Results() const;
  [[nodiscard]] bool is_upload() const { return more_ != nullptr && more_->upload; }
  // Of an upload: its path and mode.
  [[nodiscard]] absl::string_view upload_path() const { return more_->path; }
  [[nodiscard]] uint32_t upload_mode() const { return more_->mode; }

 private:
  friend class RequestIndex;
  struct Result {
    uint64_t offset = 0;
    uint64_t size = 0;
    uint32_t crc32c = 0;
    bool existed = false;
  };
  struct More {
    std::vector<Result> later;  // of a batch's later operations
    std::string path;
    uint32_t mode = 0;
    bool upload = false;
  };
  More& more();

  Result result_;
  std::unique_ptr<More> more_;
};

// Owner: core's thread. Memory: at most `max_operations` results, whatever the number of requests.
// Forgets after the window; when full before that, version 7 ids oldest first. When those that it
// forgot were made stays known: no id of such a time may be taken for new. The window is the
// journal's run time: a jump of the wall clock makes nothing older.
class RequestIndex {
 public:
  RequestIndex(uint64_t max_operations, int64_t window_ms);

  // The request's records have just been appended (or are read back), in order, with their run
  // time. All of one request; of a batch read back, one call for each record.
  void Add(const RecordHeader& record);
  // All was read back; `run_ms`: run time now; `forgotten`: of ids that were not.
  void Begin(int64_t run_ms, const IdTimes& forgotten);

  // nullptr if it is not known (any more). Valid until the next Add or Expire.
  [[nodiscard]] const IndexedRequest* Find(const Uuid& id) const;
  // The request that the record belongs to.
  [[nodiscard]] const IndexedRequest* FindBySequence(Sequence sequence) const;

  // OK if a request that is not known is new for certain and `count` results find room.
  // REQUEST_ID_EXPIRED, REQUEST_IDS_FULL.
  [[nodiscard]] absl::Status CheckNew(const Uuid& id, uint32_t count) const;
  // Of these only whether they find room: right before Add.
  [[nodiscard]] absl::Status CheckRoom(uint32_t count) const;

  // Forgets what is out of the window. A version 7 id is kept longer while the wall clock, at
  // `wall_ms`, is not far enough beyond the time when the id says that it was made: after the
  // clock was set back, new ids of that time will come.
  void Advance(int64_t run_ms, int64_t wall_ms);

  [[nodiscard]] size_t size() const { return places_.size(); }
  [[nodiscard]] uint64_t operations() const { return timed_.operations + other_.operations; }

 private:
  // In the order of their sequences; position = index + dropped.
  struct Line {
    std::deque<IndexedRequest> requests;
    uint64_t dropped = 0;
    uint64_t operations = 0;
  };
  struct Place {
    uint64_t position = 0;
    bool timed = false;
  };

  void MakeRoom(const Uuid& newest);
  void DropFront(Line& line);
  [[nodiscard]] static const IndexedRequest* FindIn(const Line& line, Sequence sequence);

  const uint64_t max_operations_;
  const int64_t window_ms_;
  IdTimes forgotten_;
  Line timed_;
  Line other_;
  absl::flat_hash_map<Uuid, Place> places_;
};

}  // namespace tandem
