#include "tests/sim/sim_disk.h"

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tandem {
namespace {

std::vector<absl::string_view> Components(absl::string_view path) {
  std::vector<absl::string_view> parts;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

void AddTree(const SimInode& directory, const std::string& prefix, bool durable,
             std::map<std::string, std::string>* tree) {
  for (const auto& [name, inode] : durable ? directory.durable_entries : directory.entries) {
    const std::string path = absl::StrCat(prefix, name);
    if (inode->type == FileType::kDirectory) {
      tree->emplace(absl::StrCat(path, "/"), "");
      AddTree(*inode, absl::StrCat(path, "/"), durable, tree);
    } else {
      tree->emplace(path, durable ? inode->content.durable() : inode->content.cached());
    }
  }
}

}  // namespace

SimDisk::SimDisk(SimWorld& world, SimDiskOptions options)
    : world_(world),
      options_(std::move(options)),
      random_(world.random().Fork()),
      device_(random_.Next() >> 1) {
  root_ = NewInode(FileType::kDirectory, 0755);
}

SimDisk::~SimDisk() {
  for (const SimInodePtr& directory : directories_) directory->pending.clear();
}

SimInodePtr SimDisk::NewInode(FileType type, uint32_t mode) {
  auto inode = std::make_shared<SimInode>();
  inode->id = next_inode_++;
  inode->type = type;
  inode->mode = mode & 07777;
  inode->disk_bytes = used_;
  if (type == FileType::kDirectory) directories_.push_back(inode);
  return inode;
}

void SimDisk::Change(std::vector<SimChange::Entry> entries) {
  auto change = std::make_shared<SimChange>();
  change->version = NextVersion();
  change->entries = std::move(entries);
  for (const SimChange::Entry& entry : change->entries) {
    if (entry.inode) {
      entry.directory->entries[entry.name] = entry.inode;
    } else {
      entry.directory->entries.erase(entry.name);
    }
    auto& pending = entry.directory->pending;
    if (pending.empty() || pending.back() != change) pending.push_back(change);
  }
  if (!remote()) return;
  for (const SimChange::Entry& entry : change->entries) SyncDirectory(*entry.directory, version_);
}

SimInodePtr SimDisk::Find(absl::string_view path, bool durable) const {
  SimInodePtr at = root_;
  for (const absl::string_view name : Components(path)) {
    if (at->type != FileType::kDirectory) return nullptr;
    const auto& entries = durable ? at->durable_entries : at->entries;
    const auto found = entries.find(std::string(name));
    if (found == entries.end()) return nullptr;
    at = found->second;
  }
  return at;
}

SimInodePtr SimDisk::FindParent(absl::string_view path, std::string* name) {
  const auto parts = Components(path);
  TANDEM_CHECK(!parts.empty());
  SimInodePtr at = root_;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::string part(parts[i]);
    const auto found = at->entries.find(part);
    if (found != at->entries.end()) {
      TANDEM_CHECK(found->second->type == FileType::kDirectory);
      at->durable_entries[part] = found->second;
      at = found->second;
    } else {
      SimInodePtr made = NewInode(FileType::kDirectory, 0755);
      at->entries[part] = at->durable_entries[part] = made;
      at = made;
    }
  }
  *name = std::string(parts.back());
  return at;
}

void SimDisk::Put(absl::string_view path, SimInodePtr inode) {
  std::string name;
  const SimInodePtr parent = FindParent(path, &name);
  SyncDirectory(*parent, version_);  // what is pending comes before
  parent->entries[name] = parent->durable_entries[name] = std::move(inode);
}

void SimDisk::WriteFile(absl::string_view path, std::string data, uint32_t mode) {
  SimInodePtr inode = Find(path, false);
  if (!inode) inode = NewInode(FileType::kRegular, mode);
  TANDEM_CHECK(inode->type == FileType::kRegular);
  inode->content.Set(std::move(data));
  inode->Recount();
  Put(path, inode);
}

void SimDisk::MakeDirectory(absl::string_view path) {
  if (!Find(path, false)) Put(path, NewInode(FileType::kDirectory, 0755));
}

void SimDisk::MakeOther(absl::string_view path) { Put(path, NewInode(FileType::kOther, 0777)); }

void SimDisk::Remove(absl::string_view path) {
  std::string name;
  const SimInodePtr parent = FindParent(path, &name);
  SyncDirectory(*parent, version_);
  parent->entries.erase(name);
  parent->durable_entries.erase(name);
}

std::optional<std::string> SimDisk::ReadFile(absl::string_view path, bool durable) const {
  const SimInodePtr inode = Find(path, durable);
  if (!inode || inode->type != FileType::kRegular) return std::nullopt;
  return durable ? inode->content.durable() : inode->content.cached();
}

std::optional<FileType> SimDisk::TypeOf(absl::string_view path, bool durable) const {
  const SimInodePtr inode = Find(path, durable);
  if (!inode) return std::nullopt;
  return inode->type;
}

std::map<std::string, std::string> SimDisk::Tree(bool durable) const {
  std::map<std::string, std::string> tree;
  AddTree(*root_, "", durable, &tree);
  return tree;
}

bool SimDisk::FlipByte(absl::string_view path, uint64_t offset, uint8_t mask) {
  const std::optional<std::string> data = ReadFile(path);
  if (!data || offset >= data->size()) return false;
  const char flipped = static_cast<char>((*data)[offset] ^ static_cast<char>(mask));
  return Overwrite(path, offset, absl::string_view(&flipped, 1));
}

bool SimDisk::Overwrite(absl::string_view path, uint64_t offset, absl::string_view data) {
  std::optional<std::string> content = ReadFile(path);
  if (!content || offset + data.size() > content->size()) return false;
  content->replace(offset, data.size(), data.data(), data.size());
  Find(path, false)->content.Set(*std::move(content));
  return true;
}

void SimDisk::Crash(SimRandom& random) {
  ++generation_;
  parked_.clear();
  hung_ = answers_lost_ = false;
  CrashDirectories(directories_, random);
  // What is no longer reachable is gone; contents of the rest become what the platter has.
  std::vector<SimInodePtr> reachable = {root_};
  for (size_t i = 0; i < reachable.size(); ++i) {
    const SimInodePtr directory = reachable[i];
    for (const auto& [name, inode] : directory->entries) {
      inode->lock_owner = nullptr;
      if (inode->type == FileType::kDirectory) {
        reachable.push_back(inode);
      } else {
        inode->content.Crash(random);
        inode->Recount();
      }
    }
  }
  directories_ = std::move(reachable);
}

void SimDisk::DropCache() {
  for (const SimInodePtr& directory : directories_) {
    for (const auto& [name, inode] : directory->entries) {
      inode->content.DropCache();
      inode->Recount();
    }
  }
}

void SimDisk::Heal() {
  hung_ = answers_lost_ = false;
  for (auto& go_on : std::exchange(parked_, {})) world_.After(Latency(), std::move(go_on));
}

void SimDisk::ClearFaults() {
  faults_.clear();
  failing_paths_.clear();
  rates_ = {};
  slow_factor_ = 1;
  read_only_ = false;
  set_capacity(1ull << 30);
}

void SimDisk::FailPath(std::string path, int error) {
  if (error == 0) {
    failing_paths_.erase(path);
  } else {
    failing_paths_[std::move(path)] = error;
  }
}

uint64_t SimDisk::free_bytes() const {
  return *used_ >= options_.capacity_bytes ? 0 : options_.capacity_bytes - *used_;
}

int SimDisk::Begin(const SimStep& step) {
  ++counts_[static_cast<size_t>(step.kind)];
  world_.Trace(static_cast<uint64_t>(step.kind));
  // Which handle a process lets go of first may depend on hashing; nothing depends on that.
  if (step.kind != IoKind::kClose) world_.Trace(step.path);
  world_.Trace(static_cast<uint64_t>(world_.now_ns()));
  if (observer_) observer_(step);
  for (const auto& [path, error] : failing_paths_) {
    if (absl::StartsWith(step.path, path) &&
        (step.path.size() == path.size() || step.path[path.size()] == '/')) {
      Hit(SimHit::kDenied);
      return error;
    }
  }
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->kind != step.kind || !absl::StrContains(step.path, fault->path)) continue;
    if (fault->skip > 0) {
      --fault->skip;
      continue;
    }
    const int error = fault->error;
    Hit(SimHit::kInjected);
    if (!fault->persistent) faults_.erase(fault);
    return error;
  }
  return 0;
}

int64_t SimDisk::Latency() {
  int64_t latency_ns = random_.Between(options_.min_latency_ns, options_.max_latency_ns);
  if (slow_factor_ > 1) {
    latency_ns *= slow_factor_;
    Hit(SimHit::kSlow);
  }
  if (rates_.stall > 0 && random_.Chance(rates_.stall)) {
    latency_ns += random_.Between(10 * kSimMs, random_.Chance(0.1) ? 10 * kSimSecond : kSimSecond);
    Hit(SimHit::kStalled);
  }
  return latency_ns;
}

}  // namespace tandem
