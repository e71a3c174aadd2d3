// A simulated disk (or export of a file server): one tree of files with a crash model and faults.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/io/files.h"
#include "tests/sim/sim_inode.h"
#include "tests/sim/sim_world.h"

namespace tandem {

inline constexpr int64_t kSimExt4 = 0xef53;  // f_type of statfs(2)
inline constexpr int64_t kSimNfs = 0x6969;
inline constexpr size_t kIoKinds = 13;

struct SimDiskOptions {
  std::string name = "disk";
  uint64_t capacity_bytes = 1ull << 30;
  int64_t type = kSimExt4;  // kSimNfs: directories are durable at once, O_DIRECT writes too
  int64_t min_latency_ns = 20'000;
  int64_t max_latency_ns = 400'000;
};

// One scripted failure of an operation.
struct SimFault {
  IoKind kind = IoKind::kWrite;
  int error = EIO;
  uint64_t skip = 0;        // this many matching operations pass first
  bool persistent = false;  // all after it fail too, until ClearFaults
  std::string path;         // only where the operation's path contains this; "": everywhere
};

// Probabilities of failures per operation.
struct SimRates {
  double stall = 0;        // it takes up to ten seconds, as when a network loses its packets
  double read_error = 0;   // EIO
  double write_error = 0;  // EIO or ENOSPC; any part of it may have been written
  double short_write = 0;
  double sync_error = 0;  // EIO or ENOSPC: what was dirty counts as clean, unwritten
  double meta_error = 0;  // EIO of create, rename, unlink, mkdir: it may have happened or not
};

// How a fault was felt: by which kind of operations, counted.
enum class SimHit : uint8_t {
  kParked,      // under way until Heal
  kAnswerHeld,  // had its effect; the answer waits for Heal
  kReplayed,    // sent again after a server's restart, and done twice
  kLost,        // a file lost what was not synced
  kSlow,
  kStalled,
  kNoSpace,
  kReadOnly,
  kStale,
  kDenied,
  kInjected,
  kRandom,  // of SimRates
};
inline constexpr size_t kSimHits = 12;

// What is about to happen on a disk.
struct SimStep {
  IoKind kind;
  absl::string_view path;  // absolute within the disk
};

// Owner: the simulation's thread. Outlives the SimFiles that mount it.
class SimDisk {
 public:
  explicit SimDisk(SimWorld& world, SimDiskOptions options = {});
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // For tests, all at once and durable. Paths are relative to the disk's root.
  void WriteFile(absl::string_view path, std::string data, uint32_t mode = 0640);
  void MakeDirectory(absl::string_view path);
  // Something that is neither file nor directory; opening it fails with ELOOP.
  void MakeOther(absl::string_view path);
  void Remove(absl::string_view path);
  // nullopt: no such file. `durable`: as a power cut now would leave it at the least.
  [[nodiscard]] std::optional<std::string> ReadFile(absl::string_view path,
                                                    bool durable = false) const;
  // The inode's type; nullopt: nothing there.
  [[nodiscard]] std::optional<FileType> TypeOf(absl::string_view path, bool durable = false) const;
  // Path -> content of every file; directories are "<path>/" -> "".
  [[nodiscard]] std::map<std::string, std::string> Tree(bool durable = false) const;
  // Xors one byte, in both views. False if the file is not that long.
  bool FlipByte(absl::string_view path, uint64_t offset, uint8_t mask);
  // Overwrites bytes within the file, in both views.
  bool Overwrite(absl::string_view path, uint64_t offset, absl::string_view data);

  // A power cut: keeps what is durable and a seeded part of what is not; open handles are void.
  void Crash(SimRandom& random);
  // Reads come from the disk again, as when the page cache was evicted.
  void DropCache();

  // Operations stay under way until Heal. Those that had their effect may lose only the answer.
  void Hang() { hung_ = true; }
  // Operations have their effect; what they come to is known at Heal only.
  void LoseAnswers() { answers_lost_ = true; }
  void Heal();
  [[nodiscard]] bool hung() const { return hung_; }
  [[nodiscard]] bool holds_answers() const { return hung_ || answers_lost_; }
  // The file server dies and is back at Heal. What was written and not synced is gone, and the next
  // sync of that file says so. What had its effect but no answer yet may be done twice.
  void RestartServer();
  // The tree is replaced by an equal one: what is open is stale.
  void ReplaceTree();
  void set_slow_factor(int64_t factor) { slow_factor_ = factor; }
  // `error`: what says that there is no room.
  void set_capacity(uint64_t bytes, int error = ENOSPC) {
    options_.capacity_bytes = bytes;
    full_error_ = error;
  }
  void set_read_only(bool read_only) { read_only_ = read_only; }

