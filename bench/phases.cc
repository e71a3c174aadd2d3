#include "bench/phases.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/by_hand.h"
#include "bench/load.h"

namespace tandem::bench {
namespace {

using Run = std::function<absl::StatusOr<LoadResult>(int repetition)>;

constexpr int kStreamWindow = 512;
constexpr int kAllWriters = 64;
constexpr int kSocketLimitSeconds = 10;

double OwnCpuSeconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

// Of one daemon, before and after a run.
struct Snapshot {
  RoleUse use;
  double own_cpu_seconds = 0;
  double groups = 0;
  double records = 0;
};

Snapshot Take(const Daemon& daemon) {
  return {.use = daemon.Use(false),
          .own_cpu_seconds = OwnCpuSeconds(),
          .groups = daemon.Metric("tandem_journal_groups_total"),
          .records = daemon.Metric("tandem_journal_records_total")};
}

// Sums over the repetitions.
struct Costs {
  double operations = 0;
  double seconds = 0;
  double groups = 0;
  double records = 0;
  double switches = 0;
  std::map<std::string, double> cpu_seconds;

  void Add(const Snapshot& before, const Snapshot& after, const LoadResult& result) {
    operations += static_cast<double>(result.operations);
    seconds += static_cast<double>(result.operations) / result.ops_per_s;
    groups += after.groups - before.groups;
    records += after.records - before.records;
    cpu_seconds["bench"] += after.own_cpu_seconds - before.own_cpu_seconds;
    for (const auto& [role, use] : after.use) {
      const auto earlier = before.use.find(role);
      if (earlier == before.use.end()) continue;
      cpu_seconds[role] += use.cpu_seconds - earlier->second.cpu_seconds;
      // A thread that ended meanwhile took its count along.
      switches += std::max(0.0, static_cast<double>(use.context_switches) -
                                    static_cast<double>(earlier->second.context_switches));
    }
  }

  void Fill(Comparison* comparison) const {
    if (groups > 0) comparison->writes_per_group = records / groups;
    comparison->groups_per_s = groups / seconds;
    comparison->switches_per_write = switches / operations;
    for (const auto& [role, cpu] : cpu_seconds) {
      comparison->cpu_us_per_write[role] = cpu / operations * 1e6;
    }
  }
};

// Watches the daemon's memory while it exists. Owner: the main thread; its own thread reads /proc.
class MemoryWatch {
 public:
  explicit MemoryWatch(const Daemon& daemon)
      : thread_([this, &daemon] {
          while (!stop_) {
            for (const auto& [role, use] : daemon.Use(false)) {
              most_[role] = std::max(most_[role], use.rss_kib);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(250));
          }
        }) {}
  ~MemoryWatch() { (void)Stop(); }

  std::map<std::string, uint64_t> Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return most_;
  }

 private:
  std::atomic<bool> stop_ = false;
  std::map<std::string, uint64_t> most_;
  std::thread thread_;  // last: it uses the others
};

class Comparer {
 public:
  Comparer(const PhaseOptions& options, Daemon* daemon, Report* report)
      : options_(options), daemon_(*daemon), report_(*report) {}

  // Tandem, the other, Tandem, the other ...: what disturbs the machine disturbs both.
  absl::Status Compare(const std::string& name, double aim, const Run& tandem, const Run& other) {
    if (name.find(options_.only) == std::string::npos) return absl::OkStatus();
    Comparison comparison{.name = name, .aim = aim};
    Costs costs;
    std::vector<LoadResult> ours;
    std::vector<LoadResult> theirs;
    std::vector<double> ratios;
    for (int i = 0; i < options_.repetitions; ++i) {
      const Snapshot before = Take(daemon_);
      const absl::StatusOr<LoadResult> mine = tandem(i);
      if (!mine.ok()) return mine.status();
      costs.Add(before, Take(daemon_), *mine);
      const uint64_t pss_kib = TotalPss();
      report_.memory.load_pss_kib = std::max(report_.memory.load_pss_kib, pss_kib);
      if (absl::Status drained = daemon_.Drain(); !drained.ok()) return drained;
      const absl::StatusOr<LoadResult> its = other(i);
      if (!its.ok()) return its.status();
      ours.push_back(*mine);
      theirs.push_back(*its);
      ratios.push_back(mine->ops_per_s / its->ops_per_s);
      absl::PrintF("%-26s %10.0f %10.0f %6.2f\n", name, mine->ops_per_s, its->ops_per_s,
                   ratios.back());
      std::fflush(stdout);
    }
    comparison.tandem = Summary(ours);
    comparison.other = Summary(theirs);
    comparison.ratio = Median(ratios);
    costs.Fill(&comparison);
    report_.comparisons.push_back(std::move(comparison));
    return absl::OkStatus();
  }

