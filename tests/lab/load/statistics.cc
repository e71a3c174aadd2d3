#include "tests/lab/load/statistics.h"

#include <time.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace tandem::lab {
namespace {

double Milliseconds(absl::Duration duration) { return absl::ToDoubleMilliseconds(duration); }

double Percentile(const std::vector<double>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

std::string LatenciesJson(std::vector<double> latencies_ms, absl::Duration gap) {
  std::sort(latencies_ms.begin(), latencies_ms.end());
  return absl::StrFormat(R"({"writes":%d,"p50_ms":%.2f,"p99_ms":%.2f,"max_ms":%.1f,"gap_ms":%.0f})",
                         latencies_ms.size(), Percentile(latencies_ms, 0.5),
                         Percentile(latencies_ms, 0.99),
                         latencies_ms.empty() ? 0 : latencies_ms.back(), Milliseconds(gap));
}

// {"key":value,...} of what `value` makes of the map's entries.
template <typename Map, typename Value>
std::string ObjectJson(const Map& map, Value value) {
  std::vector<std::string> members;
  for (const auto& [key, entry] : map) members.push_back(value(key, entry));
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

std::string NumberJson(absl::string_view name, absl::Duration time) {
  return absl::StrFormat(R"("%s":%.0f)", name, Milliseconds(time));
}

}  // namespace

absl::Duration Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return absl::DurationFromTimespec(time);
}

void Statistics::Phase(const std::string& phase) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
  phases_.emplace_back(phase, Now());
}

void Statistics::Mark(const std::string& mark) {
  const std::lock_guard lock(mutex_);
  marks_[mark] = MarkTimes{.at = Now()};
}

void Statistics::Answered(client::Level level, const std::string& phase, absl::Duration began) {
  const absl::Duration now = Now();
  const std::lock_guard lock(mutex_);
  latencies_ms_[phase][level].push_back(Milliseconds(now - began));
  ++answers_[level];
  if (const auto last = last_answer_.find(level); last != last_answer_.end()) {
    absl::Duration& gap = largest_gap_[phase_][level];
    gap = std::max(gap, now - last->second);
  }
  last_answer_[level] = now;
  for (auto& [name, mark] : marks_) {
    if (began >= mark.at) mark.first_answer.emplace(level, now - mark.at);
  }
}

void Statistics::Refused(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++refusals_[reason];
}

void Statistics::Sampled(const client::DaemonStatus& status, absl::Duration asked) {
  const absl::Duration now = Now();
  const std::lock_guard lock(mutex_);
  status_[phase_].slowest = std::max(status_[phase_].slowest, now - asked);
  for (const client::TargetStatus& target : status.targets) {
    Lag& lag = lags_[phase_][target.name];
    lag.largest_time = std::max(lag.largest_time, target.lag_time);
    lag.largest_writes = std::max(lag.largest_writes, target.lag_writes);
    lag.largest_bytes = std::max(lag.largest_bytes, target.lag_bytes);
    const std::string health(client::TargetHealthName(target.health));
    if (lag.health.empty() || lag.health.back() != health) lag.health.push_back(health);
  }
  for (auto& [name, mark] : marks_) {
    if (asked < mark.at) continue;
    if (mark.appended == 0) mark.appended = status.journal.appended_sequence;
    for (const client::TargetStatus& target : status.targets) {
      const absl::Duration time = now - mark.at;
      if (target.applied_sequence >= mark.appended) mark.backlog.emplace(target.name, time);
      if (target.lag_writes == 0) mark.lag_zero.emplace(target.name, time);
    }
  }
}

void Statistics::NotSampled() {
  const std::lock_guard lock(mutex_);
  ++status_[phase_].unanswered;
}

std::string Statistics::phase() const {
  const std::lock_guard lock(mutex_);
  return phase_;
}

uint64_t Statistics::AnswersOf(client::Level level) const {
  const std::lock_guard lock(mutex_);
  const auto answers = answers_.find(level);
  return answers == answers_.end() ? 0 : answers->second;
}

uint64_t Statistics::RefusalsOf(const std::string& reason) const {
  const std::lock_guard lock(mutex_);
  const auto refusals = refusals_.find(reason);
  return refusals == refusals_.end() ? 0 : refusals->second;
}

std::string Statistics::Json(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> phases;
  for (size_t i = 0; i < phases_.size(); ++i) {
    const auto& [phase, began] = phases_[i];
    const absl::Duration ended = i + 1 < phases_.size() ? phases_[i + 1].second : Now();
    std::vector<std::string> members = {
        absl::StrFormat(R"("seconds":%.1f)", absl::ToDoubleSeconds(ended - began))};
    if (const auto levels = latencies_ms_.find(phase); levels != latencies_ms_.end()) {
      for (const auto& [level, latencies] : levels->second) {
        const auto gaps = largest_gap_.find(phase);
        const bool has_gap = gaps != largest_gap_.end() && gaps->second.contains(level);
        members.push_back(absl::StrCat(
            "\"", client::LevelName(level), "\":",
            LatenciesJson(latencies, has_gap ? gaps->second.at(level) : absl::ZeroDuration())));
      }
    }
    if (const auto lags = lags_.find(phase); lags != lags_.end()) {
      for (const auto& [target, lag] : lags->second) {
        members.push_back(
            absl::StrFormat(R"("%s":{"lag_s":%.2f,"lag_writes":%d,"lag_bytes":%d,"health":"%s"})",
                            target, absl::ToDoubleSeconds(lag.largest_time), lag.largest_writes,
                            lag.largest_bytes, absl::StrJoin(lag.health, ">")));
      }
    }
    if (const auto status = status_.find(phase); status != status_.end()) {
      members.push_back(absl::StrFormat(R"("status":{"max_ms":%.0f,"unanswered":%d})",
                                        Milliseconds(status->second.slowest),
                                        status->second.unanswered));
    }
    phases.push_back(absl::StrCat("\"", phase, "\":{", absl::StrJoin(members, ","), "}"));
  }
  const std::string marks = ObjectJson(marks_, [](const auto& mark, const MarkTimes& times) {
    const auto by_target = [](const auto& target, absl::Duration time) {
      return NumberJson(target, time);
    };
    const auto levels = ObjectJson(times.first_answer, [](client::Level level, auto time) {
      return NumberJson(client::LevelName(level), time);
    });
    return absl::StrCat("\"", mark, "\":{\"backlog_ms\":", ObjectJson(times.backlog, by_target),
                        ",\"lag_zero_ms\":", ObjectJson(times.lag_zero, by_target),
                        ",\"first_answer_ms\":", levels, "}");
  });
  const std::string refusals = ObjectJson(refusals_, [](const auto& reason, uint64_t count) {
    return absl::StrFormat(R"("%s":%d)", reason, count);
  });
  return absl::StrCat("{\"name\":\"", name, "\",\"phases\":{", absl::StrJoin(phases, ","),
                      "},\"marks\":", marks, ",\"refusals\":", refusals, "}");
}

}  // namespace tandem::lab
