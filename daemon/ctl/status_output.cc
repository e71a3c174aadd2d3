// How `status` looks: a tree for people, one JSON object for programs.
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/ctl/format.h"
#include "daemon/ctl/output.h"

namespace tandem::ctl {
namespace {

namespace json = boost::json;

constexpr absl::Duration kTenth = absl::Milliseconds(100);
// More would push the head of the tree off the screen.
constexpr size_t kMostShown = 10;

std::string Text(absl::string_view text) { return std::string(text); }

// Null while the lag does not shrink.
json::value LeftOf(const client::TargetStatus& target) {
  if (target.catch_up_left == absl::InfiniteDuration()) return nullptr;
  return absl::ToDoubleSeconds(target.catch_up_left);
}

json::array ArrayOf(const std::vector<client::ParkedWrite>& writes) {
  json::array array;
  for (const client::ParkedWrite& write : writes) {
    array.push_back({{"sequence", write.sequence},
                     {"path", write.path},
                     {"error", write.error},
                     {"since", TimeOrNull(write.since)}});
  }
  return array;
}

json::value ValueOf(const std::optional<client::DetachedStatus>& detached) {
  if (!detached.has_value()) return nullptr;
  return json::object{{"detached", detached->detached},
                      {"since", TimeOrNull(detached->since)},
                      {"missed_paths", detached->missed_paths},
                      {"copied_paths", detached->copied_paths},
                      {"copied_bytes", detached->copied_bytes}};
}

json::object ObjectOf(const client::TargetStatus& target) {
  return {{"name", target.name},
          {"path", target.path},
          {"health", Text(TargetHealthName(target.health))},
          {"reason", TextOrNull(target.reason)},
          {"since", TimeOrNull(target.since)},
          {"target_id", TextOrNull(target.target_id)},
          {"io_engine", TextOrNull(target.io_engine)},
          {"checkpoint_sequence", target.checkpoint_sequence},
          {"applied_sequence", target.applied_sequence},
          {"lag_writes", target.lag_writes},
          {"lag_bytes", target.lag_bytes},
          {"lag_seconds", absl::ToDoubleSeconds(target.lag_time)},
          {"applied_per_second", target.applied_per_second},
          {"catch_up_left_seconds", LeftOf(target)},
          {"parked_writes", target.parked_writes},
          {"parked", ArrayOf(target.parked)},
          {"diverged_paths", target.diverged_paths},
          {"skipped_writes", target.skipped_writes},
          {"skipped", ArrayOf(target.skipped)},
          {"detached", ValueOf(target.detached)}};
}

std::string Bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return unit == 0 ? absl::StrCat(bytes, "B") : absl::StrFormat("%.1f%s", value, kUnits[unit]);
}

std::string Ago(absl::Duration duration) { return DurationText(duration, absl::Seconds(1)); }

std::string Colored(absl::string_view text, const char* color, Style style) {
  return style.color ? absl::StrCat("\033[", color, "m", text, "\033[0m") : Text(text);
}

const char* ColorOf(client::TargetHealth health) {
  switch (health) {
    case client::TargetHealth::kHealthy:
      return "32";
    case client::TargetHealth::kStalled:
    case client::TargetHealth::kDown:
      return "31";
    default:
      return "33";
  }
}

std::string LagText(const client::TargetStatus& target) {
  std::string out =
      absl::StrCat(" lag:", target.lag_writes, target.lag_writes == 1 ? " write" : " writes");
  if (target.lag_writes == 0) {
    // Nobody wrote, and still it is not known to be reached.
    if (target.lag_time >= absl::Seconds(1)) {
      absl::StrAppend(&out, " (lacks a heartbeat for ", DurationText(target.lag_time, kTenth), ")");
    }
    return out;
  }
  absl::StrAppend(&out, " (", Bytes(target.lag_bytes), ", oldest ",
                  DurationText(target.lag_time, kTenth), ", ",
                  absl::StrFormat("%.1f writes/s", target.applied_per_second));
  if (target.catch_up_left != absl::InfiniteDuration()) {
    absl::StrAppend(&out, ", ", Ago(target.catch_up_left), " left");
  }
  return absl::StrCat(out, ")");
}

// "" if no target is at risk.
std::string RpoText(const client::DaemonStatus& status) {
  if (!status.rpo_at_risk) return "";
  const client::TargetStatus* worst = nullptr;
  for (const client::TargetStatus& target : status.targets) {
    if (target.name == "local") continue;
    if (worst == nullptr || target.lag_time > worst->lag_time) worst = &target;
  }
  const std::string limit =
      absl::StrCat("beyond rpo_limit (", DurationText(status.rpo_limit, kTenth), ")");
  const std::string who =
      worst == nullptr || worst->lag_time == absl::ZeroDuration()
          ? "a target lags "
          : absl::StrCat(worst->name, " lags by ", DurationText(worst->lag_time, kTenth), ", ");
  return absl::StrCat(": ", who, limit, status.rpo_refuse ? "; new writes are refused" : "", "\n");
}

std::string TargetTree(const client::TargetStatus& target, bool last, absl::Time now, Style style) {
  const absl::string_view stem = last ? "   " : "│  ";
  std::string out =
      absl::StrCat(last ? "└─ " : "├─ ", target.name, " ", target.path, "  ",
                   Colored(TargetHealthName(target.health), ColorOf(target.health), style));
  if (target.since > absl::UnixEpoch()) absl::StrAppend(&out, " for ", Ago(now - target.since));
  absl::StrAppend(&out, "\n");
  if (!target.reason.empty()) absl::StrAppend(&out, stem, "  reason: ", target.reason, "\n");
  absl::StrAppend(&out, stem, "  applied:", target.applied_sequence,
                  " checkpoint:", target.checkpoint_sequence, LagText(target),
                  target.io_engine.empty() ? "" : absl::StrCat(" io:", target.io_engine), "\n");
  const auto add = [&](absl::string_view name, uint64_t count, uint64_t all,
                       const std::vector<client::ParkedWrite>& writes) {
    if (count == 0) return;
    absl::StrAppend(&out, stem, "  ", Colored(absl::StrCat(name, count), "31", style), "\n");
    const size_t shown = std::min(writes.size(), kMostShown);
    for (size_t i = 0; i < shown; ++i) {
      absl::StrAppend(&out, stem, "    #", writes[i].sequence, " ", writes[i].path, ": ",
                      writes[i].error, "\n");
    }
    if (all > shown) {
      absl::StrAppend(&out, stem, "    and ", all - shown,
                      " more writes: tandemctl pending --target ", target.name, "\n");
    }
  };
  if (target.detached.has_value()) {
    const client::DetachedStatus& detached = *target.detached;
    absl::StrAppend(&out, stem, "  ", Colored("INCONSISTENT", "31", style),
                    detached.detached ? " detached" : " copying", " for ",
                    Ago(now - detached.since), " missed paths:", detached.missed_paths,
                    " copied:", detached.copied_paths, " (", Bytes(detached.copied_bytes), ")\n");
  }
  add("parked:", target.parked_writes, target.parked_writes, target.parked);
  add("diverged paths:", target.diverged_paths, target.skipped_writes, target.skipped);
  return out;
}

}  // namespace

