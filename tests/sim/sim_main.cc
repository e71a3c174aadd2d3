// tandem_sim_run: runs seeds of the simulation, several at once, and names those that fail.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/run.h"

namespace tandem {
namespace {

struct Arguments {
  uint64_t seeds = 1000;
  uint64_t first_seed = 1;
  unsigned jobs = 1;
  bool verbose = false;
  bool replay = false;
  bool detach = false;
  bool faults = false;
  bool each = false;
  uint64_t max_failures = 10;
};

// What a worker tells its parent, in memory that both see: it may die at any moment.
struct Progress {
  volatile uint64_t next = 0;  // the seed it is at
  volatile uint64_t passed = 0;
  volatile uint64_t failed = 0;
  volatile uint64_t steps = 0;
  volatile uint64_t accepted = 0;
  volatile uint64_t detached = 0;
  // Of each kind of fault: seeds in which it happened, was felt, and had something killed
  // meanwhile.
  volatile uint64_t drawn[kFaultKinds] = {};
  volatile uint64_t felt[kFaultKinds] = {};
  volatile uint64_t killed_in[kFaultKinds] = {};
};

void CountFaults(const RunResult& result, Progress* progress) {
  bool drawn[kFaultKinds] = {}, felt[kFaultKinds] = {}, killed_in[kFaultKinds] = {};
  for (const FaultOutcome& outcome : result.faults) {
    const auto kind = static_cast<size_t>(outcome.kind);
    drawn[kind] = true;
    felt[kind] = felt[kind] || outcome.felt;
    killed_in[kind] = killed_in[kind] || (outcome.felt && outcome.killed_in);
  }
  for (size_t i = 0; i < kFaultKinds; ++i) {
    progress->drawn[i] = progress->drawn[i] + (drawn[i] ? 1 : 0);
    progress->felt[i] = progress->felt[i] + (felt[i] ? 1 : 0);
    progress->killed_in[i] = progress->killed_in[i] + (killed_in[i] ? 1 : 0);
  }
}

std::string FaultsOf(const RunResult& result) {
  std::string text;
  for (const FaultOutcome& outcome : result.faults) {
    absl::StrAppend(&text, "  ", FaultName(outcome.kind), outcome.felt ? ": felt" : ": not felt",
                    outcome.killed_in ? ", something was stopped meanwhile" : "", "\n");
  }
  return text;
}

// How often each kind of fault came up, and whether it bites at all.
void PrintFaults(const std::vector<Progress*>& shares, uint64_t seeds) {
  std::printf("%-34s %9s %9s %9s\n", "fault", "seeds %", "felt %", "killed in");
  for (size_t i = 0; i < kFaultKinds; ++i) {
    uint64_t drawn = 0, felt = 0, killed_in = 0;
    for (const Progress* share : shares) {
      drawn += share->drawn[i];
      felt += share->felt[i];
      killed_in += share->killed_in[i];
    }
    const double percent = 100.0 / static_cast<double>(std::max<uint64_t>(seeds, 1));
    std::printf("%-34s %9.2f %9.2f %9.2f\n", FaultName(static_cast<FaultKind>(i)),
                percent * static_cast<double>(drawn), percent * static_cast<double>(felt),
                percent * static_cast<double>(killed_in));
  }
}

// One seed; prints what failed. True: passed.
bool RunOne(const Arguments& arguments, uint64_t seed, Progress* progress) {
  const RunResult result =
      RunSeed({.seed = seed, .verbose = arguments.verbose, .detach = arguments.detach});
  std::string failure = result.failure;
  if (failure.empty() && arguments.replay) {
    const RunResult again = RunSeed({.seed = seed, .detach = arguments.detach});
    if (again.trace != result.trace || again.failure != result.failure) {
      failure = "the same seed gave another run";
    }
  }
  progress->steps = progress->steps + result.steps;
  progress->accepted = progress->accepted + result.accepted;
  progress->detached = progress->detached + result.detached;
  CountFaults(result, progress);
  if (arguments.each && failure.empty() && !arguments.verbose) {
    std::printf("seed %llu:\n%s", static_cast<unsigned long long>(seed), FaultsOf(result).c_str());
  }
  if (arguments.verbose || !failure.empty()) {
    std::fprintf(
        stderr, "seed %llu: %s\n%s  %llu accepted, %llu refused, %llu steps, %lld ms\n",
        static_cast<unsigned long long>(seed),
        failure.empty() ? "passed" : ("FAILED: " + failure).c_str(),
        (result.plan + FaultsOf(result)).c_str(), static_cast<unsigned long long>(result.accepted),
        static_cast<unsigned long long>(result.refused),
        static_cast<unsigned long long>(result.steps), static_cast<long long>(result.virtual_ms));
  }
  return failure.empty();
}

// A worker's share: every jobs-th seed from `progress->next` on.
void Work(const Arguments& arguments, Progress* progress) {
  const uint64_t end = arguments.first_seed + arguments.seeds;
  while (progress->next < end && progress->failed < arguments.max_failures) {
    if (RunOne(arguments, progress->next, progress)) {
      progress->passed = progress->passed + 1;
    } else {
      progress->failed = progress->failed + 1;
    }
    progress->next = progress->next + arguments.jobs;
  }
}

// Runs the shares in processes of their own; one that dies counts as failed and goes on after it.
void RunShares(const Arguments& arguments, std::vector<Progress*> shares) {
  std::vector<pid_t> pids(shares.size(), 0);
  const auto start = [&](size_t i) {
    std::fflush(nullptr);
    pids[i] = fork();
    if (pids[i] != 0) return;
    Work(arguments, shares[i]);
    std::fflush(nullptr);
    _exit(0);
  };
  for (size_t i = 0; i < shares.size(); ++i) start(i);
  size_t alive = shares.size();
  while (alive > 0) {
    int status = 0;
    const pid_t pid = wait(&status);
    if (pid < 0) break;
    for (size_t i = 0; i < shares.size(); ++i) {
      if (pids[i] != pid) continue;
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        --alive;
        continue;
      }
      std::fprintf(stderr, "seed %llu: FAILED: the process died (wait status %d)\n",
                   static_cast<unsigned long long>(shares[i]->next), status);
      shares[i]->failed = shares[i]->failed + 1;
      shares[i]->next = shares[i]->next + arguments.jobs;
      start(i);
    }
  }
}

int Main(int argc, char** argv) {
  CLI::App app("Runs the real core, journal and lanes on simulated disks, clock and faults.");
  Arguments arguments;
  app.add_option("--seeds", arguments.seeds, "How many seeds to run")->capture_default_str();
  app.add_option("--seed", arguments.first_seed, "The first seed")->capture_default_str();
  app.add_option("--jobs", arguments.jobs, "Processes at once")->capture_default_str();
  app.add_option("--max-failures", arguments.max_failures, "Stop a process after so many")
      ->capture_default_str();
  app.add_flag("--verbose", arguments.verbose, "Log every run, in virtual time");
  app.add_flag("--detach", arguments.detach,
               "Every seed with a small journal and journal_full_policy: detach");
  app.add_flag("--faults", arguments.faults,
               "Print how many seeds had, and felt, each kind of fault");
  app.add_flag("--each", arguments.each, "Print the faults of every run");
  app.add_flag("--replay", arguments.replay, "Run every seed twice; both must be the same run");
  CLI11_PARSE(app, argc, argv);
  if (arguments.jobs == 0) arguments.jobs = 1;

  const size_t bytes = arguments.jobs * sizeof(Progress);
  void* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    std::perror("mmap");
    return 2;
  }
  std::vector<Progress*> shares;
  for (unsigned i = 0; i < arguments.jobs; ++i) {
    auto* progress = new (static_cast<char*>(shared) + i * sizeof(Progress)) Progress();
    progress->next = arguments.first_seed + i;
    shares.push_back(progress);
  }
  const auto start = std::chrono::steady_clock::now();
  RunShares(arguments, shares);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  uint64_t passed = 0, failed = 0, steps = 0, accepted = 0, detached = 0;
  for (const Progress* progress : shares) {
    passed += progress->passed;
    failed += progress->failed;
    steps += progress->steps;
    accepted += progress->accepted;
    detached += progress->detached;
  }
  std::printf("seeds %llu..%llu in %.1f s: %.0f seeds/s, %llu steps, %llu accepted writes\n",
              static_cast<unsigned long long>(arguments.first_seed),
              static_cast<unsigned long long>(arguments.first_seed + arguments.seeds - 1), seconds,
              static_cast<double>(passed + failed) / seconds,
              static_cast<unsigned long long>(steps), static_cast<unsigned long long>(accepted));
  std::printf("%llu targets were detached\n", static_cast<unsigned long long>(detached));
  if (arguments.faults) PrintFaults(shares, passed + failed);
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(passed),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tandem

int main(int argc, char** argv) { return tandem::Main(argc, argv); }
