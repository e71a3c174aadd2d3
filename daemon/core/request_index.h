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
#include "daemon/journal/record.h"
#include "daemon/model/operation.h"

namespace tandem {

// One journaled request. Small: there may be a million.
class IndexedRequest {
 public:
  Uuid id;
  Digest digest{};
  Sequence first = 0;
  int64_t journaled_ms = 0;  // wall time, since 1970
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

// A version 7 UUID may be this much ahead of our clock; one that is further ahead is treated like
// any other UUID: its time proves nothing.
inline constexpr int64_t kMaxIdAheadMs = 1'000;

// Owner: core's thread. Memory: at most `max_operations` results, whatever the number of requests.
// Forgets after the window; when full before that, version 7 ids oldest first, and remembers in the
// floor that no id as old as those may be taken for new.
class RequestIndex {
 public:
  RequestIndex(uint64_t max_operations, int64_t window_ms);

  // The request's records have just been appended (or are read back), in order. All of one
  // request; of a batch read back, one call for each record.
  void Add(const RecordHeader& record);

  // nullptr if it is not known (any more). Valid until the next Add or Expire.
  [[nodiscard]] const IndexedRequest* Find(const Uuid& id) const;
  // The request that the record belongs to.
  [[nodiscard]] const IndexedRequest* FindBySequence(Sequence sequence) const;

  // OK if a request that is not known is new for certain and `count` results find room.
  // REQUEST_ID_EXPIRED, REQUEST_IDS_FULL.
  [[nodiscard]] absl::Status CheckNew(const Uuid& id, uint32_t count) const;

  // The wall clock says `now_ms`; it never goes back here. Forgets what is out of the window.
  void Advance(int64_t now_ms);
  [[nodiscard]] int64_t now_ms() const { return now_ms_; }

  // Records from before `wall_ms` are not in the journal any more: ids of that age are no longer
  // known, so they cannot be taken for new.
  void RaiseFloor(int64_t wall_ms);
  [[nodiscard]] int64_t floor_ms() const { return floor_ms_; }

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

  // Whether the id's own time says when it was made.
  [[nodiscard]] bool IsTimed(const Uuid& id) const;
  void DropFront(Line& line);
  [[nodiscard]] static const IndexedRequest* FindIn(const Line& line, Sequence sequence);

  const uint64_t max_operations_;
  const int64_t window_ms_;
  int64_t now_ms_ = 0;
  int64_t floor_ms_ = 0;
  Line timed_;
  Line other_;
  absl::flat_hash_map<Uuid, Place> places_;
};

}  // namespace tandem
