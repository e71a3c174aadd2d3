// What a simulated file system consists of: contents and directories, each as it is cached and as
// it would be found after a power cut.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/io/files.h"
#include "tests/sim/sim_random.h"

namespace tandem {

inline constexpr uint64_t kSimSector = 512;

// A file's bytes. Versions are a disk's count of changes: a sync covers what was changed before it
// began. Sectors are written whole or not at all.
class SimContent {
 public:
  void Write(uint64_t offset, absl::string_view data, uint64_t version);
  void Truncate(uint64_t length, uint64_t version);
  // Everything first changed at or before `version` becomes durable.
  void Sync(uint64_t version);
  // A sync that failed: the same sectors count as clean, but were not written.
  void Lose(uint64_t version);
  // What is cached becomes what a power cut leaves: any subset of the dirty sectors.
  void Crash(SimRandom& random);
  // Clean sectors are read from the disk again: what a failed sync lost now shows.
  void DropCache();
  // Both views are `data`.
  void Set(std::string data);

  [[nodiscard]] const std::string& cached() const { return cached_; }
  [[nodiscard]] const std::string& durable() const { return durable_; }
  [[nodiscard]] bool dirty() const { return dirty_begin_ < dirty_end_ || size_dirty_ != 0; }

 private:
  void MarkDirty(uint64_t first, uint64_t end, uint64_t version);
  void CopySector(uint64_t sector);
  void Shrink();

  std::string cached_;
  std::string durable_;
  std::vector<uint64_t> dirty_;  // per sector: the version that first changed it, 0: clean
  uint64_t dirty_begin_ = 0;     // no dirty sector is outside
  uint64_t dirty_end_ = 0;
  uint64_t size_dirty_ = 0;  // the version that first changed the size, 0: clean
};

struct SimInode;
using SimInodePtr = std::shared_ptr<SimInode>;

// One change of directories, durable wholly or not at all.
struct SimChange {
  struct Entry {
    SimInode* directory;
    std::string name;
    SimInodePtr inode;  // null: removed
  };
  uint64_t version = 0;
  std::vector<Entry> entries;
  bool durable = false;
};

struct SimInode {
  uint64_t id = 0;
  FileType type = FileType::kRegular;
  uint32_t mode = 0;

  SimContent content;                    // kRegular
  std::shared_ptr<uint64_t> disk_bytes;  // of the whole disk, to give back on destruction
  uint64_t counted_bytes = 0;
  bool lost_a_write = false;  // the next sync fails

  std::map<std::string, SimInodePtr> entries;  // kDirectory: as cached
  std::map<std::string, SimInodePtr> durable_entries;
  std::deque<std::shared_ptr<SimChange>> pending;  // not durable yet, in order

  const void* lock_owner = nullptr;  // of the process; never dereferenced

  SimInode() = default;
  SimInode(const SimInode&) = delete;
  SimInode& operator=(const SimInode&) = delete;
  ~SimInode() {
    if (disk_bytes) *disk_bytes -= counted_bytes;
  }
  // After the content changed.
  void Recount();
};

// Makes the directory's pending changes up to `version` durable, and with them what the same
// changes and those before them did to other directories.
void SyncDirectory(SimInode& directory, uint64_t version);

// A power cut: of each directory's pending changes a prefix survives, of a change that touches two
// both halves or none. `directories`: all there are. Contents are not touched.
void CrashDirectories(const std::vector<SimInodePtr>& directories, SimRandom& random);

}  // namespace tandem
