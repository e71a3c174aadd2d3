// Faults, second part: what each of them does.
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/faults.h"

namespace tandem {
namespace {

constexpr int64_t kHourMs = 3'600'000;

// The plan's number, not negative.
uint64_t Number(const PlannedFault& fault) { return static_cast<uint64_t>(fault.number + 5'000); }

}  // namespace

void Faults::Begin(Active& active) {
  if (IsProcessFault(active.plan.kind)) return BeginProcess(active);
  if (IsJournalFault(active.plan.kind)) return BeginJournal(active);
  switch (active.plan.kind) {
    case FaultKind::kHangTarget:
    case FaultKind::kHangAll:
    case FaultKind::kLoseAnswers:
    case FaultKind::kFlapTarget:
    case FaultKind::kServerRestarts:
      return BeginHang(active);
    case FaultKind::kUnmounted:
    case FaultKind::kWrongMount:
    case FaultKind::kForeignFile:
      return BeginMount(active);
    case FaultKind::kNoDescriptors:
    case FaultKind::kSecondDaemon:
    case FaultKind::kWallJump:
    case FaultKind::kWallJumpHour:
    case FaultKind::kDropCache:
      return BeginMachine(active);
    default:
      return BeginTarget(active);
  }
}

void Faults::BeginProcess(Active& active) {
  const PlannedFault& fault = active.plan;
  bool& felt = outcomes_[active.outcome].felt;
  felt = node_.core_since_ns() != 0;
  active.felt = [this] { return node_.step_kills(); };
  // Whose steps are counted: the journal's or a target's.
  SimDisk& disk = fault.number % 2 == 0 ? node_.journal_disk() : node_.target_disk(fault.target);
  switch (fault.kind) {
    case FaultKind::kCrashMachine:
      return node_.CrashMachine();
    case FaultKind::kKillCore:
      return node_.KillCore();
    case FaultKind::kKillLane:
      felt = node_.SeeLane(fault.target).there;
      return node_.KillLane(fault.target);
    case FaultKind::kKillAll:
      return node_.KillAll();
    case FaultKind::kCrashAtStep:
      felt = false;
      return node_.KillAtStep(disk, fault.steps, SimNode::Victim::kMachine, 0);
    case FaultKind::kKillCoreAtStep:
      felt = false;
      return node_.KillAtStep(disk, fault.steps, SimNode::Victim::kCore, 0);
    case FaultKind::kKillLaneAtStep:
      felt = false;
      return node_.KillAtStep(disk, fault.steps, SimNode::Victim::kLane, fault.target);
    case FaultKind::kStopLane:
      felt = node_.SeeLane(fault.target).there;
      node_.FreezeLane(fault.target);
      active.heal = [this, target = fault.target] { node_.ThawLanes(target); };
      return;
    case FaultKind::kDrain:
      felt = node_.core() != nullptr;
      return node_.Drain(static_cast<int64_t>(Number(fault) % 3'000));
    default:
      return;
  }
}

void Faults::BeginHang(Active& active) {
  const PlannedFault& fault = active.plan;
  SimDisk& disk = node_.target_disk(fault.target);
  HitBy(active, disk, SimHit::kParked);
  active.heal = [&disk] { disk.Heal(); };
  switch (fault.kind) {
    case FaultKind::kHangAll:
      for (size_t i = 0; i < node_.targets(); ++i) node_.target_disk(i).Hang();
      active.heal = [this] {
        for (size_t i = 0; i < node_.targets(); ++i) node_.target_disk(i).Heal();
      };
      return;
    case FaultKind::kLoseAnswers:
      HitBy(active, disk, SimHit::kAnswerHeld);
      return disk.LoseAnswers();
    case FaultKind::kServerRestarts:
      return disk.RestartServer();
    case FaultKind::kFlapTarget:
      return Flap(active_.size() - 1, 10 + fault.number % 5 * 100 + 500);
    default:
      return disk.Hang();
  }
}

// Hangs or goes on, the other way than before, as long as the fault lasts.
void Faults::Flap(size_t number, int64_t period_ms) {
  const Active& active = *active_[number];
  if (active.over) return;
  SimDisk& disk = node_.target_disk(active.plan.target);
  disk.hung() ? disk.Heal() : disk.Hang();
  world_.After(period_ms * kSimMs, [this, number, period_ms] {
    due_.push_back([this, number, period_ms] { Flap(number, period_ms); });
  });
}

// Something that is there is not to be looked at.
void Faults::Deny(Active& active) {
  const PlannedFault& fault = active.plan;
  SimDisk& disk = node_.target_disk(fault.target);
  std::vector<std::string> paths;
  for (const auto& [path, content] : disk.Tree()) {
    const bool directory = path.ends_with("/");
    if (directory != (fault.kind == FaultKind::kDirectoryDenied)) continue;
    if (path.starts_with(".tandem")) continue;
    paths.push_back(directory ? path.substr(0, path.size() - 1) : path);
  }
  if (paths.empty()) return;
  const std::string path = paths[Number(fault) % paths.size()];
  disk.FailPath(path, EACCES);
  HitBy(active, disk, SimHit::kDenied);
  active.heal = [this, &disk, path, target = fault.target] {
    disk.FailPath(path, 0);
    RetryParked(target);
  };
}

void Faults::BeginTarget(Active& active) {
  const PlannedFault& fault = active.plan;
  SimDisk& disk = node_.target_disk(fault.target);
  const uint64_t number = Number(fault);
  switch (fault.kind) {
    case FaultKind::kSlowTarget:
      disk.set_slow_factor(2 + static_cast<int64_t>(number % 300));
      HitBy(active, disk, SimHit::kSlow);
      active.heal = [&disk] { disk.set_slow_factor(1); };
      return;
    case FaultKind::kLossyTarget:
      disk.set_slow_factor(2 + static_cast<int64_t>(number % 5));
      disk.rates().stall = 0.05 + static_cast<double>(number % 20) / 100;
      HitBy(active, disk, SimHit::kStalled);
      active.heal = [&disk] {
        disk.set_slow_factor(1);
        disk.rates().stall = 0;
      };
      return;
    case FaultKind::kTargetFull:
    case FaultKind::kTargetQuota:
      disk.set_capacity(disk.used_bytes() + (number % 2 == 0 ? 0 : number % 2'000),
                        fault.kind == FaultKind::kTargetFull ? ENOSPC : EDQUOT);
      HitBy(active, disk, SimHit::kNoSpace);
      active.heal = [&disk] { disk.set_capacity(1ull << 30); };
      return;
    case FaultKind::kStaleHandles:
      HitBy(active, disk, SimHit::kStale);
      return disk.ReplaceTree();
    case FaultKind::kTargetReadOnly:
      disk.set_read_only(true);
      HitBy(active, disk, SimHit::kReadOnly);
      active.heal = [&disk] { disk.set_read_only(false); };
      return;
    case FaultKind::kTargetErrors:
      disk.rates() = {.read_error = 0.02,
                      .write_error = 0.1,
                      .short_write = 0.2,
                      .sync_error = 0.1,
                      .meta_error = 0.05};
      HitBy(active, disk, SimHit::kRandom);
      active.heal = [&disk] { disk.rates() = {}; };
      return;
    case FaultKind::kTargetSyncFails:
      HitBy(active, disk, SimHit::kInjected);
      return disk.Inject({.kind = IoKind::kSync,
                          .error = number % 2 == 0 ? EIO : ENOSPC,
                          .skip = fault.steps % 10});
    case FaultKind::kTargetDenied:
    case FaultKind::kDirectoryDenied:
      return Deny(active);
    default:
      return;
  }
}

void Faults::BeginMount(Active& active) {
  const PlannedFault& fault = active.plan;
  const size_t target = fault.target;
  SimDisk& disk = node_.target_disk(target);
  if (fault.kind == FaultKind::kForeignFile) {
    active.felt = [this, target] { return strangers_.noticed(target); };
    active.heal = [this, &active] { EndForeign(active.plan); };
    return PutForeign(active_.size() - 1, world_.now_ns() + kSimSecond);
  }
  // Which target it is, the lane has not yet written down: then nobody can tell a wrong one.
  const bool known = disk.ReadFile(".tandem/writers/w/watermark.json", true).has_value();
  SimMount mount = SimMount::kNothing;
  if (fault.kind == FaultKind::kWrongMount) {
    if (!known) return;
    mount = fault.number % 2 == 0 ? SimMount::kStranger : SimMount::kOther;
  }
  node_.SetMount(target, mount);
  active.felt = [this, target] { return down_seen_[target]; };
  active.heal = [this, target] { node_.SetMount(target, SimMount::kTarget); };
}

void Faults::PutForeign(size_t number, int64_t give_up_ns) {
  const Active& active = *active_[number];
  if (active.over) return;
  const size_t target = active.plan.target;
  bool calm = node_.mount(target) == SimMount::kTarget;
  for (const auto& other : active_) {
    const bool foreign = other->plan.kind == FaultKind::kForeignFile;
    const bool lasts = !other->over && other->heal != nullptr && !foreign;
    calm = calm && !lasts && other->plan.kind != FaultKind::kTargetSyncFails;
  }
  if (strangers_.Put(target, Number(active.plan), calm)) return;
  if (world_.now_ns() > give_up_ns) return;
  world_.After(kSimMs, [this, number, give_up_ns] {
    due_.push_back([this, number, give_up_ns] { PutForeign(number, give_up_ns); });
  });
}

void Faults::BeginMachine(Active& active) {
  const PlannedFault& fault = active.plan;
  switch (fault.kind) {
    case FaultKind::kNoDescriptors: {
      const uint64_t more = Number(fault) % 2;
      active.felt = [this] { return node_.refused_opens(); };
      if (fault.number % 3 == 0) {
        node_.LimitCoreHandles(more);
      } else {
        node_.LimitLaneHandles(fault.target, more);
      }
      active.heal = [this] {
        node_.LimitCoreHandles(std::nullopt);
        for (size_t i = 0; i < node_.targets(); ++i) node_.LimitLaneHandles(i, std::nullopt);
      };
      return;
    }
    case FaultKind::kSecondDaemon:
      if (!second_.Start()) return;
      active.felt = [this] { return second_.refusals(); };
      active.heal = [this] { second_.Stop(); };
      return;
    case FaultKind::kWallJump:
      outcomes_[active.outcome].felt = true;
      return world_.JumpWall(fault.number);
    case FaultKind::kWallJumpHour:
      outcomes_[active.outcome].felt = true;
      return JumpHour();
    case FaultKind::kDropCache:
      outcomes_[active.outcome].felt = true;
      node_.journal_disk().DropCache();
      for (size_t i = 0; i < node_.targets(); ++i) node_.target_disk(i).DropCache();
      return;
    default:
      return;
  }
}

// Forth and back.
void Faults::JumpHour() {
  jumped_ms_ = jumped_ms_ > 0 ? 0 : kHourMs;
  world_.JumpWall(jumped_ms_ > 0 ? kHourMs : -kHourMs);
}

void Faults::BeginJournal(Active& active) {
  const PlannedFault& fault = active.plan;
  SimDisk& disk = node_.journal_disk();
  SimDisk& target = node_.target_disk(fault.target);
  const uint64_t number = Number(fault);
  const uint64_t capacity = disk.used_bytes() + number % 20'000;
  switch (fault.kind) {
    case FaultKind::kJournalFullInOutage:
      target.Hang();
      disk.set_capacity(capacity);
      HitBy(active, disk, SimHit::kNoSpace);
      active.heal = [&disk, &target] {
        disk.set_capacity(1ull << 30);
        target.Heal();
      };
      return;
    case FaultKind::kJournalCapInOutage:
      target.Hang();
      active.felt = [this] { return journal_full_seen_; };
      active.heal = [&target] { target.Heal(); };
      return;
    case FaultKind::kJournalFull:
      disk.set_capacity(capacity);
      HitBy(active, disk, SimHit::kNoSpace);
      active.heal = [&disk] { disk.set_capacity(1ull << 30); };
      return;
    case FaultKind::kJournalSyncFails:
      HitBy(active, disk, SimHit::kInjected);
      return disk.Inject({.kind = IoKind::kSync,
                          .error = number % 2 == 0 ? EIO : ENOSPC,
                          .skip = fault.steps % 10});
    case FaultKind::kJournalWriteFails:
      HitBy(active, disk, SimHit::kInjected);
      return disk.Inject({.kind = IoKind::kWrite, .error = EIO, .skip = fault.steps % 10});
    default:
      disk.set_slow_factor(2 + static_cast<int64_t>(number % 100));
      HitBy(active, disk, SimHit::kSlow);
      active.heal = [&disk] { disk.set_slow_factor(1); };
      return;
  }
}

}  // namespace tandem
