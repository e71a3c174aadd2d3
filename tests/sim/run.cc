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
#include "tests/sim/faults.h"
#include "tests/sim/node.h"
#include "tests/sim/promises.h"
#include "tests/sim/strangers.h"

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

SimNodeOptions NodeOptionsOf(const FaultPlan& plan) {
  SimNodeOptions options;
  options.remote_targets = plan.remote_targets;
  options.initialize_targets = plan.initialize_targets;
  options.require_mount = plan.require_mount;
  if (plan.many_states) options.max_path_states = 4'096;
  if (plan.small_journal) {
    options.journal_max_bytes = 448 << 10;
    options.journal_reserve_bytes = 64 << 10;
  }
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
                 plan_.heavy, *log_),
        node_(world_, NodeOptionsOf(plan_), *log_, clients_),
        strangers_(node_,
                   {.all = [this]() -> const auto& { return clients_.paths(); },
                    .told = [this]() -> const auto& { return clients_.told_paths(); }},
                   *log_),
        checker_(node_, strangers_),
        faults_(world_, plan_, node_, strangers_, *log_),
        promises_(world_, node_, faults_) {
    if (options.verbose) world_.set_log(log_.get());
  }

  RunResult Do();

 private:
  void Attach();
  // Looks at everything that can be seen.
  void Look();
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
  Strangers strangers_;
  Checker checker_;
  Faults faults_;
  Promises promises_;
};

void Run::Attach() {
  clients_.Attach(&node_, &checker_,
                  {.before_core_down =
                       [this] {
                         strangers_.BeforeCoreDown();
                         faults_.NoteKill(/*core=*/true, 0);
                       },
                   .before_lane_down =
                       [this](size_t target) {
                         strangers_.BeforeLaneDown(target);
                         faults_.NoteKill(/*core=*/false, target);
                       },
                   .on_reply =
                       [this](const SimRequest& request, int64_t sent_ns, bool known) {
                         const std::string wrong = promises_.OnReply(request, sent_ns, known);
                         if (!wrong.empty()) checker_.Fail(wrong);
                       },
                   .skipped = [this] { return faults_.skipped(); }});
}

void Run::Look() {
  checker_.CheckView();
  const CoreView* view = checker_.view();
  std::string wrong = promises_.Look(view);
  if (view != nullptr) {
    faults_.Look(*view);
    if (wrong.empty()) wrong = strangers_.Look(*view);
  }
  if (wrong.empty()) wrong = faults_.second().Look();
  if (!wrong.empty()) checker_.Fail(wrong);
}

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
    faults_.Tick();
    node_.Tick();
    faults_.second().Tick();
    if (i % 64 == 0) Look();
    if (Failed()) return false;
    if (i % 16 == 0 && done()) return true;
  }
  return false;
}

std::string Run::WhyNotQuiet() {
  if (!node_.core()) return "core is not up";
  const CoreView view = node_.core()->View();
  if (view.journal_state != JournalState::kServing)
    return absl::StrCat("journal: ", view.journal_reason);
  for (size_t i = 0; i < view.targets.size(); ++i) {
    const TargetView& target = view.targets[i];
    if (target.missed.incomplete) return absl::StrCat(target.name, " ", target.missed.reason);
    // What an operator gave up stays behind, and what waits for that.
    const bool behind = target.skipped_count > 0;
    if (target.parked_count > 0 && !behind) {
      return absl::StrCat(target.name, " has parked writes: ", target.parked[0].ShortDebugString());
    }
    // While it opens its target a lane may be in the middle of proving that it can write there.
    if (target.status.health() != internal::v1::LANE_HEALTH_HEALTHY) {
      return absl::StrCat(target.name, ": ", target.status.ShortDebugString());
    }
    if (target.lag_writes > target.parked_count || target.applied < view.durable) {
      return absl::StrCat(target.name, " applied ", target.applied, " of ", view.durable, ", lag ",
                          target.lag_writes, ", ", target.status.ShortDebugString());
    }
    if (checker_.watermark(i) < view.durable && !behind) {
      return absl::StrCat(target.name, " has the watermark ", checker_.watermark(i));
    }
  }
  return "";
}

bool Run::Quiet() { return WhyNotQuiet().empty(); }

RunResult Run::Do() {
  Attach();
  faults_.Schedule();
  node_.Boot();
  const auto settled = [&] { return clients_.done() && faults_.over(); };
  if (!Advance(settled, kRunLimitNs)) {
    checker_.Fail(absl::StrCat("the clients never got their answers: ", clients_.Unresolved()));
  }
  faults_.HealAll();
  // What lanes say of themselves is up to 0.2 s old.
  int64_t since_ns = world_.now_ns();
  const auto quiet = [&] { return world_.now_ns() - since_ns > kSimSecond / 2 && Quiet(); };
  if (!Failed() && !Advance(quiet, kQuietLimitNs)) {
    checker_.Fail(absl::StrCat("does not converge: ", WhyNotQuiet()));
  }
  if (!Failed()) checker_.Finish();
  // Once more from the disks alone.
  if (!Failed()) {
    node_.CrashMachine();
    since_ns = world_.now_ns();
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
  result.faults = faults_.outcomes();
  return result;
}

}  // namespace

RunResult RunSeed(const RunOptions& options) { return Run(options).Do(); }

}  // namespace tandem