  [[nodiscard]] uint64_t TotalPss() const {
    uint64_t sum = 0;
    for (const auto& [role, use] : daemon_.Use(true)) sum += use.pss_kib;
    return sum;
  }

 private:
  static Side Summary(const std::vector<LoadResult>& results) {
    const auto median = [&](auto member) {
      std::vector<double> values;
      for (const LoadResult& result : results)
        values.push_back(static_cast<double>(result.*member));
      return Median(std::move(values));
    };
    return {.ops_per_s = median(&LoadResult::ops_per_s),
            .p50_us = median(&LoadResult::p50_us),
            .p99_us = median(&LoadResult::p99_us)};
  }

  const PhaseOptions& options_;
  Daemon& daemon_;
  Report& report_;
};

absl::Status CompareJournaled(const PhaseOptions& options, const Daemon& daemon,
                              const std::string& empty_socket, Comparer* comparer) {
  const auto load = [&](const std::string& socket, int in_flight, int repetition) {
    return LoadOptions{.socket = socket,
                       .in_flight = in_flight,
                       .seconds = options.seconds,
                       .run = absl::StrCat("journaled-", in_flight, "-", repetition)};
  };
  for (const int in_flight : {1, 16, 128}) {
    const absl::Status compared = comparer->Compare(
        absl::StrCat("JOURNALED, ", in_flight, " in flight"), in_flight == 128 ? 0.7 : 0,
        [&](int i) { return RunUnary(load(daemon.socket(), in_flight, i)); },
        [&](int i) { return RunUnary(load(empty_socket, in_flight, i)); });
    if (!compared.ok()) return compared;
  }
  return comparer->Compare(
      "JOURNALED, stream", 0,
      [&](int i) { return RunStream(load(daemon.socket(), kStreamWindow, i)); },
      [&](int i) { return RunStream(load(empty_socket, kStreamWindow, i)); });
}

absl::Status CompareAll(const PhaseOptions& options, const Daemon& daemon, Comparer* comparer) {
  for (const auto& [kind, name] : {std::pair<Kind, std::string>{Kind::kAppend, "append"},
                                   {Kind::kLedger, "one ledger"},
                                   {Kind::kPut, "put"}}) {
    const absl::Status compared = comparer->Compare(
        absl::StrCat("ALL, ", name, ", ", kAllWriters, " writers"), 2,
        [&, kind = kind, name = name](int i) {
          return RunUnary({.socket = daemon.socket(),
                           .kind = kind,
                           .level = v1::DURABILITY_LEVEL_ALL,
                           .in_flight = kAllWriters,
                           .seconds = options.seconds,
                           .run = absl::StrCat("all-", name, "-", i)});
        },
        [&, kind = kind, name = name](int i) {
          const std::string place =
              absl::StrCat(options.directory, "/by-hand-", static_cast<int>(kind), "-", i);
          return RunByHand({.first = place + "/local",
                            .second = place + "/corebank",
                            .kind = kind,
                            .threads = kAllWriters,
                            .seconds = options.seconds});
        });
    if (!compared.ok()) return compared;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureComparisons(const PhaseOptions& options, Report* report) {
  const std::string place = options.directory + "/d";
  std::filesystem::create_directories(place);
  ChildProcess empty;
  const std::string empty_socket = options.directory + "/empty.sock";
  absl::Status started = empty.Start({options.self, "--empty-handler", empty_socket},
                                     options.directory + "/empty.log");
  Daemon daemon(options.tandemd, place);
  started.Update(daemon.Start());
  if (started.ok()) started.Update(WaitForSocket(empty_socket, kSocketLimitSeconds));
  if (started.ok()) started.Update(daemon.WaitHealthy());
  if (!started.ok()) return started;

  Comparer comparer(options, &daemon, report);
  report->memory.idle_pss_kib = comparer.TotalPss();
  for (const auto& [role, use] : daemon.Use(false)) report->memory.idle_rss_kib[role] = use.rss_kib;
  MemoryWatch watch(daemon);
  absl::PrintF("%-26s %10s %10s %6s\n", "", "tandem/s", "other/s", "ratio");
  absl::Status compared = CompareJournaled(options, daemon, empty_socket, &comparer);
  if (compared.ok()) compared = CompareAll(options, daemon, &comparer);
  report->memory.load_rss_kib = watch.Stop();
  daemon.Stop();
  return compared;
}

}  // namespace tandem::bench
