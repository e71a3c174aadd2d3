// A simulated machine that runs Tandem: the real core and lanes, each in a process of its own, the
// supervisor's rules for starting them again, and the disks beneath.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/core/core.h"
#include "daemon/lane/lane.h"
#include "tests/sim/sim_channel.h"
#include "tests/sim/sim_files.h"

namespace tandem {

struct SimNodeOptions {
  bool remote_targets = false;  // targets are NFS exports
  uint64_t journal_max_bytes = 2ull << 20;
  uint64_t journal_segment_bytes = 128 << 10;
  uint64_t journal_group_bytes = 32 << 10;
  uint64_t journal_reserve_bytes = 256 << 10;
  bool detach_at_cap = false;
  uint64_t max_missed_paths = 1'000;
  uint64_t max_path_states = 8;   // so that lanes are asked, and writes are pushed back
  int64_t retention_ms = 30'000;  // longer than anybody retries, or ids would be forgotten
  std::vector<std::string> targets = {"local", "corebank"};
  bool initialize_targets = true;  // lanes do; else an operator did before the node is there
  bool require_mount = false;
  std::vector<SimDisk*> shared_targets;  // another node's, in the order of `targets`; else its own
};

// What the directory of a target leads to.
enum class SimMount : uint8_t {
  kTarget,
  kNothing,   // the empty directory beneath the mount
  kStranger,  // a target that nobody here knows
  kOther,     // another target of this node
};

// What a process has to itself. Killing it destroys nothing that its coroutines refer to.
class SimProcess {
 public:
  SimProcess(SimWorld& world, Logger& log)
      : files(world),
        clock(world),
        random(world.random().Fork()),
        env{world.executor(), files, clock, random, log},
        world_(world) {}

  // No timer, no completion comes any more; suspended coroutines are destroyed. Not from inside a
  // handler.
  void Kill() {
    clock.Kill();
    files.Kill();
    world_.Poll();
  }

  SimFiles files;
  SimClock clock;
  SimRandom random;
  Env env;

 private:
  SimWorld& world_;
};

// Owner: the simulation's thread.
class SimNode final : private Core::Listener {
 public:
  struct Listener {
    virtual ~Listener() = default;
    virtual void OnCoreUp() = 0;
    // Callbacks of the core that was are never called.
    virtual void OnCoreDown() = 0;
    // The core, or a lane, is about to be killed.
    virtual void BeforeCoreDown() {}
    virtual void BeforeLaneDown(size_t) {}
  };

  SimNode(SimWorld& world, SimNodeOptions options, Logger& log, Listener& listener);
  ~SimNode() override;

  void Boot();
  // Null while there is none that serves.
  [[nodiscard]] Core* core() { return core_process_ ? core_process_->core.get() : nullptr; }
  [[nodiscard]] SimDisk& journal_disk() { return journal_disk_; }
  [[nodiscard]] SimDisk& target_disk(size_t target) { return *target_disks_[target]; }
  [[nodiscard]] size_t targets() const { return target_disks_.size(); }

  // These, too, not from inside a handler. What died starts again after a while.
  void CrashMachine();
  void KillCore();
  void KillLane(size_t target);
  void KillAll();  // the supervisor, and with it everything; disks go on
  // SIGTERM: core drains, then all ends. It starts again after a while.
  void Drain(int64_t deadline_ms);
  // Everything ends for good.
  void Stop();
  // SIGSTOP to the lane, and SIGCONT to all lanes of the target that were stopped.
  void FreezeLane(size_t target);
  void ThawLanes(size_t target);

  enum class Victim { kMachine, kCore, kLane };
  // Kills when the disk has seen so many more operations.
  void KillAtStep(SimDisk& disk, uint64_t steps, Victim victim, size_t target);

  void SetMount(size_t target, SimMount mount);
  void SetMounted(size_t target, bool mounted) {
    SetMount(target, mounted ? SimMount::kTarget : SimMount::kNothing);
  }
  [[nodiscard]] SimMount mount(size_t target) const { return mounts_[target]; }
  // How often KillAtStep killed.
  [[nodiscard]] uint64_t step_kills() const { return step_kills_; }
  // At most `more` handles than it has now, for core or the target's lane; nullopt: as many as it
  // likes.
  void LimitCoreHandles(std::optional<size_t> more);
  void LimitLaneHandles(size_t target, std::optional<size_t> more);
  // Opens that failed for that, of processes that live.
  [[nodiscard]] uint64_t refused_opens() const;

