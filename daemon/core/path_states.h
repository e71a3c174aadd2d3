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
#include "daemon/core/path_queue.h"
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

// Owner: core's thread. Memory: at most `max_entries` entries and those that must not be evicted:
// the ones whose records no lane could answer for (see Settle), which whoever sequences bounds with
// TakesMore, and the paths of writes that wait, which are bounded with those writes.
class PathStates {
 public:
  // Records up to and with `applied_floor` are applied everywhere when this begins. `waiting`, if
  // there is one: whose paths, and what is above them, are kept until Release.
  PathStates(size_t max_entries, Sequence applied_floor, const PathQueue* waiting = nullptr);
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

  // Some target has applied (or parked) all up to `checkpoint`. `parked` says of such a record
  // whether it is parked on all of those targets: then it is unapplied still.
  void Settle(Sequence checkpoint, absl::FunctionRef<bool(Sequence)> parked);
  // Something is parked no longer, or one more target has it.
  void Unpark(absl::FunctionRef<bool(Sequence)> parked);

  // No write waits for `path` any more; to be called when it left the queue.
  void Release(absl::string_view path);

  // False if the record, of which the path and what it was are filled in, would make one more state
  // unapplied and three quarters of `max_entries` are: the rest is left to what lanes say.
  [[nodiscard]] bool TakesMore(const RecordHeader& record) const;

  // The newest record whose effect was forgotten: only a lane that applied it may be asked.
  [[nodiscard]] Sequence forgotten() const { return forgotten_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] bool Knows(absl::string_view path) const { return entries_.contains(path); }

 private:
  enum ListId : uint8_t { kClean = 0, kDirty = 1, kHeld = 2, kPinned = 3 };
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
    size_t size = 0;
  };

  [[nodiscard]] Entry* Find(absl::string_view path);
  [[nodiscard]] bool IsUnapplied(absl::string_view path) const;
  // The entry of `path`, made if it is not there; at the back of `list`.
  Entry& Put(absl::string_view path, ListId list);
  void Touch(absl::string_view path, PathState state, Sequence sequence);
  void MakeAncestors(absl::string_view path, Sequence sequence, bool recovering);
  void MoveTo(Entry& entry, ListId list);
  void Unlink(Entry& entry);
  void Link(Entry& entry, ListId list);
  void Evict();

  const size_t max_entries_;
  const PathQueue* const waiting_;
  Sequence forgotten_;
  absl::node_hash_map<std::string, Entry> entries_;
  // kClean: may be evicted, least recently used first. kDirty: by sequence. kHeld: parked wherever
  // it could have been applied. kPinned: would be clean, but a write that waits needs it.
  std::array<List, 4> lists_;
};

}  // namespace tandem
