// What outlives a SimFiles: the operations of a killed process that are still under way.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_files.h"

namespace tandem {

struct SimHandle {
  SimDisk* disk = nullptr;
  SimInodePtr inode;
  uint64_t generation = 0;  // of the disk when it was opened
  int flags = 0;
  std::string path;  // within the disk, from the root, without a leading slash
};

struct SimOperation {
  IoRequest request;
  IoDone done;
  SimHandle at;             // the handle, or where an absolute path starts
  SimHandle at2;            // kRename: the other directory
  uint64_t started_at = 0;  // the disk's version then
  int64_t started_ns = 0;
  std::string kept;       // a killed process's bytes
  uint64_t restarts = 0;  // of the disk's server, when it had its effect
  bool landed = false;
  bool lost = false;  // will never land
  IoResult result;
};

class SimFiles::Process : public std::enable_shared_from_this<Process> {
 public:
  explicit Process(SimWorld& world) : world_(world) {}

  void Submit(IoRequest request, IoDone done);
  void Kill();
  void Thaw();

  std::map<std::string, SimDisk*> mounts;
  std::set<const SimDisk*> forbidden;
  size_t handle_limit = SIZE_MAX;
  uint64_t refused_opens = 0;
  bool frozen = false;
  [[nodiscard]] size_t in_flight() const { return dead_ ? 0 : operations_.size(); }
  [[nodiscard]] int64_t oldest_in_flight_ns() const;
  [[nodiscard]] size_t open_handles() const { return handles_.size(); }
  [[nodiscard]] uint64_t bad_handles() const { return bad_handles_; }

 private:
  // An errno, or 0 with `operation->at` filled in.
  int Resolve(SimOperation* operation);
  int FindMount(SimOperation* operation);
  void LandLater(uint64_t id, int64_t delay_ns, int64_t answer_delay_ns);
  void AnswerLater(uint64_t id, int64_t delay_ns);
  void Answer(uint64_t id);
  void Land(SimOperation* operation);
  void Replay(SimOperation* operation);
  void FreeLocks();

  int64_t Run(SimOperation* operation, int error);
  int64_t RunOpen(SimOperation* operation);
  int64_t RunRead(SimOperation* operation);
  int64_t RunWrite(SimOperation* operation, int error);
  int64_t RunSync(SimOperation* operation, int error);
  int64_t RunTruncate(SimOperation* operation);
  int64_t RunRename(SimOperation* operation);
  int64_t RunUnlink(SimOperation* operation);
  int64_t RunMkdir(SimOperation* operation);
  int64_t RunStat(SimOperation* operation);
  int64_t RunList(SimOperation* operation);
  int64_t RunLock(SimOperation* operation);
  int64_t NewHandle(SimHandle handle);

  SimWorld& world_;
  bool dead_ = false;
  uint64_t next_operation_ = 1;
  uint64_t bad_handles_ = 0;
  std::map<uint64_t, SimOperation> operations_;  // under way
  std::vector<uint64_t> held_answers_;           // of a process that is stopped
  std::map<FileHandle, SimHandle> handles_;
  std::map<SimInode*, SimInodePtr> locked_;  // looked up and cleared only
};

}  // namespace tandem
