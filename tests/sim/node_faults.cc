// SimNode, second part: what is done to it.
#include <utility>

#include "daemon/base/status.h"
#include "tests/sim/node.h"

namespace tandem {

void SimNode::BuryCore() {
  core_process_->Kill();
  core_process_->core.reset();
  core_process_->waiting.clear();
  world_.Poll();
  graveyard_.push_back(std::move(core_process_));
}

void SimNode::KillCore() {
  if (!core_process_) return;
  listener_.BeforeCoreDown();
  log_.Info("sim_core_killed");
  BuryCore();
  // The old lanes see it and finish by themselves; they are nobody's to start again.
  for (const auto& lane : lanes_) lane->current = false;
  listener_.OnCoreDown();
  RestartCoreLater(random_.Between(1, 200));
}

void SimNode::KillLane(size_t target) {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i]->target != target || !lanes_[i]->current) continue;
    listener_.BeforeLaneDown(target);
    log_.Info("sim_lane_killed", {{"target", options_.targets[target]}});
    EndLane(*lanes_[i]);
    graveyard_.push_back(std::move(lanes_[i]));
    lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(i));
    StartLaneLater(target);
    return;
  }
}

void SimNode::KillEverything() {
  const bool was_up = core_process_ != nullptr;
  if (was_up) core_process_->Kill();
  for (const auto& lane : lanes_) lane->Kill();
  if (was_up) {
    core_process_->core.reset();
    core_process_->waiting.clear();
  }
  for (auto& lane : lanes_) lane->lane.reset();
  world_.Poll();
  if (was_up) graveyard_.push_back(std::move(core_process_));
  for (auto& lane : lanes_) graveyard_.push_back(std::move(lane));
  lanes_.clear();
  due_.clear();
}

void SimNode::CrashMachine() {
  log_.Info("sim_machine_crashed");
  listener_.BeforeCoreDown();
  KillEverything();
  journal_disk_.Crash(random_);
  for (SimDisk* disk : target_disks_) disk->Crash(random_);
  listener_.OnCoreDown();
  RestartCoreLater(random_.Between(1, 300));
}

void SimNode::KillAll() {
  log_.Info("sim_all_killed");
  listener_.BeforeCoreDown();
  KillEverything();
  listener_.OnCoreDown();
  RestartCoreLater(random_.Between(1, 300));
}

void SimNode::Stop() {
  ++boots_;  // what was to be started is not any more
  KillEverything();
}

Awaitable<void> SimNode::RunDrain(CoreProcess* process, int64_t deadline_ms) {
  process->status = co_await process->core->Drain(deadline_ms);
  process->drained = true;
}

void SimNode::Drain(int64_t deadline_ms) {
  if (core() == nullptr || core_process_->drain_deadline_ns != 0) return;
  log_.Info("sim_drain", {{"deadline_ms", deadline_ms}});
  core_process_->drain_deadline_ns = world_.now_ns() + deadline_ms * kSimMs;
  Spawn(world_.executor(), RunDrain(core_process_.get(), deadline_ms));
}

void SimNode::KillAtStep(SimDisk& disk, uint64_t steps, Victim victim, size_t target) {
  disk.set_observer([this, steps, victim, target](const SimStep&) mutable {
    if (steps > 0 && --steps == 0) due_.emplace_back(victim, target);
  });
}

void SimNode::FreezeLane(size_t target) {
  for (const auto& lane : lanes_) {
    if (lane->target != target || !lane->current || lane->frozen || lane->ended) continue;
    log_.Info("sim_lane_stopped", {{"target", options_.targets[target]}});
    lane->frozen = true;
    lane->since_ns = world_.now_ns();
    lane->clock.Freeze();
    lane->files.Freeze();
    lane->channel->SetFrozen(true);
  }
}

void SimNode::ThawLanes(size_t target) {
  for (const auto& lane : lanes_) {
    if (lane->target != target || !lane->frozen) continue;
    log_.Info("sim_lane_continued", {{"target", options_.targets[target]}});
    lane->frozen = false;
    lane->since_ns = world_.now_ns();
    lane->clock.Thaw();
    lane->files.Thaw();
    lane->channel->SetFrozen(false);
  }
}

void SimNode::MountTarget(SimFiles& files, size_t target) {
  const std::string path = "/" + options_.targets[target];
  switch (mounts_[target]) {
    case SimMount::kTarget:
      return files.Mount(path, target_disks_[target]);
    case SimMount::kNothing:
      return files.Unmount(path);
    case SimMount::kStranger:
      return files.Mount(path, strangers_[target]);
    case SimMount::kOther:
      return files.Mount(path, target_disks_[(target + 1) % target_disks_.size()]);
  }
}

void SimNode::SetMount(size_t target, SimMount mount) {
  mounts_[target] = mount;
  for (const auto& lane : lanes_) {
    if (lane->target == target) MountTarget(lane->files, target);
  }
}

void SimNode::ForbidOthers(SimFiles& files, const SimDisk* own) {
  files.Forbid(&root_disk_);
  for (SimDisk* disk : strangers_) files.Forbid(disk);
  for (SimDisk* disk : target_disks_) {
    if (disk != own) files.Forbid(disk);
  }
}

std::string SimNode::Violation() const {
  if (!root_disk_.violation().empty()) return root_disk_.violation();
  for (const auto* disks : {&strangers_, &target_disks_}) {
    for (const SimDisk* disk : *disks) {
      if (!disk->violation().empty()) return disk->violation();
    }
  }
  return "";
}

void SimNode::LimitCoreHandles(std::optional<size_t> more) {
  if (!core_process_) return;
  SimFiles& files = core_process_->files;
  files.set_handle_limit(more.has_value() ? files.open_handles() + *more : SIZE_MAX);
}

void SimNode::LimitLaneHandles(size_t target, std::optional<size_t> more) {
  for (const auto& lane : lanes_) {
    if (lane->target != target || lane->lane == nullptr) continue;
    SimFiles& files = lane->files;
    files.set_handle_limit(more.has_value() ? files.open_handles() + *more : SIZE_MAX);
  }
}

uint64_t SimNode::refused_opens() const {
  uint64_t refused = core_process_ ? core_process_->files.refused_opens() : 0;
  for (const auto& lane : lanes_) refused += lane->files.refused_opens();
  for (const auto& dead : graveyard_) refused += dead->files.refused_opens();
  return refused;
}

SimNode::LaneSight SimNode::SeeLane(size_t target) const {
  for (const auto& lane : lanes_) {
    if (lane->target != target || !lane->current) continue;
    return {.there = true,
            .frozen = lane->frozen,
            .since_ns = lane->since_ns,
            .oldest_ns = lane->files.oldest_in_flight_ns(),
            .in_flight = lane->files.in_flight()};
  }
  return {};
}

}  // namespace tandem
