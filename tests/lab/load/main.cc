// tandem_lab_load: clients of every level that write to a daemon, told on standard input what to
// do, one command in a line, each answered by one line: "ok", or what is wrong.
//   phase NAME                  what is measured from now on belongs to this phase
//   mark NAME                   take the time from now until lag 0, until answers
//   answers LEVEL N SECONDS     wait until N more writes of the level are answered
//   refused REASON SECONDS      wait until one more write is told so
//   health TARGET STATE SECONDS wait until the daemon says so
//   lag0 SECONDS                wait until every target has everything
//   stop SECONDS                begin no more writes, wait until all are answered
//   giveup                      the same, but unanswered writes are given up
//   verify ROOT                 the files beneath ROOT are what was acknowledged
//   same ROOT ROOT              two trees are the same
//   report NAME                 one line of JSON instead of "ok"
#include <algorithm>
#include <atomic>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tandem/client/client.h"
#include "tests/lab/load/writer.h"

namespace tandem::lab {
namespace {

constexpr absl::Duration kSampleInterval = absl::Milliseconds(200);
constexpr absl::Duration kLook = absl::Milliseconds(20);
// Files that the tests themselves write.
constexpr char kOthersFiles[] = "extra/";

struct Arguments {
  std::string address;
  std::map<client::Level, int> writers;
  absl::Duration interval;
  bool appends_only = false;
  std::string local_root;
  std::string corebank_root;
};

class Load {
 public:
  explicit Load(const Arguments& arguments)
      : control_(Connect(arguments.address)), sampler_([this] { Sample(); }) {
    int number = 0;
    for (const auto& [level, writers] : arguments.writers) {
      clients_.push_back(Connect(arguments.address));
      for (int i = 0; i < writers; ++i) {
        const WriterOptions options = {.number = number++,
                                       .level = level,
                                       .interval = arguments.interval,
                                       .appends_only = arguments.appends_only,
                                       .local_root = arguments.local_root,
                                       .corebank_root = arguments.corebank_root};
        writers_.push_back(std::make_unique<Writer>(options, *clients_.back(), statistics_));
      }
    }
  }

