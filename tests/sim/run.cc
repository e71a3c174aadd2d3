#include "tests/sim/run.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/checker.h"
#include "tests/sim/clients.h"
#include "tests/sim/fault_plan.h"
#include "tests/sim/node.h"

namespace tandem {
namespace {

constexpr int64_t kRunLimitNs = 300 * kSimSecond;
constexpr int64_t kQuietLimitNs = 120 * kSimSecond;

// Prints with the virtual time.
class SimLogger final : public Logger {
 public:
  explicit SimLogger(const SimWorld& world) : world_(world) {}
  void Log(LogLevel, absl::string_view event, std::vector<LogField> fields) override {
    std::string line(event);
    for (const LogField& field : fields) absl::StrAppend(&line, " ", field.key, "=", field.json);
    std::fprintf(stderr, "%12.3f ms  %s\n", static_cast<double>(world_.now_ns()) / 1e6,
                 line.c_str());
  }

 private:
  const SimWorld& world_;
};

SimNodeOptions OptionsOf(const FaultPlan& plan) {
  SimNodeOptions options{.remote_targets = plan.remote_targets};
  if (!plan.detach) return options;
  options.detach_at_cap = true;
  options.max_missed_paths = plan.max_missed_paths;
  options.journal_segment_bytes = 32 << 10;
  options.journal_group_bytes = 8 << 10;
  options.journal_reserve_bytes = 16 << 10;
  options.journal_max_bytes = 144 << 10;
  return options;
}

class Run {
 public:
  explicit Run(const RunOptions& options)
      : world_(options.seed),
        log_(options.verbose ? std::unique_ptr<Logger>(std::make_unique<SimLogger>(world_))
                             : MakeNullLogger()),
        plan_(MakeFaultPlan(world_.random().Fork(), 2, options.detach)),
        clients_(world_, plan_.requests, plan_.clients, /*pipelined=*/plan_.detach ? 0.9 : 0.25,
                 *log_),
        node_(world_, OptionsOf(plan_), *log_, clients_),
        checker_(node_) {
    if (options.verbose) world_.set_log(log_.get());
  }

  RunResult Do();

 private:
  void Start(const PlannedFault& fault);
  void StartOnTarget(const PlannedFault& fault);
  void StartOnJournal(const PlannedFault& fault);
  // As an operator would.
  void RetryParked(size_t target);
  void HealLater(const PlannedFault& fault, absl::AnyInvocable<void()> heal);
  void HealAll();
  // Steps the world; `done` is asked now and then. False: the limit passed, or something failed.
  bool Advance(absl::FunctionRef<bool()> done, int64_t limit_ns);
  [[nodiscard]] bool Quiet();
  [[nodiscard]] std::string WhyNotQuiet();
  bool Failed();

