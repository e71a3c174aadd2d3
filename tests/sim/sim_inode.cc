#include "tests/sim/sim_inode.h"

#include <algorithm>

namespace tandem {
namespace {

void MakeDurable(const std::shared_ptr<SimChange>& change) {
  if (change->durable) return;
  change->durable = true;  // before the recursion: what comes earlier never leads back here
  for (const SimChange::Entry& entry : change->entries) {
    while (!entry.directory->pending.empty() && entry.directory->pending.front() != change) {
      const std::shared_ptr<SimChange> earlier = entry.directory->pending.front();
      if (earlier->durable) {
        entry.directory->pending.pop_front();
      } else {
        MakeDurable(earlier);
      }
    }
  }
  for (const SimChange::Entry& entry : change->entries) {
    if (entry.inode) {
      entry.directory->durable_entries[entry.name] = entry.inode;
    } else {
      entry.directory->durable_entries.erase(entry.name);
    }
    if (!entry.directory->pending.empty() && entry.directory->pending.front() == change) {
      entry.directory->pending.pop_front();
    }
  }
}

// How much of something a power cut keeps: often nothing or all, else anything.
double KeptShare(SimRandom& random) {
  switch (random.Below(4)) {
    case 0:
      return 0;
    case 1:
      return 1;
    default:
      return static_cast<double>(random.Below(1001)) / 1000;
  }
}

}  // namespace

void SimContent::Write(uint64_t offset, absl::string_view data, uint64_t version) {
  if (data.empty()) return;
  const uint64_t old_size = cached_.size();
  const uint64_t end = offset + data.size();
  if (end > old_size) {
    cached_.resize(end);
    if (size_dirty_ == 0) size_dirty_ = version;
  }
  cached_.replace(offset, data.size(), data.data(), data.size());
  MarkDirty(std::min(offset, old_size) / kSimSector, (end + kSimSector - 1) / kSimSector, version);
}

void SimContent::Truncate(uint64_t length, uint64_t version) {
  const uint64_t old_size = cached_.size();
  // Also where the size stays: the inode is written again, and a size that was lost with it.
  if (size_dirty_ == 0) size_dirty_ = version;
  if (length == old_size) return;
  cached_.resize(length);
  const uint64_t first = std::min(length, old_size) / kSimSector;
  MarkDirty(first, (std::max(length, old_size) + kSimSector - 1) / kSimSector, version);
}

void SimContent::MarkDirty(uint64_t first, uint64_t end, uint64_t version) {
  if (dirty_.size() < end) dirty_.resize(end);
  for (uint64_t sector = first; sector < end; ++sector) {
    if (dirty_[sector] == 0) dirty_[sector] = version;
  }
  if (dirty_begin_ == dirty_end_) {
    dirty_begin_ = first;
    dirty_end_ = end;
  } else {
    dirty_begin_ = std::min(dirty_begin_, first);
    dirty_end_ = std::max(dirty_end_, end);
  }
}

void SimContent::CopySector(uint64_t sector) {
  const uint64_t begin = sector * kSimSector;
  const uint64_t end = std::min<uint64_t>(begin + kSimSector, cached_.size());
  if (begin < end) {
    if (durable_.size() < end) durable_.resize(end);
    durable_.replace(begin, end - begin, cached_, begin, end - begin);
  }
  // A sector is written whole: what lies beyond the end is zeros.
  const uint64_t zero_from = std::max(begin, end);
  const uint64_t zero_to = std::min<uint64_t>(begin + kSimSector, durable_.size());
  if (zero_from < zero_to) {
    std::fill(durable_.begin() + static_cast<std::ptrdiff_t>(zero_from),
              durable_.begin() + static_cast<std::ptrdiff_t>(zero_to), '\0');
  }
}

void SimContent::Shrink() {
  while (dirty_begin_ < dirty_end_ && dirty_[dirty_begin_] == 0) ++dirty_begin_;
  while (dirty_begin_ < dirty_end_ && dirty_[dirty_end_ - 1] == 0) --dirty_end_;
}

void SimContent::Sync(uint64_t version) {
  for (uint64_t sector = dirty_begin_; sector < dirty_end_; ++sector) {
    if (dirty_[sector] == 0 || dirty_[sector] > version) continue;
    CopySector(sector);
    dirty_[sector] = 0;
  }
  if (size_dirty_ != 0 && size_dirty_ <= version) {
    durable_.resize(cached_.size());
    size_dirty_ = 0;
  }
  Shrink();
}

void SimContent::Lose(uint64_t version) {
  for (uint64_t sector = dirty_begin_; sector < dirty_end_; ++sector) {
    if (dirty_[sector] <= version) dirty_[sector] = 0;
  }
  if (size_dirty_ <= version) size_dirty_ = 0;
  Shrink();
}

void SimContent::Crash(SimRandom& random) {
  if (dirty()) {
    const uint64_t old_size = durable_.size();
    const uint64_t new_size = cached_.size();
    const double share = KeptShare(random);
    for (uint64_t sector = dirty_begin_; sector < dirty_end_; ++sector) {
      if (dirty_[sector] != 0 && random.Chance(share)) CopySector(sector);
    }
    uint64_t size = std::max<uint64_t>(durable_.size(), old_size);
    if (size_dirty_ != 0) {
      const auto [low, high] = std::minmax(old_size, new_size);
      const uint64_t pick = random.Below(3);
      size = pick == 0 ? old_size : pick == 1 ? new_size : low + random.Below(high - low + 1);
    }
    durable_.resize(size);
  }
  Set(durable_);
}

void SimContent::DropCache() {
  std::string fresh = durable_;
  if (size_dirty_ != 0) fresh.resize(cached_.size());
  for (uint64_t sector = dirty_begin_; sector < dirty_end_; ++sector) {
    const uint64_t begin = sector * kSimSector;
    if (dirty_[sector] == 0 || begin >= cached_.size()) continue;
    const uint64_t length = std::min<uint64_t>(kSimSector, cached_.size() - begin);
    if (fresh.size() < begin + length) fresh.resize(begin + length);
    fresh.replace(begin, length, cached_, begin, length);
  }
  cached_ = std::move(fresh);
}

void SimContent::Set(std::string data) {
  durable_ = data;
  cached_ = std::move(data);
  dirty_.clear();
  dirty_begin_ = dirty_end_ = 0;
  size_dirty_ = 0;
}

void SimInode::Recount() {
  const uint64_t bytes = content.cached().size();
  if (disk_bytes) *disk_bytes += bytes - counted_bytes;  // modulo 2^64
  counted_bytes = bytes;
}

void SyncDirectory(SimInode& directory, uint64_t version) {
  while (!directory.pending.empty()) {
    const std::shared_ptr<SimChange> change = directory.pending.front();
    if (change->durable) {
      directory.pending.pop_front();
      continue;
    }
    if (change->version > version) break;
    MakeDurable(change);
  }
}

void CrashDirectories(const std::vector<SimInodePtr>& directories, SimRandom& random) {
  std::map<uint64_t, std::shared_ptr<SimChange>> changes;  // by version
  std::map<const SimInode*, uint64_t> room;                // changes of it that may survive
  for (const SimInodePtr& directory : directories) {
    uint64_t count = 0;
    for (const auto& change : directory->pending) {
      if (change->durable) continue;
      changes.emplace(change->version, change);
      ++count;
    }
    const double share = KeptShare(random);
    room[directory.get()] =
        static_cast<uint64_t>(share * static_cast<double>(count) + (share == 1 ? 0.5 : 0.0));
  }
  for (const auto& [version, change] : changes) {
    bool kept = true;
    for (const SimChange::Entry& entry : change->entries) kept = kept && room[entry.directory] > 0;
    const SimInode* counted = nullptr;
    for (const SimChange::Entry& entry : change->entries) {
      uint64_t& left = room[entry.directory];
      if (!kept) {
        left = 0;  // nothing after a hole
      } else if (entry.directory != counted) {
        --left;
      }
      counted = entry.directory;
    }
    if (kept) MakeDurable(change);
  }
  for (const SimInodePtr& directory : directories) {
    directory->pending.clear();
    directory->entries = directory->durable_entries;
  }
}

}  // namespace tandem
