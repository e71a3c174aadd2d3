// A simulated machine that runs Tandem: the real core and lanes, each in a process of its own, the
// supervisor's rules for starting them again, and the disks beneath.
#pragma once

#include <memory>
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

  enum class Victim { kMachine, kCore, kLane };
  // Kills when the disk has seen so many more operations.
  void KillAtStep(SimDisk& disk, uint64_t steps, Victim victim, size_t target);

  void SetMounted(size_t target, bool mounted);

  // After every step of the world: buries what ended, starts what is due.
  void Tick();
  // Something happened that never may: "" or what.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // How many processes of lanes are there, those included that only finish.
  [[nodiscard]] size_t lane_processes() const { return lanes_.size(); }

 private:
  struct CoreProcess : SimProcess {
    using SimProcess::SimProcess;
    std::unique_ptr<Core> core;
    bool answered = false;  // Start is over
    absl::Status status;
    std::vector<std::pair<std::string, std::unique_ptr<LaneChannel>>> waiting;
  };
  struct LaneProcess : SimProcess {
    using SimProcess::SimProcess;
    size_t target = 0;
    bool current = true;  // the supervisor starts it again
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
  void Fail(std::string what);
  static Awaitable<void> RunCore(CoreProcess* process, CoreOptions options,
                                 Core::Listener* listener);
  static Awaitable<void> RunLane(LaneProcess* process);
  [[nodiscard]] CoreOptions MakeCoreOptions() const;
  [[nodiscard]] LaneOptions MakeLaneOptions(size_t target) const;

  SimWorld& world_;
  SimNodeOptions options_;
  Logger& log_;
  Listener& listener_;
  SimRandom random_;
  SimDisk journal_disk_;
  std::vector<std::unique_ptr<SimDisk>> target_disks_;
  std::vector<bool> mounted_;
  std::unique_ptr<CoreProcess> core_process_;
  std::vector<std::unique_ptr<LaneProcess>> lanes_;
  // Dead ones: a coroutine of theirs may still be about to be destroyed.
  std::vector<std::unique_ptr<SimProcess>> graveyard_;
  uint64_t boots_ = 0;  // of core: what was due before the last one is not any more
  bool health_changed_ = false;
  std::vector<std::pair<Victim, size_t>> due_;
  std::string failure_;
};

}  // namespace tandem
