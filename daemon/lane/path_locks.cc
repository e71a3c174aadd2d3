#include "daemon/lane/path_locks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

void AddPath(absl::string_view path, std::vector<LockKey>& keys) {
  const auto add = [&](absl::string_view name, bool exclusive) {
    for (LockKey& key : keys) {
      if (key.name != name) continue;
      key.exclusive = key.exclusive || exclusive;
      return;
    }
    keys.push_back({.name = std::string(name), .exclusive = exclusive});
  };
  add(path, true);
  for (const absl::string_view ancestor : AncestorsOf(path)) add(ancestor, false);
}

}  // namespace

std::vector<LockKey> LockKeysOf(const RecordHeader& record) {
  std::vector<LockKey> keys;
  AddPath(record.path, keys);
  if (record.type == RecordType::kRename) AddPath(record.new_path, keys);
  // No path starts with a slash. The records of a batch carry one request id.
  if ((record.flags & (kRecordBatchMore | kRecordBatchLater)) != 0) {
    keys.push_back(
        {.name = absl::StrCat("/batch/", record.request_id.ToString()), .exclusive = true});
  }
  return keys;
}

void KeyUses::Add(const RecordHeader& record) {
  for (const LockKey& key : LockKeysOf(record)) {
    Use& use = uses_[key.name];
    ++(key.exclusive ? use.exclusive : use.shared);
  }
}

void KeyUses::Remove(const RecordHeader& record) {
  for (const LockKey& key : LockKeysOf(record)) {
    Use& use = uses_.at(key.name);
    uint64_t& count = key.exclusive ? use.exclusive : use.shared;
    TANDEM_CHECK(count > 0);
    --count;
    if (use.exclusive == 0 && use.shared == 0) uses_.erase(key.name);
  }
}

bool KeyUses::Conflicts(const RecordHeader& record) const {
  if (uses_.empty()) return false;
  const std::vector<LockKey> keys = LockKeysOf(record);
  return std::any_of(keys.begin(), keys.end(), [&](const LockKey& key) {
    const auto use = uses_.find(key.name);
    if (use == uses_.end()) return false;
    return use->second.exclusive > 0 || (key.exclusive && use->second.shared > 0);
  });
}

bool PathLocks::Acquire(Sequence sequence, std::vector<LockKey> keys) {
  size_t missing = 0;
  for (const LockKey& key : keys) {
    Queue& queue = queues_[key.name];
    TANDEM_CHECK(queue.waiting.empty() || sequence >= kFirstPin ||
                 queue.waiting.back().sequence >= kFirstPin ||
                 queue.waiting.back().sequence < sequence);
    if (queue.waiting.empty() && queue.Admits(key.exclusive)) {
      queue.Take(key.exclusive);
    } else {
      queue.waiting.push_back({.sequence = sequence, .exclusive = key.exclusive});
      ++missing;
    }
  }
  const bool added =
      holders_.emplace(sequence, Holder{.keys = std::move(keys), .missing = missing}).second;
  TANDEM_CHECK(added);
  return missing == 0;
}

void PathLocks::Release(Sequence sequence, absl::FunctionRef<void(Sequence)> granted) {
  auto found = holders_.find(sequence);
  TANDEM_CHECK(found != holders_.end() && found->second.missing == 0);
  const Holder holder = std::move(found->second);
  holders_.erase(found);
  for (const LockKey& key : holder.keys) {
    auto entry = queues_.find(key.name);
    Queue& queue = entry->second;
    if (key.exclusive) {
      TANDEM_CHECK(queue.held_exclusively);
      queue.held_exclusively = false;
    } else {
      TANDEM_CHECK(queue.shared_holders > 0);
      --queue.shared_holders;
    }
    while (!queue.waiting.empty() && queue.Admits(queue.waiting.front().exclusive)) {
      const Waiter next = queue.waiting.front();
      queue.waiting.pop_front();
      queue.Take(next.exclusive);
      Holder& waiter = holders_.at(next.sequence);
      TANDEM_CHECK(waiter.missing > 0);
      if (--waiter.missing == 0) granted(next.sequence);
    }
    if (queue.waiting.empty() && queue.Admits(true)) queues_.erase(entry);
  }
}

void PathLocks::ForEachWaitingBehind(absl::string_view name,
                                     absl::FunctionRef<bool(Sequence)> take) const {
  const auto entry = queues_.find(name);
  if (entry == queues_.end()) return;
  for (const Waiter& waiter : entry->second.waiting) {
    if (waiter.sequence >= kFirstPin) return;
    if (holders_.at(waiter.sequence).missing != 1 || !take(waiter.sequence)) return;
  }
}

}  // namespace tandem
