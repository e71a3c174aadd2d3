#include "daemon/journal/id_times.h"

#include <algorithm>

#include "daemon/base/bytes.h"

namespace tandem {
namespace {

// Ids made this near to each other are taken as one span.
constexpr int64_t kJoinMs = 10'000;
constexpr size_t kSpanBytes = 16;

bool IsNear(const IdTimes::Span& before, const IdTimes::Span& after) {
  return after.first <= before.last || after.first - before.last <= kJoinMs;
}

}  // namespace

std::optional<int64_t> IdTimeOf(const Uuid& id, int64_t wall_ms) {
  const std::optional<int64_t> made_ms = id.UnixMs();
  if (!made_ms.has_value() || *made_ms > wall_ms + kMaxIdAheadMs) return std::nullopt;
  return made_ms;
}

void NoteId(const RecordHeader& record, IdTimes* times) {
  if (!IsClientWrite(record.type)) return;
  if (const auto made_ms = IdTimeOf(record.request_id, record.wall_time_ms)) times->Add(*made_ms);
}

void IdTimes::Add(Span span) {
  // The usual case: ids come about in the order of their times.
  if (!spans_.empty() && span.first >= spans_.back().first && span.last <= spans_.back().last) {
    return;
  }
  auto at = std::lower_bound(
      spans_.begin(), spans_.end(), span,
      [](const Span& there, const Span& added) { return there.first < added.first; });
  if (at != spans_.begin() && IsNear(*std::prev(at), span)) {
    --at;
    at->last = std::max(at->last, span.last);
  } else {
    at = spans_.insert(at, span);
  }
  auto next = std::next(at);
  while (next != spans_.end() && IsNear(*at, *next)) {
    at->last = std::max(at->last, next->last);
    next = spans_.erase(next);
  }
  if (spans_.size() <= kMaxSpans) return;
  size_t nearest = 1;
  for (size_t i = 2; i < spans_.size(); ++i) {
    const auto gap = [this](size_t j) { return spans_[j].first - spans_[j - 1].last; };
    if (gap(i) < gap(nearest)) nearest = i;
  }
  spans_[nearest - 1].last = spans_[nearest].last;
  spans_.erase(spans_.begin() + static_cast<std::ptrdiff_t>(nearest));
}

void IdTimes::Add(const IdTimes& others) {
  for (const Span& span : others.spans_) Add(span);
}

bool IdTimes::Contains(int64_t ms) const {
  return std::any_of(spans_.begin(), spans_.end(),
                     [ms](const Span& span) { return span.first <= ms && ms <= span.last; });
}

std::string IdTimes::Encode() const {
  std::string bytes(spans_.size() * kSpanBytes, '\0');
  for (size_t i = 0; i < spans_.size(); ++i) {
    PutLittleEndian(bytes.data() + i * kSpanBytes, static_cast<uint64_t>(spans_[i].first));
    PutLittleEndian(bytes.data() + i * kSpanBytes + 8, static_cast<uint64_t>(spans_[i].last));
  }
  return bytes;
}

std::optional<IdTimes> IdTimes::Decode(absl::string_view bytes) {
  if (bytes.size() % kSpanBytes != 0 || bytes.size() > kMaxEncodedBytes) return std::nullopt;
  IdTimes times;
  for (size_t at = 0; at < bytes.size(); at += kSpanBytes) {
    const Span span{static_cast<int64_t>(GetLittleEndian<uint64_t>(bytes.data() + at)),
                    static_cast<int64_t>(GetLittleEndian<uint64_t>(bytes.data() + at + 8))};
    const bool after = times.spans_.empty() || times.spans_.back().last < span.first;
    if (span.first > span.last || !after) return std::nullopt;
    times.spans_.push_back(span);
  }
  return times;
}

}  // namespace tandem
