// What each path is, as of the last record sequenced: the writes in flight, overlaid on what lanes
// said (rule 3).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "daemon/core/operation_table.h"
#include "daemon/journal/record.h"
#include "daemon/model/operation.h"

namespace tandem {

struct ResolvedPath {
  bool known = false;  // false: a lane must be asked; nothing below counts
  Standing standing = Standing::kAbsent;
  uint64_t size = 0;        // of a file, bytes
  Sequence depends_on = 0;  // the newest record that made it so; 0: none that is kept

  // As a record's base: what is blocked is absent.
  [[nodiscard]] PathState AsPathState() const;
};

// The effects of a batch's earlier operations, while the later ones are being decided. Nothing in
// it is journaled yet.
class PathOverlay {
 public:
  struct Entry {
    PathState state;
    bool complete = false;  // a directory of which everything that exists is known
  };

  void Set(absl::string_view path, PathState state, bool complete = false) {
    entries_.insert_or_assign(std::string(path), Entry{state, complete});
  }
  [[nodiscard]] const Entry* Find(absl::string_view path) const {
    if (entries_.empty()) return nullptr;
    const auto it = entries_.find(path);
    return it == entries_.end() ? nullptr : &it->second;
  }

 private:
  absl::flat_hash_map<std::string, Entry> entries_;
};

// Owner: core's thread. Memory: at most `max_entries` entries (and what the last answer brought),
// those excepted that records not yet applied on every target stand behind: these are never
// evicted, and leave a quarter of `max_entries` to the others, so that answers can still be used.
class PathStates {
 public:
  // Records up to and with `applied_floor` are applied everywhere when this begins.
  PathStates(size_t max_entries, Sequence applied_floor);
  PathStates(const PathStates&) = delete;
  PathStates& operator=(const PathStates&) = delete;

  // What is at `path`. `overlay`, if there is one, comes before what is here.
  [[nodiscard]] ResolvedPath Resolve(absl::string_view path, const PathOverlay* overlay);

  // A record was sequenced. `recovering`: it is read back at the start, so what its directories
  // were before is not known.
  void Apply(const RecordHeader& record, bool recovering);
  // The same for a tentative record: only `overlay` changes.
  void ApplyTo(PathOverlay& overlay, const RecordHeader& record);

  // A lane says what exists: one state for each component of `path` from the top. What records
  // made of a component overrides it. False: records after `asked_at` touched paths that are
  // forgotten again, so that the answer may be too old: ask again.
  [[nodiscard]] bool Fill(absl::string_view path, const std::vector<PathState>& components,
                          Sequence asked_at);

  // Every target has applied (or parked) all up to `checkpoint`. `parked` says whether a record is
  // parked on any target: that is unapplied too.
  void Settle(Sequence checkpoint, absl::FunctionRef<bool(Sequence)> parked);
  // Something is parked no longer.
  void Unpark(absl::FunctionRef<bool(Sequence)> parked);

  // The newest record whose effect was forgotten: only a lane that applied it may be asked.
  [[nodiscard]] Sequence forgotten() const { return forgotten_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] bool Knows(absl::string_view path) const { return entries_.contains(path); }

 private:
  enum ListId : uint8_t { kClean = 0, kDirty = 1, kHeld = 2 };
  struct Entry {
    PathState state;
    Sequence sequence = 0;  // of the last record that changed it
    bool complete = false;
    ListId list = kClean;
    Entry* previous = nullptr;
    Entry* next = nullptr;
    const std::string* path = nullptr;
  };
  struct List {
    Entry* front = nullptr;
    Entry* back = nullptr;
  };

  [[nodiscard]] Entry* Find(absl::string_view path);
  // The entry of `path`, made if it is not there; at the back of `list`.
  Entry& Put(absl::string_view path, ListId list);
  void Touch(absl::string_view path, PathState state, Sequence sequence);
  void MakeAncestors(absl::string_view path, Sequence sequence, bool recovering);
  void MoveTo(Entry& entry, ListId list);
  void Unlink(Entry& entry);
  void Link(Entry& entry, ListId list);
  void Evict();

  const size_t max_entries_;
  Sequence forgotten_;
  absl::node_hash_map<std::string, Entry> entries_;
  // kClean: least recently used first. kDirty: by sequence. kHeld: parked on some target.
  std::array<List, 3> lists_;
  size_t clean_count_ = 0;
};

}  // namespace tandem
