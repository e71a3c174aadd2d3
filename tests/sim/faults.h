// Makes the faults of a plan happen, ends them, and notes whether anybody felt them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/fault_plan.h"
#include "tests/sim/node.h"
#include "tests/sim/second_daemon.h"
#include "tests/sim/strangers.h"

namespace tandem {

struct FaultOutcome {
  FaultKind kind;
  bool felt = false;       // it had an effect
  bool killed_in = false;  // a process was stopped while it lasted
};

// Owner: the simulation's thread.
class Faults {
 public:
  Faults(SimWorld& world, const FaultPlan& plan, SimNode& node, Strangers& strangers, Logger& log);

  // From now on, as planned.
  void Schedule();
  // An operator has given writes up: their paths stay behind on that target.
  [[nodiscard]] bool skipped() const { return skipped_; }
  // Between two steps: starts and ends what is due.
  void Tick();
  // All of them have been, and are no more.
  [[nodiscard]] bool over() const { return pending_ == 0 && due_.empty(); }
  // Ends everything, and counts what was felt.
  void HealAll();
  [[nodiscard]] const std::vector<FaultOutcome>& outcomes() const { return outcomes_; }
  [[nodiscard]] SecondDaemon& second() { return second_; }

  // Nothing has been done to it (or to the journal and core) since then; now, if something is.
  [[nodiscard]] int64_t TargetCalmSinceNs(size_t target) const;
  [[nodiscard]] int64_t CoreCalmSinceNs() const { return CalmSinceNs(core_trouble_); }
  [[nodiscard]] int64_t JournalCalmSinceNs() const { return CalmSinceNs(journal_trouble_); }
  // What core shows now and then.
  void Look(const CoreView& view);
  // Core (and so all lanes), or one lane, is being killed.
  void NoteKill(bool core, size_t target);

 private:
  struct Trouble {
    int active = 0;
    int64_t ended_ns = 0;
  };
  // A fault that has begun.
  struct Active {
    PlannedFault plan;
    size_t outcome = 0;
    std::function<uint64_t()> felt;  // grows when somebody feels it
    uint64_t felt_before = 0;
    std::function<void()> heal;
    bool over = false;
    bool late = false;  // one without an end was felt
  };

  void Start(const PlannedFault& fault);
  void End(Active& active);
  void LookWhetherLate(Active& active);
  void Begin(Active& active);
  void BeginProcess(Active& active);
  void BeginHang(Active& active);
  void BeginTarget(Active& active);
  void Deny(Active& active);
  void BeginMount(Active& active);
  void BeginMachine(Active& active);
  void BeginJournal(Active& active);
  void JumpHour();
  void Flap(size_t number, int64_t period_ms);
  void PutForeign(size_t number, int64_t give_up_ns);
  void HitBy(Active& active, SimDisk& disk, SimHit hit);
  void Troubles(const Active& active, int change);
  [[nodiscard]] int64_t CalmSinceNs(const Trouble& trouble) const;
  // As an operator would: the stranger's file goes, and what waited for that is tried again; or it
  // is given up first.
  void RetryParked(size_t target);
  void EndForeign(const PlannedFault& fault);

  SimWorld& world_;
  const FaultPlan& plan_;
  SimNode& node_;
  Strangers& strangers_;
  Logger& log_;
  SecondDaemon second_;
  std::vector<std::function<void()>> due_;  // between two steps
  size_t pending_ = 0;                      // planned, or to be ended
  std::vector<std::unique_ptr<Active>> active_;
  std::vector<FaultOutcome> outcomes_;
  std::vector<Trouble> target_troubles_;
  Trouble core_trouble_;
  Trouble journal_trouble_;
  uint64_t journal_full_seen_ = 0;
  bool skipped_ = false;
  int64_t jumped_ms_ = 0;            // by JumpHour
  std::vector<uint64_t> down_seen_;  // of each target
};

}  // namespace tandem
