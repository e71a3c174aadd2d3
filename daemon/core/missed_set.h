// What a detached target misses: paths, not writes. FORMAT.md ("Missed paths") says how it lies on
// disk; why it is enough, ARCHITECTURE.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/base/sequence_set.h"
#include "daemon/journal/record.h"

namespace tandem {

struct MissedSummary {
  int64_t since_ms = 0;   // wall time of the detachment
  Sequence from = 0;      // the target had (or had parked) everything up to here then
  Sequence through = 0;   // of the records up to here, what it lacks is in the set
  int64_t oldest_ms = 0;  // wall time of the oldest write in from+1..through; 0: there is none
  uint64_t writes = 0;    // of clients, in from+1..through
  uint64_t bytes = 0;     // of their data
  friend bool operator==(const MissedSummary&, const MissedSummary&) = default;
};

// Of one target. Owner: core's thread. Memory: the paths.
class MissedSet {
 public:
  [[nodiscard]] const MissedSummary& summary() const { return summary_; }
  void set_summary(const MissedSummary& summary) { summary_ = summary; }

  // The target lacks what the record `first` (and maybe later ones) did to the path; 0: which one
  // is unknown. A path that was copied before is missed again.
  void Add(const std::string& path, Sequence first);
  // The target has the path as it is after the record `at`. No error if it is not missed.
  void Copied(const std::string& path, Sequence at);
  // The target saved that it is as far as `checkpoint`: what was copied as of there is like any
  // other path of it.
  void Forget(Sequence checkpoint);
  void Clear();

  [[nodiscard]] bool Misses(const std::string& path) const { return missed_.contains(path); }
  // The target was detached, and is not complete since.
  [[nodiscard]] bool active() const { return summary_.since_ms != 0; }
  // Nothing is missed, and no record below what was copied is left to pass.
  [[nodiscard]] bool empty() const { return missed_.empty() && copied_.empty(); }
  [[nodiscard]] const std::map<std::string, Sequence>& missed() const { return missed_; }
  [[nodiscard]] const std::map<std::string, Sequence>& copied() const { return copied_; }

 private:
  MissedSummary summary_;
  std::map<std::string, Sequence> missed_;  // path -> first
  std::map<std::string, Sequence> copied_;  // path -> at
};

// Items of a log entry's body; each is complete in itself.
void AppendSummary(const MissedSummary& summary, std::string* body);
void AppendMissed(absl::string_view path, Sequence first, std::string* body);
void AppendCopied(absl::string_view path, Sequence at, std::string* body);
// Applies the items. DATA_LOSS: they are none.
[[nodiscard]] absl::Status ApplyItems(absl::string_view body, MissedSet& set);

// All of the set.
[[nodiscard]] std::string BodyOf(const MissedSet& set);

// An entry of the log around a body; `number`: of the entry in its file, from 0.
[[nodiscard]] std::string EncodeMissedEntry(uint32_t number, absl::string_view body);
// What a log's bytes say. What is torn at the end was never relied on and is left out; DATA_LOSS if
// a good entry follows one that is not.
[[nodiscard]] absl::Status DecodeMissedLog(absl::string_view bytes, MissedSet& set);

}  // namespace tandem