  // After every step of the world: buries what ended, starts what is due.
  void Tick();
  // Something happened that never may: "" or what.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // How many processes of lanes are there, those included that only finish.
  [[nodiscard]] size_t lane_processes() const { return lanes_.size(); }

  // What an onlooker sees of the target's lane; of one that is not there: nothing.
  struct LaneSight {
    bool there = false;
    bool frozen = false;
    int64_t since_ns = 0;  // when it started, or was stopped or continued
    int64_t oldest_ns = 0;
    size_t in_flight = 0;
  };
  [[nodiscard]] LaneSight SeeLane(size_t target) const;
  // When core was started last; 0: there is none. Not up yet: it is still starting.
  [[nodiscard]] int64_t core_since_ns() const { return core_process_ ? core_since_ns_ : 0; }
  // Until when a drain under way has to be over; 0: none is under way.
  [[nodiscard]] int64_t drain_deadline_ns() const {
    return core_process_ ? core_process_->drain_deadline_ns : 0;
  }
  // Something that may not be written by anybody was: "" or what.
  [[nodiscard]] std::string Violation() const;

 private:
  using LaneEnd = SimChannel<internal::v1::LaneMessage, internal::v1::CoreMessage>;
  struct CoreProcess : SimProcess {
    using SimProcess::SimProcess;
    std::unique_ptr<Core> core;
    bool answered = false;  // Start is over
    absl::Status status;
    std::vector<std::pair<std::string, std::unique_ptr<LaneChannel>>> waiting;
    int64_t drain_deadline_ns = 0;
    bool drained = false;
  };
  struct LaneProcess : SimProcess {
    using SimProcess::SimProcess;
    size_t target = 0;
    bool current = true;  // the supervisor starts it again
    bool frozen = false;
    int64_t since_ns = 0;
    LaneEnd* channel = nullptr;  // the lane's own
    std::unique_ptr<Lane> lane;
    bool ended = false;
    absl::Status status;
  };

  void OnGroup(uint64_t, uint64_t, int64_t) override {}
  void OnHealth() override { health_changed_ = true; }

  void StartCore();
  void StartLane(size_t target);
  void StartLaneLater(size_t target);
  void EndLane(LaneProcess& lane);
  void RestartCoreLater(int64_t delay_ms);
  void CheckCore();
  void BuryCore();
  void KillEverything();
  void MountTarget(SimFiles& files, size_t target);
  void ForbidOthers(SimFiles& files, const SimDisk* own);
  void Fail(std::string what);
  static Awaitable<void> RunCore(CoreProcess* process, CoreOptions options,
                                 Core::Listener* listener);
  static Awaitable<void> RunLane(LaneProcess* process);
  static Awaitable<void> RunDrain(CoreProcess* process, int64_t deadline_ms);
  [[nodiscard]] CoreOptions MakeCoreOptions() const;
  [[nodiscard]] LaneOptions MakeLaneOptions(size_t target) const;

  SimWorld& world_;
  SimNodeOptions options_;
  Logger& log_;
  Listener& listener_;
  SimRandom random_;
  SimDisk journal_disk_;
  SimDisk root_disk_;  // with the empty directories that targets are mounted on
  std::vector<std::unique_ptr<SimDisk>> own_disks_;  // of targets, and strangers
  std::vector<SimDisk*> target_disks_;
  std::vector<SimDisk*> strangers_;
  std::vector<SimMount> mounts_;
  std::unique_ptr<CoreProcess> core_process_;
  std::vector<std::unique_ptr<LaneProcess>> lanes_;
  // Dead ones: a coroutine of theirs may still be about to be destroyed.
  std::vector<std::unique_ptr<SimProcess>> graveyard_;
  int64_t core_since_ns_ = 0;
  uint64_t step_kills_ = 0;
  uint64_t boots_ = 0;  // of core: what was due before the last one is not any more
  bool health_changed_ = false;
  std::vector<std::pair<Victim, size_t>> due_;
  std::string failure_;
};

}  // namespace tandem
