#include "daemon/core/lag_index.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "daemon/base/check.h"

namespace tandem {
namespace {

constexpr int64_t kSampleMs = 10;
constexpr size_t kMaxSamples = 65'536;
constexpr size_t kMaxOthers = 65'536;

}  // namespace

void LagIndex::Add(Sequence sequence, int64_t time_ms, uint64_t bytes, bool user) {
  TANDEM_CHECK(sequence > newest_);
  if (samples_.empty() || sequence >= samples_.back().sequence + every_ ||
      std::abs(time_ms - samples_.back().time_ms) >= kSampleMs) {
    samples_.push_back({sequence, time_ms, bytes_});
    if (samples_.size() > kMaxSamples) ThinOut();
  }
  if (!user) AddOther(sequence);
  newest_ = sequence;
  bytes_ += bytes;
}

void LagIndex::AddOther(Sequence sequence) {
  if (!others_.empty() && others_.back().last + 1 == sequence) {
    others_.back().last = sequence;
    ++others_.back().count;
    return;
  }
  const uint64_t before = others_.empty() ? 0 : others_.back().before + others_.back().count;
  others_.push_back({.first = sequence, .last = sequence, .before = before, .count = 1});
  if (others_.size() > kMaxOthers) ThinOutOthers();
}

// The older half, in pairs: near the end, where a target is that has nearly everything, all is
// exact.
void LagIndex::ThinOutOthers() {
  std::deque<Other> kept;
  const size_t half = others_.size() / 2;
  for (size_t i = 0; i < others_.size(); ++i) {
    kept.push_back(others_[i]);
    if (i + 1 >= half) continue;
    const Other& next = others_[++i];
    kept.back().last = next.last;
    kept.back().count += next.count;
  }
  others_ = std::move(kept);
}

// Every second one goes; what is left is further apart, and so are the new ones.
void LagIndex::ThinOut() {
  std::deque<Sample> kept;
  for (size_t i = 0; i < samples_.size(); i += 2) kept.push_back(samples_[i]);
  samples_ = std::move(kept);
  every_ *= 2;
}

void LagIndex::Forget(Sequence oldest) {
  while (samples_.size() > 1 && samples_[1].sequence <= oldest) samples_.pop_front();
  while (others_.size() > 1 && others_.front().last < oldest) others_.pop_front();
  if (samples_.size() < kMaxSamples / 4) every_ = 64;
}

int64_t LagIndex::TimeMs(Sequence sequence) const {
  const auto it = std::upper_bound(
      samples_.begin(), samples_.end(), sequence,
      [](Sequence value, const Sample& sample) { return value < sample.sequence; });
  if (samples_.empty()) return 0;
  return it == samples_.begin() ? it->time_ms : std::prev(it)->time_ms;
}

uint64_t LagIndex::OthersUpTo(Sequence sequence) const {
  const auto it =
      std::upper_bound(others_.begin(), others_.end(), sequence,
                       [](Sequence value, const Other& other) { return value < other.first; });
  if (it == others_.begin()) return others_.empty() ? 0 : others_.front().before;
  const Other& other = *std::prev(it);
  if (sequence >= other.last) return other.before + other.count;
  // Spread evenly.
  const double share = static_cast<double>(sequence - other.first + 1) /
                       static_cast<double>(other.last - other.first + 1);
  return other.before + static_cast<uint64_t>(share * static_cast<double>(other.count));
}

uint64_t LagIndex::UserRecords(Sequence first, Sequence last) const {
  if (first > last) return 0;
  return last - first + 1 - (OthersUpTo(last) - OthersUpTo(first - 1));
}

Sequence LagIndex::NextUser(Sequence sequence) const {
  const auto it =
      std::upper_bound(others_.begin(), others_.end(), sequence,
                       [](Sequence value, const Other& other) { return value < other.first; });
  if (it == others_.begin()) return sequence;
  const Other& other = *std::prev(it);
  if (other.count < other.last - other.first + 1) return sequence;
  return std::max(sequence, other.last + 1);
}

// Between two samples the bytes are taken as spread evenly.
uint64_t LagIndex::BytesUpTo(Sequence sequence) const {
  if (samples_.empty() || sequence >= newest_) return bytes_;
  const auto next = std::upper_bound(
      samples_.begin(), samples_.end(), sequence + 1,
      [](Sequence value, const Sample& sample) { return value < sample.sequence; });
  if (next == samples_.begin()) return next->bytes_before;
  const Sample& from = *std::prev(next);
  const bool last = next == samples_.end();
  const Sequence to_sequence = last ? newest_ + 1 : next->sequence;
  const uint64_t to_bytes = last ? bytes_ : next->bytes_before;
  const double share = static_cast<double>(sequence + 1 - from.sequence) /
                       static_cast<double>(to_sequence - from.sequence);
  return from.bytes_before +
         static_cast<uint64_t>(share * static_cast<double>(to_bytes - from.bytes_before));
}

uint64_t LagIndex::Bytes(Sequence first, Sequence last) const {
  if (first > last) return 0;
  return BytesUpTo(last) - BytesUpTo(first - 1);
}

}  // namespace tandem