  ~Load() {
    for (const auto& writer : writers_) writer->GiveUp();
    writers_.clear();
    stop_ = true;
    sampler_.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  std::string Do(const std::vector<std::string>& words) {
    const auto word = [&](size_t i) { return i < words.size() ? words[i] : std::string(); };
    const std::string command = word(0);
    if (command == "phase") return statistics_.Phase(word(1)), "ok";
    if (command == "mark") return statistics_.Mark(word(1)), "ok";
    if (command == "answers") return WaitAnswers(word(1), word(2), word(3));
    if (command == "refused") return WaitRefused(word(1), word(2));
    if (command == "health") return WaitHealth(word(1), word(2), word(3));
    if (command == "lag0") return WaitLagZero(word(1));
    if (command == "stop") return Stop(word(1));
    if (command == "giveup") return GiveUp();
    if (command == "verify") return Verify(word(1));
    if (command == "same") return OkUnless(TreeDifference(word(1), word(2)));
    if (command == "report") return statistics_.Json(word(1));
    return absl::StrCat("no such command: ", command);
  }

 private:
  static std::unique_ptr<client::Client> Connect(const std::string& address) {
    client::ClientOptions options;
    options.address = address;
    options.retry.max_backoff = absl::Milliseconds(200);
    auto client = client::Client::Connect(options);
    if (!client.ok()) {
      std::cout << client.status() << std::endl;
      std::exit(2);
    }
    return *std::move(client);
  }

  static std::string OkUnless(const std::string& error) { return error.empty() ? "ok" : error; }

  void Sample() {
    while (!stop_) {
      const absl::Duration asked = Now();
      client::CallOptions options;
      options.timeout = absl::Seconds(1);
      const auto status = control_->GetStatus(options);
      if (status.ok()) {
        statistics_.Sampled(*status, asked);
        const std::lock_guard lock(mutex_);
        status_ = *status;
        status_asked_ = asked;
      } else {
        statistics_.NotSampled();
      }
      absl::SleepFor(kSampleInterval);
    }
  }

  // False when the time is over or a writer was told something wrong.
  bool WaitUntil(const std::string& seconds, const std::function<bool()>& condition) {
    int limit = 0;
    if (!absl::SimpleAtoi(seconds, &limit)) return false;
    const absl::Duration until = Now() + absl::Seconds(limit);
    while (!condition()) {
      if (Now() > until || !Error().empty()) return false;
      absl::SleepFor(kLook);
    }
    return true;
  }

  // "ok", or why a wait ended without what it waited for.
  std::string Waited(bool done, const std::string& what) {
    if (done && Error().empty()) return "ok";
    const std::string error = Error();
    return error.empty() ? absl::StrCat("waited in vain for ", what, "; ", StatusText()) : error;
  }

  std::string Error() const {
    for (const auto& writer : writers_) {
      if (std::string error = writer->error(); !error.empty()) return error;
    }
    return "";
  }

  std::string StatusText() {
    const std::lock_guard lock(mutex_);
    if (!status_.has_value()) return "the daemon never said its status";
    std::string text = absl::StrCat("status ", absl::FormatDuration(Now() - status_asked_),
                                    " ago: journal ", status_->journal.state);
    for (const client::TargetStatus& target : status_->targets) {
      absl::StrAppend(&text, ", ", target.name, " ", client::TargetHealthName(target.health), " (",
                      target.reason, ") lag ", target.lag_writes, " parked ", target.parked_writes);
    }
    return text;
  }

  std::string WaitAnswers(const std::string& level_name, const std::string& count,
                          const std::string& seconds) {
    const auto level = client::ParseLevel(level_name);
    uint64_t more = 0;
    if (!level.has_value() || !absl::SimpleAtoi(count, &more)) return "answers: bad argument";
    const uint64_t wanted = statistics_.AnswersOf(*level) + more;
    return Waited(WaitUntil(seconds, [&] { return statistics_.AnswersOf(*level) >= wanted; }),
                  absl::StrCat(count, " answers ", level_name));
  }

  std::string WaitRefused(const std::string& reason, const std::string& seconds) {
    const uint64_t before = statistics_.RefusalsOf(reason);
    return Waited(WaitUntil(seconds, [&] { return statistics_.RefusalsOf(reason) > before; }),
                  reason);
  }

  // Of the targets in a status that was asked for after `since`.
  bool EveryTarget(absl::Duration since,
                   const std::function<bool(const client::TargetStatus&)>& is_so) {
    const std::lock_guard lock(mutex_);
    return status_.has_value() && status_asked_ >= since && !status_->targets.empty() &&
           std::all_of(status_->targets.begin(), status_->targets.end(), is_so);
  }

  std::string WaitHealth(const std::string& name, const std::string& states,
                         const std::string& seconds) {
    const std::vector<std::string> wanted = absl::StrSplit(states, '|');
    const absl::Duration since = Now();
    const bool done = WaitUntil(seconds, [&] {
      return EveryTarget(since, [&](const client::TargetStatus& target) {
        const std::string health(client::TargetHealthName(target.health));
        return (name != "all" && target.name != name) ||
               std::find(wanted.begin(), wanted.end(), health) != wanted.end();
      });
    });
    return Waited(done, absl::StrCat(name, " to be ", states));
  }

  std::string WaitLagZero(const std::string& seconds) {
    const absl::Duration since = Now();
    const bool done = WaitUntil(seconds, [&] {
      return EveryTarget(since, [](const client::TargetStatus& target) {
        return target.lag_writes == 0 && target.parked_writes == 0;
      });
    });
    return Waited(done, "lag 0");
  }

  bool Ended() const {
    return std::all_of(writers_.begin(), writers_.end(),
                       [](const auto& writer) { return writer->ended(); });
  }

  std::string Stop(const std::string& seconds) {
    for (const auto& writer : writers_) writer->Stop();
    return Waited(WaitUntil(seconds, [&] { return Ended(); }), "the last answers");
  }

  std::string GiveUp() {
    for (const auto& writer : writers_) writer->GiveUp();
    return Waited(WaitUntil("30", [&] { return Ended(); }), "the writers' end");
  }

  std::string Verify(const std::string& root) {
    if (!Error().empty()) return Error();
    if (!Ended()) return "the writers still write";
    std::vector<const Model*> models;
    for (const auto& writer : writers_) models.push_back(&writer->model());
    return OkUnless(Difference(models, root, kOthersFiles));
  }

  Statistics statistics_;
  std::unique_ptr<client::Client> control_;
  std::vector<std::unique_ptr<client::Client>> clients_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::mutex mutex_;
  std::optional<client::DaemonStatus> status_;
  absl::Duration status_asked_;
  std::atomic<bool> stop_ = false;
  std::thread sampler_;
};

// "8" of each level, or "8,4,0" of JOURNALED, LOCAL and ALL.
bool ParseWriters(const std::string& text, std::map<client::Level, int>& writers) {
  std::vector<std::string> counts = absl::StrSplit(text, ',');
  if (counts.size() == 1) counts.resize(3, counts[0]);
  if (counts.size() != 3) return false;
  return absl::SimpleAtoi(counts[0], &writers[client::Level::kJournaled]) &&
         absl::SimpleAtoi(counts[1], &writers[client::Level::kLocal]) &&
         absl::SimpleAtoi(counts[2], &writers[client::Level::kAll]);
}

int Main(const std::vector<std::string>& arguments) {
  std::map<client::Level, int> writers;
  int interval_ms = 0;
  const bool appends_only = arguments.size() == 6 && arguments[5] == "appends";
  if ((arguments.size() != 5 && !appends_only) || !ParseWriters(arguments[1], writers) ||
      !absl::SimpleAtoi(arguments[2], &interval_ms)) {
    std::cerr << "usage: tandem_lab_load ADDRESS WRITERS[,WRITERS,WRITERS] INTERVAL_MS "
                 "LOCAL_ROOT COREBANK_ROOT [appends]\n";
    return 2;
  }
  Load load({.address = arguments[0],
             .writers = writers,
             .interval = absl::Milliseconds(interval_ms),
             .appends_only = appends_only,
             .local_root = arguments[3],
             .corebank_root = arguments[4]});
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (!words.empty()) std::cout << load.Do(words) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace tandem::lab

int main(int argc, char** argv) {
  return tandem::lab::Main(std::vector<std::string>(argv + 1, argv + argc));
}
