#include "daemon/core/request_index.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/reason.h"
#include "daemon/core/sequencer.h"

namespace tandem {
namespace {

constexpr int64_t kIdsFullRetryMs = 1'000;

}  // namespace

std::vector<OperationResult> IndexedRequest::Results() const {
  std::vector<OperationResult> results;
  results.reserve(count);
  const auto add = [&](const Result& result) {
    results.push_back({.sequence = first + results.size(),
                       .crc32c = result.crc32c,
                       .offset = result.offset,
                       .size = result.size,
                       .existed = result.existed});
  };
  add(result_);
  if (more_ != nullptr) {
    for (const Result& result : more_->later) add(result);
  }
  return results;
}

IndexedRequest::More& IndexedRequest::more() {
  if (more_ == nullptr) more_ = std::make_unique<More>();
  return *more_;
}

RequestIndex::RequestIndex(uint64_t max_operations, int64_t window_ms)
    : max_operations_(max_operations), window_ms_(window_ms) {}

void RequestIndex::Add(const RecordHeader& record) {
  const OperationResult full = ResultOf(record);
  const IndexedRequest::Result result = {
      .offset = full.offset, .size = full.size, .crc32c = full.crc32c, .existed = full.existed};
  if ((record.flags & kRecordBatchLater) != 0) {
    const auto it = places_.find(record.request_id);
    // The batch's beginning may be gone already: out of the journal, or of here.
    if (it == places_.end()) return;
    Line& line = it->second.timed ? timed_ : other_;
    IndexedRequest& request = line.requests.back();
    if (request.id != record.request_id) return;
    request.more().later.push_back(result);
    ++request.count;
    ++line.operations;
  } else {
    const bool timed = IdTimeOf(record.request_id, record.wall_time_ms).has_value();
    Line& line = timed ? timed_ : other_;
    const Place place = {.position = line.dropped + line.requests.size(), .timed = timed};
    // Known already: only a journal that was written without this check can say so.
    if (!places_.try_emplace(record.request_id, place).second) return;
    IndexedRequest& request = line.requests.emplace_back();
    request.id = record.request_id;
    request.digest = record.digest;
    request.first = record.sequence;
    request.journaled_ms = record.wall_time_ms;
    request.run_ms = record.run_ms;
    request.count = 1;
    request.result_ = result;
    if (record.type == RecordType::kUploadCommit) {
      request.more().path = record.path;
      request.more().mode = record.mode;
      request.more().upload = true;
    }
    ++line.operations;
  }
  MakeRoom(record.request_id);
}

// The other ids are owed the window. Only what is read back can have too many of them, and then
// the newest that fit are all that can be younger than that.
void RequestIndex::MakeRoom(const Uuid& newest) {
  for (Line* line : {&timed_, &other_}) {
    while (operations() > max_operations_ && !line->requests.empty() &&
           line->requests.front().id != newest) {
      DropFront(*line);
    }
  }
}

void RequestIndex::Begin(int64_t run_ms, const IdTimes& forgotten) {
  forgotten_.Add(forgotten);
  for (Line* line : {&timed_, &other_}) {
    for (IndexedRequest& request : line->requests)
      request.run_ms = std::min(request.run_ms, run_ms);
  }
}

const IndexedRequest* RequestIndex::Find(const Uuid& id) const {
  const auto it = places_.find(id);
  if (it == places_.end()) return nullptr;
  const Line& line = it->second.timed ? timed_ : other_;
  return &line.requests[it->second.position - line.dropped];
}

const IndexedRequest* RequestIndex::FindBySequence(Sequence sequence) const {
  if (const IndexedRequest* request = FindIn(timed_, sequence)) return request;
  return FindIn(other_, sequence);
}

const IndexedRequest* RequestIndex::FindIn(const Line& line, Sequence sequence) {
  auto it = std::upper_bound(
      line.requests.begin(), line.requests.end(), sequence,
      [](Sequence value, const IndexedRequest& request) { return value < request.first; });
  if (it == line.requests.begin()) return nullptr;
  --it;
  return sequence <= it->last() ? &*it : nullptr;
}

absl::Status RequestIndex::CheckNew(const Uuid& id, uint32_t count) const {
  const std::optional<int64_t> made_ms = id.UnixMs();
  if (made_ms.has_value() && forgotten_.Contains(*made_ms)) {
    return Refuse(Reason::kRequestIdExpired,
                  "request ids made at that time are forgotten: whether this one was applied is "
                  "not known any more");
  }
  return CheckRoom(count);
}

absl::Status RequestIndex::CheckRoom(uint32_t count) const {
  // Those of version 7 make room; the others are owed the whole window.
  if (other_.operations + count > max_operations_) {
    return Refuse(Reason::kRequestIdsFull, "too many request ids that are not version 7 UUIDs",
                  {.retry_after_ms = kIdsFullRetryMs});
  }
  return absl::OkStatus();
}

void RequestIndex::Advance(int64_t run_ms, int64_t wall_ms) {
  const auto is_over = [&](const Line& line) {
    return !line.requests.empty() && line.requests.front().run_ms < run_ms - window_ms_;
  };
  while (is_over(other_)) DropFront(other_);
  while (is_over(timed_) && *timed_.requests.front().id.UnixMs() < wall_ms - window_ms_) {
    DropFront(timed_);
  }
}

void RequestIndex::DropFront(Line& line) {
  const IndexedRequest& request = line.requests.front();
  if (&line == &timed_) forgotten_.Add(*request.id.UnixMs());
  line.operations -= request.count;
  places_.erase(request.id);
  line.requests.pop_front();
  ++line.dropped;
}

}  // namespace tandem
