#include "tests/sim/faults.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

// What it may take until all that was kept back by a fault is worked off.
constexpr int64_t kRecoveryNs = 10 * kSimSecond;

}  // namespace

Faults::Faults(SimWorld& world, const FaultPlan& plan, SimNode& node, Strangers& strangers,
               Logger& log)
    : world_(world),
      plan_(plan),
      node_(node),
      strangers_(strangers),
      log_(log),
      second_(world, node, log),
      target_troubles_(node.targets()),
      down_seen_(node.targets()) {}

void Faults::Schedule() {
  for (const PlannedFault& fault : plan_.faults) {
    ++pending_;
    world_.After(fault.at_ms * kSimMs, [this, fault] {
      due_.push_back([this, fault] {
        Start(fault);
        --pending_;
      });
    });
  }
}

void Faults::Tick() {
  for (const auto& active : active_) LookWhetherLate(*active);
  if (due_.empty()) return;
  for (const auto& each : std::exchange(due_, {})) each();
}

// What waits for a later step to fail may wait long: only then is something wrong.
void Faults::LookWhetherLate(Active& active) {
  if (active.heal != nullptr || active.over || active.late) return;
  active.late = active.felt() > active.felt_before;
  if (active.late) Troubles(active, 0);
}

int64_t Faults::CalmSinceNs(const Trouble& trouble) const {
  return trouble.active > 0 ? world_.now_ns() : trouble.ended_ns;
}

int64_t Faults::TargetCalmSinceNs(size_t target) const {
  return CalmSinceNs(target_troubles_[target]);
}

void Faults::Troubles(const Active& active, int change) {
  const auto apply = [&](Trouble& trouble) {
    trouble.active += change;
    trouble.ended_ns = world_.now_ns() + kRecoveryNs;
  };
  const FaultKind kind = active.plan.kind;
  if (kind == FaultKind::kSecondDaemon || kind == FaultKind::kWallJump ||
      kind == FaultKind::kWallJumpHour) {
    return;  // nobody is to be slower for that
  }
  const bool lane_only = kind == FaultKind::kStopLane || kind == FaultKind::kKillLane ||
                         kind == FaultKind::kKillLaneAtStep;
  const bool journal = IsJournalFault(kind) || kind == FaultKind::kNoDescriptors;
  const bool core = journal || (IsProcessFault(kind) && !lane_only);
  const bool all = core || kind == FaultKind::kHangAll || kind == FaultKind::kDropCache;
  for (size_t i = 0; i < target_troubles_.size(); ++i) {
    if (all || i == active.plan.target) apply(target_troubles_[i]);
  }
  if (core) apply(core_trouble_);
  if (journal) apply(journal_trouble_);
}

void Faults::NoteKill(bool core, size_t target) {
  for (const auto& active : active_) {
    if (active->over || active->heal == nullptr || IsProcessFault(active->plan.kind)) continue;
    outcomes_[active->outcome].killed_in = true;
  }
  const auto apply = [&](Trouble& trouble) {
    trouble.ended_ns = std::max(trouble.ended_ns, world_.now_ns() + kRecoveryNs);
  };
  if (core) apply(core_trouble_);
  for (size_t i = 0; i < target_troubles_.size(); ++i) {
    if (core || i == target) apply(target_troubles_[i]);
  }
}

void Faults::Look(const CoreView& view) {
  if (view.journal_state == JournalState::kFull) ++journal_full_seen_;
  for (size_t i = 0; i < view.targets.size(); ++i) {
    if (view.targets[i].status.health() == internal::v1::LANE_HEALTH_DOWN) ++down_seen_[i];
  }
}

void Faults::Start(const PlannedFault& fault) {
  log_.Info("sim_fault", {{"fault", fault.ToString()}});
  active_.push_back(std::make_unique<Active>());
  Active& active = *active_.back();
  active.plan = fault;
  active.outcome = outcomes_.size();
  active.felt = [] { return uint64_t{0}; };
  outcomes_.push_back({.kind = fault.kind});
  if (fault.kind != FaultKind::kForeignFile) strangers_.BeforeFault();
  Begin(active);
  active.felt_before = active.felt();
  Troubles(active, 1);
  if (active.heal == nullptr) return Troubles(active, -1);  // what is felt is counted at the end
  ++pending_;
  const size_t number = active_.size() - 1;
  world_.After(fault.duration_ms * kSimMs, [this, number] {
    due_.push_back([this, number] {
      End(*active_[number]);
      --pending_;
    });
  });
}

void Faults::End(Active& active) {
  if (std::exchange(active.over, true)) return;
  outcomes_[active.outcome].felt |= active.felt() > active.felt_before;
  if (active.heal != nullptr) {
    log_.Info("sim_fault_over", {{"fault", std::string(FaultName(active.plan.kind))}});
    active.heal();
    Troubles(active, -1);
  }
}

void Faults::HealAll() {
  for (const auto& active : active_) End(*active);
  std::vector<SimDisk*> disks = {&node_.journal_disk()};
  for (size_t i = 0; i < node_.targets(); ++i) disks.push_back(&node_.target_disk(i));
  for (SimDisk* disk : disks) {
    disk->ClearFaults();
    disk->set_observer([](const SimStep&) {});
  }
}

void Faults::RetryParked(size_t target) {
  if (node_.core() == nullptr) return;
  node_.core()->ResolvePending({.target = node_.core()->View().targets.at(target).name},
                               [](const absl::StatusOr<internal::v1::PendingResult>&) {});
}

void Faults::EndForeign(const PlannedFault& fault) {
  const size_t target = fault.target;
  const auto take_away = [this, target] {
    strangers_.TakeAway(target);
    RetryParked(target);
  };
  const std::string path = strangers_.PathOf(target);
  if (path.empty() || fault.number % 3 != 0 || node_.core() == nullptr) return take_away();
  // Whatever comes of it, and also if core dies meanwhile: then the obstacle goes.
  ++pending_;
  skipped_ = true;
  const auto over = std::make_shared<bool>(false);
  const auto end = [this, take_away, over] {
    if (std::exchange(*over, true)) return;
    due_.push_back([this, take_away] {
      take_away();
      --pending_;
    });
  };
  world_.After(5 * kSimSecond, end);
  PendingRequest request = {.target = node_.core()->View().targets.at(target).name,
                            .path = path,
                            .skip = true,
                            .reason = "not needed"};
  node_.core()->ResolvePending(std::move(request), [end](const auto&) { end(); });
}

void Faults::HitBy(Active& active, SimDisk& disk, SimHit hit) {
  active.felt = [&disk, hit] { return disk.hits(hit); };
}

}  // namespace tandem