  SimWorld world_;
  std::unique_ptr<Logger> log_;
  FaultPlan plan_;
  SimClients clients_;
  SimNode node_;
  Checker checker_;
  std::vector<PlannedFault> due_;  // to start between two steps
  size_t pending_ = 0;             // planned, or to be healed
};

bool Run::Failed() {
  if (!node_.failure().empty()) checker_.Fail(node_.failure());
  return !checker_.failure().empty();
}

bool Run::Advance(absl::FunctionRef<bool()> done, int64_t limit_ns) {
  const int64_t end_ns = world_.now_ns() + limit_ns;
  for (uint64_t i = 0; world_.now_ns() < end_ns; ++i) {
    if (!world_.Step()) {
      checker_.Fail("nothing is left to do");
      return false;
    }
    for (const PlannedFault& fault : std::exchange(due_, {})) Start(fault);
    node_.Tick();
    if (i % 64 == 0) checker_.CheckView();
    if (Failed()) return false;
    if (i % 16 == 0 && done()) return true;
  }
  return false;
}

void Run::RetryParked(size_t target) {
  if (node_.core() == nullptr) return;
  node_.core()->ResolvePending({.target = node_.core()->View().targets.at(target).name},
                               [](const absl::StatusOr<internal::v1::PendingResult>&) {});
}

void Run::HealLater(const PlannedFault& fault, absl::AnyInvocable<void()> heal) {
  ++pending_;
  world_.After(fault.duration_ms * kSimMs, [this, heal = std::move(heal)]() mutable {
    heal();
    --pending_;
  });
}

void Run::StartOnTarget(const PlannedFault& fault) {
  static constexpr const char* kDenied[] = {"a", "b", "d", "d/e", "c", "ledger"};
  SimDisk& disk = node_.target_disk(fault.target);
  const auto number = static_cast<uint64_t>(fault.number + 5'000);
  switch (fault.kind) {
    case FaultKind::kHangTarget:
      disk.Hang();
      return HealLater(fault, [&disk] { disk.Heal(); });
    case FaultKind::kSlowTarget:
      disk.set_slow_factor(2 + static_cast<int64_t>(number % 300));
      return HealLater(fault, [&disk] { disk.set_slow_factor(1); });
    case FaultKind::kTargetFull:
      disk.set_capacity(disk.used_bytes() + number % 3'000);
      return HealLater(fault, [&disk] { disk.set_capacity(1ull << 30); });
    case FaultKind::kTargetErrors:
      disk.rates() = {.read_error = 0.02,
                      .write_error = 0.1,
                      .short_write = 0.2,
                      .sync_error = 0.1,
                      .meta_error = 0.05};
      return HealLater(fault, [&disk] { disk.rates() = {}; });
    case FaultKind::kTargetSyncFails:
      return disk.Inject({.kind = IoKind::kSync,
                          .error = number % 2 == 0 ? EIO : ENOSPC,
                          .skip = fault.steps % 10});
    case FaultKind::kTargetDenied: {
      const std::string path = kDenied[number % std::size(kDenied)];
      disk.FailPath(path, EACCES);
      return HealLater(fault, [this, &disk, path, target = fault.target] {
        disk.FailPath(path, 0);
        RetryParked(target);
      });
    }
    case FaultKind::kTargetGone:
      node_.SetMounted(fault.target, false);
      return HealLater(fault, [this, target = fault.target] { node_.SetMounted(target, true); });
    default:
      return;
  }
}

void Run::StartOnJournal(const PlannedFault& fault) {
  SimDisk& disk = node_.journal_disk();
  const auto number = static_cast<uint64_t>(fault.number + 5'000);
  switch (fault.kind) {
    case FaultKind::kJournalFull:
      disk.set_capacity(disk.used_bytes() + number % 100'000);
      return HealLater(fault, [&disk] { disk.set_capacity(1ull << 30); });
    case FaultKind::kJournalSyncFails:
      return disk.Inject({.kind = IoKind::kSync,
                          .error = number % 2 == 0 ? EIO : ENOSPC,
                          .skip = fault.steps % 10});
    case FaultKind::kJournalWriteFails:
      return disk.Inject({.kind = IoKind::kWrite, .error = EIO, .skip = fault.steps % 10});
    case FaultKind::kSlowJournal:
      disk.set_slow_factor(2 + static_cast<int64_t>(number % 100));
      return HealLater(fault, [&disk] { disk.set_slow_factor(1); });
    default:
      return;
  }
}

void Run::Start(const PlannedFault& fault) {
  log_->Info("sim_fault", {{"fault", fault.ToString()}});
  // Whose steps are counted: the journal's or a target's.
  SimDisk& disk = fault.number % 2 == 0 ? node_.journal_disk() : node_.target_disk(fault.target);
  switch (fault.kind) {
    case FaultKind::kCrashMachine:
      return node_.CrashMachine();
    case FaultKind::kKillCore:
      return node_.KillCore();
    case FaultKind::kKillLane:
      return node_.KillLane(fault.target);
    case FaultKind::kCrashAtStep:
      return node_.KillAtStep(disk, fault.steps, SimNode::Victim::kMachine, 0);
    case FaultKind::kKillCoreAtStep:
      return node_.KillAtStep(disk, fault.steps, SimNode::Victim::kCore, 0);
    case FaultKind::kKillLaneAtStep:
      return node_.KillAtStep(disk, fault.steps, SimNode::Victim::kLane, fault.target);
    case FaultKind::kWallJump:
      return world_.JumpWall(fault.number);
    case FaultKind::kDropCache:
      node_.journal_disk().DropCache();
      for (size_t i = 0; i < node_.targets(); ++i) node_.target_disk(i).DropCache();
      return;
    default:
      StartOnTarget(fault);
      StartOnJournal(fault);
  }
}

void Run::HealAll() {
  std::vector<SimDisk*> disks = {&node_.journal_disk()};
  for (size_t i = 0; i < node_.targets(); ++i) disks.push_back(&node_.target_disk(i));
  for (SimDisk* disk : disks) {
    disk->ClearFaults();
    disk->set_observer([](const SimStep&) {});
  }
}

std::string Run::WhyNotQuiet() {
  if (!node_.core()) return "core is not up";
  const CoreView view = node_.core()->View();
  if (view.journal_state != JournalState::kServing)
    return absl::StrCat("journal: ", view.journal_reason);
  for (size_t i = 0; i < view.targets.size(); ++i) {
    const TargetView& target = view.targets[i];
    if (target.missed.incomplete) return absl::StrCat(target.name, " ", target.missed.reason);
    if (target.parked_count > 0) return absl::StrCat(target.name, " has parked writes");
    // While it opens its target a lane may be in the middle of proving that it can write there.
    if (target.status.health() != internal::v1::LANE_HEALTH_HEALTHY) {
      return absl::StrCat(target.name, ": ", target.status.ShortDebugString());
    }
    if (target.lag_writes > 0 || target.applied < view.durable) {
      return absl::StrCat(target.name, " applied ", target.applied, " of ", view.durable, ", lag ",
                          target.lag_writes, ", ", target.status.ShortDebugString());
    }
    if (checker_.watermark(i) < view.durable) {
      return absl::StrCat(target.name, " has the watermark ", checker_.watermark(i));
    }
  }
  return "";
}

bool Run::Quiet() { return WhyNotQuiet().empty(); }

RunResult Run::Do() {
  clients_.Attach(&node_, &checker_);
  for (const PlannedFault& fault : plan_.faults) {
    ++pending_;
    world_.After(fault.at_ms * kSimMs, [this, fault] {
      due_.push_back(fault);
      --pending_;
    });
  }
  node_.Boot();
  const auto settled = [&] { return clients_.done() && pending_ == 0; };
  if (!Advance(settled, kRunLimitNs)) {
    checker_.Fail(absl::StrCat("the clients never got their answers: ", clients_.Unresolved()));
  }
  HealAll();
  const auto quiet = [&] { return Quiet(); };
  if (!Failed() && !Advance(quiet, kQuietLimitNs)) {
    checker_.Fail(absl::StrCat("does not converge: ", WhyNotQuiet()));
  }
  if (!Failed()) checker_.Finish();
  // Once more from the disks alone.
  if (!Failed()) {
    node_.CrashMachine();
    checker_.CheckTrees(/*durable=*/false, "after a last power cut");
    if (!Advance(quiet, kQuietLimitNs)) {
      checker_.Fail(absl::StrCat("does not converge after the last restart: ", WhyNotQuiet()));
    }
    clients_.AskForAll();
    checker_.CheckTrees(/*durable=*/true, "after the last restart");
  }
  RunResult result;
  result.failure = checker_.failure();
  result.plan = plan_.ToString();
  result.trace = world_.trace();
  result.steps = world_.steps();
  result.accepted = clients_.accepted();
  result.refused = clients_.refused();
  result.detached = checker_.detached();
  result.virtual_ms = world_.now_ns() / kSimMs;
  return result;
}

}  // namespace

RunResult RunSeed(const RunOptions& options) { return Run(options).Do(); }

}  // namespace tandem