Style StyleOfTerminal() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any other thread
  const char* no_color = std::getenv("NO_COLOR");
  return {.color = isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0')};
}

std::string TreeOf(const client::DaemonStatus& status, absl::Time now, Style style) {
  const client::JournalStatus& journal = status.journal;
  std::string out =
      absl::StrCat(status.writer.empty() ? "tandemd" : status.writer, "  tandemd ", status.version);
  if (status.started > absl::UnixEpoch()) absl::StrAppend(&out, "  up ", Ago(now - status.started));
  absl::StrAppend(&out, "\n");
  if (const std::string rpo = RpoText(status); !rpo.empty()) {
    absl::StrAppend(&out, Colored("RPO AT RISK", "31", style), rpo);
  }
  const absl::string_view stem = status.targets.empty() ? "   " : "│  ";
  const bool serving = journal.state == "SERVING";
  absl::StrAppend(&out, status.targets.empty() ? "└─ " : "├─ ", "journal ", journal.directory, "  ",
                  Colored(journal.state, serving ? "32" : "31", style), "\n");
  if (!journal.reason.empty()) {
    absl::StrAppend(&out, stem, "  reason: ", journal.reason, "\n");
  }
  absl::StrAppend(&out, stem, "  appended:", journal.appended_sequence,
                  " durable:", journal.durable_sequence, " retired:", journal.retired_sequence,
                  " used:", Bytes(journal.used_bytes), "/", Bytes(journal.max_bytes),
                  " epoch:", journal.epoch, " io:", status.io_engine, "\n");
  for (const client::TargetStatus& target : status.targets) {
    absl::StrAppend(&out, TargetTree(target, &target == &status.targets.back(), now, style));
  }
  return out;
}

std::string JsonOf(const client::DaemonStatus& status) {
  const client::JournalStatus& journal = status.journal;
  json::array targets;
  for (const client::TargetStatus& target : status.targets) targets.push_back(ObjectOf(target));
  const json::object object = {{"version", status.version},
                               {"writer", status.writer},
                               {"started", TimeOrNull(status.started)},
                               {"io_engine", TextOrNull(status.io_engine)},
                               {"rpo_at_risk", status.rpo_at_risk},
                               {"rpo_refuse", status.rpo_refuse},
                               {"rpo_limit_seconds", absl::ToDoubleSeconds(status.rpo_limit)},
                               {"journal",
                                {{"directory", journal.directory},
                                 {"state", journal.state},
                                 {"reason", TextOrNull(journal.reason)},
                                 {"appended_sequence", journal.appended_sequence},
                                 {"durable_sequence", journal.durable_sequence},
                                 {"retired_sequence", journal.retired_sequence},
                                 {"used_bytes", journal.used_bytes},
                                 {"max_bytes", journal.max_bytes},
                                 {"epoch", journal.epoch}}},
                               {"targets", std::move(targets)}};
  return json::serialize(object) + "\n";
}

}  // namespace tandem::ctl
