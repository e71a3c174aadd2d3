#include "daemon/core/path_states.h"

#include <algorithm>

#include "daemon/base/check.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr PathState kAbsentState = {.kind = PathKind::kAbsent, .size = 0};
constexpr PathState kDirectoryState = {.kind = PathKind::kDirectory, .size = 0};

Standing StandingOf(PathKind kind) {
  switch (kind) {
    case PathKind::kAbsent:
      return Standing::kAbsent;
    case PathKind::kFile:
      return Standing::kFile;
    case PathKind::kDirectory:
      return Standing::kDirectory;
    case PathKind::kOther:
      return Standing::kOther;
  }
  return Standing::kOther;
}

}  // namespace

PathState ResolvedPath::AsPathState() const {
  switch (standing) {
    case Standing::kFile:
      return {.kind = PathKind::kFile, .size = size};
    case Standing::kDirectory:
      return kDirectoryState;
    case Standing::kOther:
      return {.kind = PathKind::kOther, .size = 0};
    case Standing::kAbsent:
    case Standing::kBlocked:
      break;
  }
  return kAbsentState;
}

PathStates::PathStates(size_t max_entries, Sequence applied_floor, const PathQueue* waiting)
    : max_entries_(max_entries), waiting_(waiting), forgotten_(applied_floor) {}

// Goes up from the path to the first component that is known to exist: all above that are
// directories. It is not enough that the path itself is known to be absent: a file may stand where
// one of its directories would have to be.
ResolvedPath PathStates::Resolve(absl::string_view path, const PathOverlay* overlay) {
  bool below_absent = false;
  Sequence below_sequence = 0;
  for (absl::string_view at = path; !at.empty(); at = ParentOf(at)) {
    PathState state;
    Sequence sequence = 0;
    bool found = false;
    bool complete = false;
    if (const auto* tentative = overlay != nullptr ? overlay->Find(at) : nullptr) {
      state = tentative->state;
      complete = tentative->complete;
      found = true;
    } else if (Entry* entry = Find(at)) {
      state = entry->state;
      sequence = entry->sequence;
      complete = entry->complete;
      found = true;
      if (entry->list == kClean) MoveTo(*entry, kClean);  // used last
    }
    if (found && state.kind != PathKind::kAbsent) {
      const Sequence depends_on = std::max(sequence, below_sequence);
      if (at.size() == path.size()) {
        return {true, StandingOf(state.kind), state.size, depends_on};
      }
      if (state.kind != PathKind::kDirectory) return {true, Standing::kBlocked, 0, depends_on};
      if (!below_absent && !complete) return {};
      return {true, Standing::kAbsent, 0, depends_on};
    }
    below_absent = found;
    below_sequence = sequence;
  }
  if (!below_absent) return {};
  return {true, Standing::kAbsent, 0, below_sequence};
}

void PathStates::Apply(const RecordHeader& record, bool recovering) {
  const PathState file = {.kind = PathKind::kFile, .size = record.result_size};
  switch (record.type) {
    case RecordType::kPut:
    case RecordType::kAppend:
    case RecordType::kWriteAt:
    case RecordType::kTruncate:
    case RecordType::kUploadCommit:
      // Before the path itself, so that a directory made just now counts as complete.
      if (record.base.kind == PathKind::kAbsent) {
        MakeAncestors(record.path, record.sequence, recovering);
      }
      Touch(record.path, file, record.sequence);
      break;
    case RecordType::kDelete:
      Touch(record.path, kAbsentState, record.sequence);
      break;
    case RecordType::kRename:
      Touch(record.path, kAbsentState, record.sequence);
      if (record.new_base.kind == PathKind::kAbsent) {
        MakeAncestors(record.new_path, record.sequence, recovering);
      }
      Touch(record.new_path, file, record.sequence);
      break;
    default:
      return;
  }
  Evict();
}

void PathStates::ApplyTo(PathOverlay& overlay, const RecordHeader& record) {
  const auto make_ancestors = [&](absl::string_view path) {
    for (absl::string_view at = ParentOf(path); !at.empty(); at = ParentOf(at)) {
      if (const auto* tentative = overlay.Find(at); tentative != nullptr) {
        if (tentative->state.kind == PathKind::kDirectory) return;
      } else if (const auto it = entries_.find(at);
                 it != entries_.end() && it->second.state.kind == PathKind::kDirectory) {
        return;
      }
      const ResolvedPath before = Resolve(at, &overlay);
      overlay.Set(at, kDirectoryState,
                  /*complete=*/before.known && before.standing == Standing::kAbsent);
    }
  };
  const PathState file = {.kind = PathKind::kFile, .size = record.result_size};
  if (record.type == RecordType::kDelete || record.type == RecordType::kRename) {
    overlay.Set(record.path, kAbsentState);
  }
  if (record.type == RecordType::kDelete) return;
  const bool rename = record.type == RecordType::kRename;
  const absl::string_view path = rename ? record.new_path : record.path;
  if ((rename ? record.new_base : record.base).kind == PathKind::kAbsent) make_ancestors(path);
  overlay.Set(path, file);
}

