// Who may touch a path now: the order of the journal, as locks.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "daemon/base/sequence_set.h"
#include "daemon/journal/record.h"

namespace tandem {

struct LockKey {
  std::string name;  // a path, or "/batch/<request id>"
  bool exclusive = false;
};

// A record holds its own path(s) exclusively and every ancestor shared: so two records conflict
// when they share a path, or when one's path is the other's ancestor. A batch's records also share
// one exclusive key, so that they go one after the other.
[[nodiscard]] std::vector<LockKey> LockKeysOf(const RecordHeader& record);

// A pin is held like the lock of a record that writes the path, and comes after all that queued
// before it, but is none: numbers from here on are pins, not sequences.
inline constexpr Sequence kFirstPin = Sequence{1} << 63;

// Counts who uses which keys, to tell whether a record depends on any of them. Owner: one thread.
class KeyUses {
 public:
  void Add(const RecordHeader& record);
  void Remove(const RecordHeader& record);
  // Is `record` in conflict with one that was added?
  [[nodiscard]] bool Conflicts(const RecordHeader& record) const;

 private:
  struct Use {
    uint64_t exclusive = 0;
    uint64_t shared = 0;
  };
  absl::flat_hash_map<std::string, Use> uses_;
};

// First-come-first-served read-write locks; come = sequence order. Owner: the lane's thread.
class PathLocks {
 public:
  // Queues for all keys; `sequence` must be above all queued before, or a pin. True: granted at
  // once.
  bool Acquire(Sequence sequence, std::vector<LockKey> keys);

  // Gives up the keys; calls `granted` for each sequence that now has all of its own. Members of a
  // run are released in sequence order, the first of them having been granted.
  void Release(Sequence sequence, absl::FunctionRef<void(Sequence)> granted);

  // Those that wait for the exclusive holder of `name` and for nothing else, in order, up to the
  // first that does not or for which `take` returns false: what a run of writes to one path may
  // take along.
  void ForEachWaitingBehind(absl::string_view name, absl::FunctionRef<bool(Sequence)> take) const;

  [[nodiscard]] size_t size() const { return holders_.size(); }

 private:
  struct Waiter {
    Sequence sequence = 0;
    bool exclusive = false;
  };
  // Granted now: one exclusive holder or any number of shared ones. Nobody overtakes who waits.
  struct Queue {
    uint64_t shared_holders = 0;
    bool held_exclusively = false;
    std::deque<Waiter> waiting;

    [[nodiscard]] bool Admits(bool exclusive) const {
      return !held_exclusively && (!exclusive || shared_holders == 0);
    }
    void Take(bool exclusive) {
      if (exclusive) {
        held_exclusively = true;
      } else {
        ++shared_holders;
      }
    }
  };
  struct Holder {
    std::vector<LockKey> keys;
    size_t missing = 0;  // keys it does not have yet
  };

  absl::flat_hash_map<std::string, Queue> queues_;
  absl::flat_hash_map<Sequence, Holder> holders_;
};

}  // namespace tandem
