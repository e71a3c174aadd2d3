// When request ids of version 7 say that they were made: what is known of ids that are forgotten.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/journal/record.h"

namespace tandem {

// A version 7 UUID may be this much ahead of our clock; one that is further ahead is treated like
// any other UUID: its time proves nothing.
inline constexpr int64_t kMaxIdAheadMs = 1'000;

// When the id was made, milliseconds since 1970, if it says so and the wall clock, at `wall_ms`
// when the id was journaled, does not contradict it.
[[nodiscard]] std::optional<int64_t> IdTimeOf(const Uuid& id, int64_t wall_ms);

// A set of times, kept as at most kMaxSpans spans: those that lie near each other become one, so it
// may hold more than was added, never less.
class IdTimes {
 public:
  static constexpr size_t kMaxSpans = 32;
  struct Span {
    int64_t first = 0;  // milliseconds since 1970, both inclusive
    int64_t last = 0;
    friend bool operator==(const Span&, const Span&) = default;
  };

  IdTimes() = default;
  explicit IdTimes(Span span) : spans_{span} {}

  void Add(int64_t ms) { Add(Span{ms, ms}); }
  void Add(Span span);
  void Add(const IdTimes& others);
  [[nodiscard]] bool Contains(int64_t ms) const;
  [[nodiscard]] const std::vector<Span>& spans() const { return spans_; }

  // On disk: 16 bytes for each span.
  static constexpr size_t kMaxEncodedBytes = kMaxSpans * 16;
  [[nodiscard]] std::string Encode() const;
  // nullopt: no such set.
  [[nodiscard]] static std::optional<IdTimes> Decode(absl::string_view bytes);

  friend bool operator==(const IdTimes&, const IdTimes&) = default;

 private:
  std::vector<Span> spans_;  // ascending, apart
};

// Adds the time of the record's request id, if it is a write of a client and its id says one.
void NoteId(const RecordHeader& record, IdTimes* times);

}  // namespace tandem