  // Somebody else's hands, durably. Take: what is at `path` goes away and is returned, null if
  // nothing is there; PutBack: it is there again, whatever is there now.
  SimInodePtr Take(absl::string_view path);
  void PutBack(absl::string_view path, SimInodePtr inode);

  void Inject(SimFault fault) { faults_.push_back(std::move(fault)); }
  void ClearFaults();
  // Every operation on the path or beneath fails with this errno; 0: no more.
  void FailPath(std::string path, int error);
  SimRates& rates() { return rates_; }

  // Called just before an operation has its effect.
  void set_observer(absl::AnyInvocable<void(const SimStep&)> observer) {
    observer_ = std::move(observer);
  }
  [[nodiscard]] uint64_t count(IoKind kind) const { return counts_[static_cast<size_t>(kind)]; }
  // What was felt of faults since the beginning.
  [[nodiscard]] uint64_t hits(SimHit hit) const { return hits_[static_cast<size_t>(hit)]; }
  // A process changed something here that is forbidden to: "" or what.
  [[nodiscard]] const std::string& violation() const { return violation_; }
  [[nodiscard]] uint64_t used_bytes() const { return *used_; }
  [[nodiscard]] const SimDiskOptions& options() const { return options_; }

  // For SimFiles.
  [[nodiscard]] SimWorld& world() { return world_; }
  [[nodiscard]] SimRandom& random() { return random_; }
  [[nodiscard]] const SimInodePtr& root() const { return root_; }
  [[nodiscard]] uint64_t generation() const { return generation_; }
  [[nodiscard]] uint64_t version() const { return version_; }
  [[nodiscard]] uint64_t device() const { return device_; }
  [[nodiscard]] bool remote() const { return options_.type == kSimNfs; }
  [[nodiscard]] uint64_t free_bytes() const;
  uint64_t NextVersion() { return ++version_; }
  SimInodePtr NewInode(FileType type, uint32_t mode);
  void Change(std::vector<SimChange::Entry> entries);
  void Hit(SimHit hit) { ++hits_[static_cast<size_t>(hit)]; }
  void Violate(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }
  [[nodiscard]] uint64_t server_restarts() const { return server_restarts_; }
  [[nodiscard]] bool read_only() const { return read_only_; }
  [[nodiscard]] int full_error() const { return full_error_; }
  // Waits for Heal.
  void Park(absl::AnyInvocable<void()> go_on) { parked_.push_back(std::move(go_on)); }
  // Counts and shows the step; the errno it fails with, 0: none.
  int Begin(const SimStep& step);
  [[nodiscard]] int64_t Latency();

 private:
  [[nodiscard]] SimInodePtr Find(absl::string_view path, bool durable) const;
  SimInodePtr FindParent(absl::string_view path, std::string* name);
  void Put(absl::string_view path, SimInodePtr inode);

  SimWorld& world_;
  SimDiskOptions options_;
  SimRandom random_;
  uint64_t device_;
  uint64_t version_ = 0;
  uint64_t generation_ = 1;
  uint64_t next_inode_ = 1;
  std::shared_ptr<uint64_t> used_ = std::make_shared<uint64_t>(0);
  SimInodePtr root_;
  std::vector<SimInodePtr> directories_;  // all, from the oldest; changes point at them
  bool hung_ = false;
  bool answers_lost_ = false;
  bool read_only_ = false;
  int full_error_ = ENOSPC;
  uint64_t server_restarts_ = 0;
  int64_t slow_factor_ = 1;
  std::vector<absl::AnyInvocable<void()>> parked_;
  std::vector<SimFault> faults_;
  std::map<std::string, int> failing_paths_;
  SimRates rates_;
  std::array<uint64_t, kIoKinds> counts_{};
  std::array<uint64_t, kSimHits> hits_{};
  std::string violation_;
  absl::AnyInvocable<void(const SimStep&)> observer_;
};

}  // namespace tandem
