// What happens to a whole simulated disk: its server dies, its tree is replaced, somebody else
// changes it.
#include <map>
#include <utility>

#include "tests/sim/sim_disk.h"

namespace tandem {

void SimDisk::RestartServer() {
  hung_ = true;
  ++server_restarts_;
  if (!remote()) return;  // names are durable at once there
  for (const SimInodePtr& directory : directories_) {
    for (const auto& [name, inode] : directory->entries) {
      if (inode->type != FileType::kRegular || !inode->content.dirty()) continue;
      inode->content.Set(inode->content.durable());
      inode->Recount();
      inode->lost_a_write = true;
      Hit(SimHit::kLost);
    }
  }
}

void SimDisk::ReplaceTree() {
  ++generation_;
  std::map<const SimInode*, SimInodePtr> copies;
  const auto copy = [&](const SimInodePtr& old) {
    SimInodePtr& made = copies[old.get()];
    if (made == nullptr) {
      made = NewInode(old->type, old->mode);
      made->content.Set(old->content.cached());
      made->Recount();
    }
    return made;
  };
  directories_.clear();
  const SimInodePtr old_root = std::exchange(root_, nullptr);
  root_ = copy(old_root);
  std::vector<SimInodePtr> old_directories = {old_root};
  for (size_t i = 0; i < old_directories.size(); ++i) {
    const SimInodePtr old = old_directories[i];
    const SimInodePtr made = copy(old);
    old->pending.clear();
    for (const auto& [name, inode] : old->entries) {
      made->entries[name] = made->durable_entries[name] = copy(inode);
      if (inode->type == FileType::kDirectory) old_directories.push_back(inode);
    }
  }
}

SimInodePtr SimDisk::Take(absl::string_view path) {
  const SimInodePtr inode = Find(path, false);
  if (inode == nullptr) return nullptr;
  if (inode->type == FileType::kDirectory) SyncDirectory(*inode, version_);
  Remove(path);
  return inode;
}

void SimDisk::PutBack(absl::string_view path, SimInodePtr inode) {
  if (inode == nullptr) {
    if (Find(path, false) != nullptr) Remove(path);
    return;
  }
  Put(path, std::move(inode));
}

}  // namespace tandem
