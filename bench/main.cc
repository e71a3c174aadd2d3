// tandem_bench: what Tandem costs, as ratios measured in one run.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "CLI/CLI.hpp"
#include "bench/empty_server.h"
#include "bench/phases.h"
#include "bench/process.h"

namespace tandem::bench {
namespace {

namespace fs = std::filesystem;

// Everything that a bench leaves on disk; removed at its end.
class Scratch {
 public:
  explicit Scratch(const std::string& parent) : path_(parent + "/bench-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~Scratch() { Remove(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void Remove() const {
    const std::lock_guard lock(mutex_);  // a signal may come while it is under way
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  mutable std::mutex mutex_;
  std::string path_;
};

// On Ctrl-C or SIGTERM: kills every process that names the scratch directory, removes that, exits.
void CleanUpOnSignal(const Scratch& scratch, const sigset_t& signals) {
  std::thread([&scratch, signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    for (const pid_t process : AllProcesses()) {
      for (const std::string& argument : CommandLineOf(process)) {
        if (process == getpid() || argument.find(scratch.path()) == std::string::npos) continue;
        kill(process, SIGKILL);
      }
    }
    scratch.Remove();
    _exit(128 + signal);
  }).detach();
}

double LoadAverage() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "tandem_bench: %s\n", status.ToString().c_str());
  return 1;
}

int Measure(PhaseOptions options, const std::string& parent, const std::string& json) {
  // Before any thread is: all of them leave these signals to the one that cleans up.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const Scratch scratch(fs::absolute(parent));
  if (scratch.path().empty())
    return Fail(absl::ErrnoToStatus(errno, "make a directory in " + parent));
  CleanUpOnSignal(scratch, signals);
  options.directory = scratch.path();

  Report report{.repetitions = options.repetitions,
                .seconds = options.seconds,
                .cores = static_cast<int>(std::thread::hardware_concurrency()),
                .load_before = LoadAverage()};
  if (const absl::Status status = MeasureComparisons(options, &report); !status.ok()) {
    return Fail(status);
  }
  if (std::string("start").find(options.only) != std::string::npos) {
    const absl::StatusOr<StartTime> start = MeasureStart(options);
    if (!start.ok()) return Fail(start.status());
    report.start = *start;
  }
  PrintTable(report);
  if (json.empty()) return 0;
  std::ofstream file(json);
  file << ToJson(report);
  file.close();
  return file ? 0 : Fail(absl::UnavailableError("cannot write " + json));
}

int Main(int argc, char** argv) {
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const fs::path build = self.parent_path().parent_path();
  PhaseOptions options{.tandemd = build / "daemon/main/tandemd", .self = self};
  std::string parent = build;
  std::string json;
  std::string empty_handler;
  CLI::App app("Measures tandemd against an empty gRPC handler and against writing by hand");
  app.add_option("--tandemd", options.tandemd, "The daemon; default: the one of this build")
      ->check(CLI::ExistingFile);
  app.add_option("--directory", parent,
                 "Where journal and targets go, on a local disk; default: this build's directory")
      ->check(CLI::ExistingDirectory);
  app.add_option("--seconds", options.seconds, "Of each run")->check(CLI::Range(0.1, 600.0));
  app.add_option("--repeat", options.repetitions, "Pairs of runs, of which the median counts")
      ->check(CLI::Range(1, 100));
  app.add_option("--start-mib", options.start_mib, "Journal to follow when the start is measured")
      ->check(CLI::Range(1.0, 4096.0));
  app.add_option("--only", options.only,
                 "Only what has this in its name; `start`: how soon a killed daemon serves");
  app.add_option("--json", json, "Also write the results to this file");
  app.add_option("--empty-handler", empty_handler, "Internal: serve the empty handler on a socket")
      ->group("");
  CLI11_PARSE(app, argc, argv);
  return empty_handler.empty() ? Measure(options, parent, json) : ServeEmpty(empty_handler);
}

}  // namespace
}  // namespace tandem::bench

int main(int argc, char** argv) { return tandem::bench::Main(argc, argv); }
