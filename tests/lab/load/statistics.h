// What a run measured: latencies of writes by level and phase, the largest lags and the time that
// things took to be well again. Callable from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tandem/client/types.h"

namespace tandem::lab {

// By a clock that nobody can set back.
[[nodiscard]] absl::Duration Now();

class Statistics {
 public:
  // Writes begun and samples taken from now on belong to `phase`.
  void Phase(const std::string& phase);
  // From now on the time is taken until each target has what was journaled by now, until it has lag
  // 0, and until each level is answered again.
  void Mark(const std::string& mark);

  // A write that was begun at `began`, in `phase`, has reached its level.
  void Answered(client::Level level, const std::string& phase, absl::Duration began);
  // It was answered with a refusal, or tried again for this reason.
  void Refused(const std::string& reason);
  // What the daemon said of itself at `asked`.
  void Sampled(const client::DaemonStatus& status, absl::Duration asked);
  // It did not say anything within a second.
  void NotSampled();

  [[nodiscard]] std::string phase() const;
  [[nodiscard]] uint64_t AnswersOf(client::Level level) const;
  [[nodiscard]] uint64_t RefusalsOf(const std::string& reason) const;
  // All of it as one line of JSON.
  [[nodiscard]] std::string Json(const std::string& name) const;

 private:
  struct Lag {
    absl::Duration largest_time;
    uint64_t largest_writes = 0;
    uint64_t largest_bytes = 0;
    std::vector<std::string> health;  // each change
  };
  struct Status {
    absl::Duration slowest;
    uint64_t unanswered = 0;
  };
  struct MarkTimes {
    absl::Duration at;
    uint64_t appended = 0;                                 // at the first sample after the mark
    std::map<std::string, absl::Duration> backlog;         // by target
    std::map<std::string, absl::Duration> lag_zero;        // by target
    std::map<client::Level, absl::Duration> first_answer;  // of a write begun after the mark
  };

  mutable std::mutex mutex_;
  std::string phase_ = "start";
  std::vector<std::pair<std::string, absl::Duration>> phases_;  // and when they began
  std::map<std::string, std::map<client::Level, std::vector<double>>> latencies_ms_;
  std::map<std::string, std::map<std::string, Lag>> lags_;  // by phase and target
  std::map<std::string, Status> status_;
  std::map<std::string, MarkTimes> marks_;
  std::map<std::string, uint64_t> refusals_;
  std::map<client::Level, uint64_t> answers_;
  std::map<client::Level, absl::Duration> last_answer_;
  std::map<std::string, std::map<client::Level, absl::Duration>> largest_gap_;
};

}  // namespace tandem::lab
