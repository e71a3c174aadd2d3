#include "tests/sim/sim_files.h"

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/sim/sim_process.h"

namespace tandem {

SimFiles::SimFiles(SimWorld& world) : process_(std::make_shared<Process>(world)) {}

SimFiles::~SimFiles() { Kill(); }

void SimFiles::Mount(std::string path, SimDisk* disk) {
  TANDEM_CHECK(absl::StartsWith(path, "/"));
  process_->mounts[std::move(path)] = disk;
}

void SimFiles::Unmount(const std::string& path) { process_->mounts.erase(path); }

void SimFiles::Forbid(SimDisk* disk) { process_->forbidden.insert(disk); }

void SimFiles::set_handle_limit(size_t limit) { process_->handle_limit = limit; }

void SimFiles::Submit(IoRequest request, IoDone done) {
  process_->Submit(std::move(request), std::move(done));
}

size_t SimFiles::in_flight() const { return process_->in_flight(); }

int64_t SimFiles::oldest_in_flight_ns() const { return process_->oldest_in_flight_ns(); }

void SimFiles::Kill() { process_->Kill(); }

void SimFiles::Freeze() { process_->frozen = true; }

void SimFiles::Thaw() { process_->Thaw(); }

uint64_t SimFiles::refused_opens() const { return process_->refused_opens; }

size_t SimFiles::open_handles() const { return process_->open_handles(); }

uint64_t SimFiles::bad_handles() const { return process_->bad_handles(); }

int64_t SimFiles::Process::oldest_in_flight_ns() const {
  if (dead_ || operations_.empty()) return 0;
  return world_.now_ns() - operations_.begin()->second.started_ns;  // ids grow with time
}

int SimFiles::Process::FindMount(SimOperation* operation) {
  const std::string& path = operation->request.path;
  if (!absl::StartsWith(path, "/")) return ENOENT;
  const std::string* best = nullptr;
  SimDisk* disk = nullptr;
  for (const auto& [prefix, mounted] : mounts) {
    const bool beneath =
        prefix == "/" || (absl::StartsWith(path, prefix) &&
                          (path.size() == prefix.size() || path[prefix.size()] == '/'));
    if (!beneath || (best && best->size() >= prefix.size())) continue;
    best = &prefix;
    disk = mounted;
  }
  if (!disk) return ENOENT;
  operation->request.path = path.substr(*best == "/" ? 0 : best->size());
  operation->at = SimHandle{disk, disk->root(), disk->generation(), O_DIRECTORY, ""};
  return 0;
}

int SimFiles::Process::Resolve(SimOperation* operation) {
  const IoRequest& request = operation->request;
  if (request.kind == IoKind::kOpen && request.file == kNoFile) return FindMount(operation);
  const auto handle = handles_.find(request.file);
  if (handle == handles_.end()) {
    ++bad_handles_;
    return EBADF;
  }
  operation->at = handle->second;
  if (request.kind == IoKind::kRename) {
    const auto handle2 = handles_.find(request.directory2);
    if (handle2 == handles_.end()) {
      ++bad_handles_;
      return EBADF;
    }
    operation->at2 = handle2->second;
  }
  // The number is free for the next open as soon as the close was asked for.
  if (request.kind == IoKind::kClose) handles_.erase(handle);
  return 0;
}

void SimFiles::Process::Submit(IoRequest request, IoDone done) {
  if (dead_) return;  // nobody is there to ask
  const uint64_t id = next_operation_++;
  SimOperation& operation = operations_[id];
  operation.request = std::move(request);
  operation.done = std::move(done);
  operation.started_ns = world_.now_ns();
  if (const int error = Resolve(&operation); error != 0) {
    operation.landed = true;
    operation.result.value = -error;
    world_.After(0, [self = shared_from_this(), id] { self->Answer(id); });
    return;
  }
  SimDisk& disk = *operation.at.disk;
  operation.started_at = disk.version();
  const int64_t total_ns = disk.Latency();
  const int64_t effect_ns = disk.random().Between(0, total_ns);
  LandLater(id, effect_ns, total_ns - effect_ns);
}

void SimFiles::Process::LandLater(uint64_t id, int64_t delay_ns, int64_t answer_delay_ns) {
  world_.After(delay_ns, [self = shared_from_this(), id, answer_delay_ns] {
    SimOperation& operation = self->operations_.at(id);
    if (operation.at.disk->hung()) {
      operation.at.disk->Hit(SimHit::kParked);
      operation.at.disk->Park(
          [self, id, answer_delay_ns] { self->LandLater(id, 0, answer_delay_ns); });
      return;
    }
    self->Land(&operation);
    self->AnswerLater(id, answer_delay_ns);
  });
}

void SimFiles::Process::AnswerLater(uint64_t id, int64_t delay_ns) {
  world_.After(delay_ns, [self = shared_from_this(), id] {
    SimOperation& operation = self->operations_.at(id);
    SimDisk& disk = *operation.at.disk;
    if (disk.holds_answers()) {
      disk.Hit(SimHit::kAnswerHeld);
      disk.Park([self, id] { self->AnswerLater(id, 0); });
      return;
    }
    if (operation.restarts != disk.server_restarts()) self->Replay(&operation);
    self->Answer(id);
  });
}

// Its answer was lost with the server: the client has sent it once more, and there is no memory of
// the first time.
void SimFiles::Process::Replay(SimOperation* operation) {
  const IoKind kind = operation->request.kind;
  SimDisk& disk = *operation->at.disk;
  operation->restarts = disk.server_restarts();
  if (kind != IoKind::kRename && kind != IoKind::kUnlink && kind != IoKind::kMkdir) return;
  if (operation->lost || operation->result.value != 0 || disk.random().Chance(0.3)) return;
  disk.Hit(SimHit::kReplayed);
  Land(operation);
}

void SimFiles::Process::Answer(uint64_t id) {
  if (frozen && !dead_) {
    held_answers_.push_back(id);
    return;
  }
  auto node = operations_.extract(id);
  if (dead_) {
    if (operations_.empty()) FreeLocks();
    return;
  }
  world_.Trace(static_cast<uint64_t>(node.mapped().result.value));
  node.mapped().done(std::move(node.mapped().result));
}

void SimFiles::Process::Thaw() {
  frozen = false;
  for (const uint64_t id : std::exchange(held_answers_, {})) {
    world_.After(0, [self = shared_from_this(), id] { self->Answer(id); });
  }
}

void SimFiles::Process::Land(SimOperation* operation) {
  operation->landed = true;
  if (operation->lost) return;
  SimDisk& disk = *operation->at.disk;
  operation->restarts = disk.server_restarts();
  if (operation->at.generation != disk.generation()) {
    disk.Hit(SimHit::kStale);
    operation->result.value = -ESTALE;
    return;
  }
  const bool named = !operation->request.path.empty();
  const std::string path =
      named ? absl::StrCat(operation->at.path, operation->at.path.empty() ? "" : "/",
                           absl::StripPrefix(operation->request.path, "/"))
            : operation->at.path;
  const int error = disk.Begin(SimStep{operation->request.kind, path});
  operation->result.value = Run(operation, error);
}

void SimFiles::Process::Kill() {
  if (std::exchange(dead_, true)) return;
  std::vector<IoDone> dropped;
  for (auto& [id, operation] : operations_) {
    dropped.push_back(std::exchange(operation.done, nullptr));
    if (operation.landed) continue;
    if (operation.request.kind == IoKind::kWrite) {
      operation.kept.assign(operation.request.source, operation.request.length);
      operation.request.source = operation.kept.data();
    }
    operation.lost = operation.at.disk->random().Chance(0.5);
  }
  handles_.clear();
  Thaw();
  if (operations_.empty()) FreeLocks();
}

void SimFiles::Process::FreeLocks() {
  for (const auto& [inode, owner] : locked_) {
    if (inode->lock_owner == this) inode->lock_owner = nullptr;
  }
  locked_.clear();
}

int64_t SimFiles::Process::NewHandle(SimHandle handle) {
  if (dead_) return -EBADF;
  FileHandle number = 3;
  for (const auto& [used, unused] : handles_) {
    if (used != number) break;
    ++number;
  }
  handles_.emplace(number, std::move(handle));
  return number;
}

}  // namespace tandem