// Components that exist on the lane, then the first that does not; deeper ones follow from that,
// unless a record made a directory of what the lane does not have yet.
bool PathStates::Fill(absl::string_view path, const std::vector<PathState>& components,
                      Sequence asked_at) {
  if (forgotten_ > asked_at) return false;
  // Before, not after: what comes now must be there when the write that asked looks again.
  Evict();
  std::vector<absl::string_view> prefixes = AncestorsOf(path);
  prefixes.push_back(path);
  bool exists = true;
  for (size_t i = 0; i < prefixes.size(); ++i) {
    PathState state = kAbsentState;
    if (exists && i < components.size()) state = components[i];
    exists = state.kind == PathKind::kDirectory;
    if (const Entry* entry = Find(prefixes[i])) {
      state = entry->state;
    } else {
      Put(prefixes[i], kClean).state = state;
    }
    if (state.kind != PathKind::kDirectory) break;
  }
  return true;
}

void PathStates::Settle(Sequence checkpoint, absl::FunctionRef<bool(Sequence)> parked) {
  List& dirty = lists_[kDirty];
  while (dirty.front != nullptr && dirty.front->sequence <= checkpoint) {
    MoveTo(*dirty.front, parked(dirty.front->sequence) ? kHeld : kClean);
  }
  Evict();
}

void PathStates::Unpark(absl::FunctionRef<bool(Sequence)> parked) {
  for (Entry* entry = lists_[kHeld].front; entry != nullptr;) {
    Entry* const next = entry->next;
    if (!parked(entry->sequence)) MoveTo(*entry, kClean);
    entry = next;
  }
  Evict();
}

void PathStates::Release(absl::string_view path) {
  for (absl::string_view at = path; !at.empty(); at = ParentOf(at)) {
    Entry* entry = Find(at);
    if (entry == nullptr || entry->list != kPinned) continue;
    if (waiting_ == nullptr || !waiting_->Holds(at)) MoveTo(*entry, kClean);
  }
  Evict();
}

bool PathStates::TakesMore(const RecordHeader& record) const {
  if (lists_[kDirty].size + lists_[kHeld].size < max_entries_ - max_entries_ / 4) return true;
  const auto has_parent = [this](absl::string_view path, const PathState& base) {
    if (base.kind != PathKind::kAbsent || ParentOf(path).empty()) return true;
    const auto parent = entries_.find(ParentOf(path));
    return parent != entries_.end() && parent->second.state.kind == PathKind::kDirectory;
  };
  if (!IsUnapplied(record.path)) return false;
  if (record.type == RecordType::kRename) {
    return IsUnapplied(record.new_path) && has_parent(record.new_path, record.new_base);
  }
  return record.type == RecordType::kDelete || has_parent(record.path, record.base);
}

bool PathStates::IsUnapplied(absl::string_view path) const {
  const auto it = entries_.find(path);
  return it != entries_.end() && (it->second.list == kDirty || it->second.list == kHeld);
}

PathStates::Entry* PathStates::Find(absl::string_view path) {
  const auto it = entries_.find(path);
  return it == entries_.end() ? nullptr : &it->second;
}

PathStates::Entry& PathStates::Put(absl::string_view path, ListId list) {
  const auto [it, fresh] = entries_.try_emplace(path);
  Entry& entry = it->second;
  if (fresh) {
    entry.path = &it->first;
    Link(entry, list);
  } else {
    MoveTo(entry, list);
  }
  return entry;
}

void PathStates::Touch(absl::string_view path, PathState state, Sequence sequence) {
  Entry& entry = Put(path, kDirty);
  TANDEM_CHECK(sequence >= entry.sequence);
  entry.state = state;
  entry.sequence = sequence;
  entry.complete = false;
}

// Directories are never removed, so that one that was there before stays so, whatever becomes of
// this record: only one that is new depends on it.
void PathStates::MakeAncestors(absl::string_view path, Sequence sequence, bool recovering) {
  for (absl::string_view at = ParentOf(path); !at.empty(); at = ParentOf(at)) {
    if (const Entry* entry = Find(at);
        entry != nullptr && entry->state.kind == PathKind::kDirectory) {
      return;
    }
    // One that is merely not remembered may be full of files.
    const ResolvedPath before = Resolve(at, nullptr);
    Touch(at, kDirectoryState, sequence);
    Find(at)->complete = !recovering && before.known && before.standing == Standing::kAbsent;
  }
}

void PathStates::MoveTo(Entry& entry, ListId list) {
  Unlink(entry);
  Link(entry, list);
}

void PathStates::Unlink(Entry& entry) {
  List& list = lists_[entry.list];
  --list.size;
  (entry.previous != nullptr ? entry.previous->next : list.front) = entry.next;
  (entry.next != nullptr ? entry.next->previous : list.back) = entry.previous;
}

void PathStates::Link(Entry& entry, ListId id) {
  List& list = lists_[id];
  ++list.size;
  entry.list = id;
  entry.previous = list.back;
  entry.next = nullptr;
  (list.back != nullptr ? list.back->next : list.front) = &entry;
  list.back = &entry;
}

void PathStates::Evict() {
  while (entries_.size() > max_entries_ && lists_[kClean].front != nullptr) {
    Entry& entry = *lists_[kClean].front;
    if (waiting_ != nullptr && waiting_->Holds(*entry.path)) {
      MoveTo(entry, kPinned);
      continue;
    }
    forgotten_ = std::max(forgotten_, entry.sequence);
    if (entry.state.kind != PathKind::kAbsent) {
      if (Entry* parent = Find(ParentOf(*entry.path))) parent->complete = false;
    }
    Unlink(entry);
    entries_.erase(entries_.find(*entry.path));
  }
}

}  // namespace tandem
