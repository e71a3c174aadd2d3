// Which writes wait behind which: those whose paths are the same or lie beneath one another keep
// the order they came in; all others pass (rules 3 and 15).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace tandem {

// Grows with every write.
using Ticket = uint64_t;

// Only writes that wait are in it; empty as long as all path states are known. Owner: core's
// thread.
class PathQueue {
 public:
  // True if a write with these paths has to wait behind one that is in the queue.
  [[nodiscard]] bool Blocks(const std::vector<std::string>& paths) const;

  // The write waits. `ticket` is larger than all before.
  void Add(Ticket ticket, std::vector<std::string> paths);

  // Nothing before it is in its way.
  [[nodiscard]] bool IsFree(Ticket ticket) const;

  // The write waits no longer. Returns, in their order, those that became free by it.
  std::vector<Ticket> Remove(Ticket ticket);

  // A write that waits is about `path` or something beneath it.
  [[nodiscard]] bool Holds(absl::string_view path) const { return places_.contains(path); }
  // How many paths that is, directories included.
  [[nodiscard]] size_t places() const { return places_.size(); }

  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  // Who waits at a path, and who at a path beneath it.
  struct Place {
    absl::btree_set<Ticket> at;
    absl::btree_set<Ticket> beneath;
  };
  struct Waiting {
    std::vector<std::string> paths;
    absl::btree_set<Ticket> behind;   // waits behind these
    absl::btree_set<Ticket> blocked;  // these wait behind it
  };

  // The latest ones that overlap with `path`: the others are behind or before those.
  void Collect(absl::string_view path, absl::btree_set<Ticket>& tickets) const;

  absl::flat_hash_map<Ticket, Waiting> waiting_;
  absl::flat_hash_map<std::string, Place> places_;
};

}  // namespace tandem
