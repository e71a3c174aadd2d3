#include "daemon/ctl/output.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tandem::ctl {
namespace {

namespace json = boost::json;

std::string Text(absl::string_view text) { return std::string(text); }

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

json::array TargetsOf(const client::WriteResult& result) {
  json::array targets;
  for (const client::TargetOutcome& target : result.targets) {
    targets.push_back({{"target", target.target},
                       {"state", Text(TargetStateName(target.state))},
                       {"reason", target.reason}});
  }
  return targets;
}

json::object ObjectOf(const client::WriteResult& result) {
  json::array results;
  for (const client::OperationResult& each : result.results) {
    results.push_back({{"sequence", each.sequence},
                       {"data_crc32c", absl::StrFormat("%08x", each.data_crc32c)},
                       {"offset", each.offset},
                       {"size", each.size},
                       {"existed", each.existed}});
  }
  return {{"request_id", result.request_id},
          {"sequence", result.sequence()},
          {"level_reached", Text(LevelName(result.level_reached))},
          {"earlier_attempt", result.earlier_attempt},
          {"results", std::move(results)},
          {"targets", TargetsOf(result)}};
}

std::string Row(absl::string_view name, absl::string_view value) {
  return absl::StrFormat("%-12s %s\n", name, value);
}

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
                     {"since", Rfc3339(write.since)}});
  }
  return array;
}

json::value ValueOf(const std::optional<client::DetachedStatus>& detached) {
  if (!detached.has_value()) return nullptr;
  return json::object{{"detached", detached->detached},
                      {"since", Rfc3339(detached->since)},
                      {"missed_paths", detached->missed_paths},
                      {"copied_paths", detached->copied_paths},
                      {"copied_bytes", detached->copied_bytes}};
}

json::object ObjectOf(const client::TargetStatus& target) {
  return {{"name", target.name},
          {"path", target.path},
          {"health", Text(TargetHealthName(target.health))},
          {"reason", target.reason},
          {"since", Rfc3339(target.since)},
          {"target_id", target.target_id},
          {"io_engine", target.io_engine},
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

std::string Ago(absl::Duration duration) {
  return absl::FormatDuration(
      absl::Trunc(std::max(duration, absl::ZeroDuration()), absl::Seconds(1)));
}

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

std::string TargetTree(const client::TargetStatus& target, bool last, absl::Time now, Style style) {
  const absl::string_view stem = last ? "   " : "│  ";
  std::string out =
      absl::StrCat(last ? "└─ " : "├─ ", target.name, " ", target.path, "  ",
                   Colored(TargetHealthName(target.health), ColorOf(target.health), style));
  if (target.since > absl::UnixEpoch()) absl::StrAppend(&out, " for ", Ago(now - target.since));
  absl::StrAppend(&out, "\n");
  if (!target.reason.empty()) absl::StrAppend(&out, stem, "  reason: ", target.reason, "\n");
  absl::StrAppend(&out, stem, "  applied:", target.applied_sequence,
                  " checkpoint:", target.checkpoint_sequence, " lag:", target.lag_writes);
  if (target.lag_writes > 0) {
    absl::StrAppend(&out, " (", Bytes(target.lag_bytes), ", oldest ",
                    absl::FormatDuration(absl::Trunc(target.lag_time, absl::Milliseconds(100))),
                    ", ", absl::StrFormat("%.0f", target.applied_per_second), "/s");
    if (target.catch_up_left != absl::InfiniteDuration()) {
      absl::StrAppend(&out, ", ",
                      absl::FormatDuration(absl::Trunc(target.catch_up_left, absl::Seconds(1))),
                      " left");
    }
    absl::StrAppend(&out, ")");
  }
  absl::StrAppend(&out, target.io_engine.empty() ? "" : absl::StrCat(" io:", target.io_engine),
                  "\n");
  const auto add = [&](absl::string_view name, uint64_t count,
                       const std::vector<client::ParkedWrite>& writes) {
    if (count == 0) return;
    absl::StrAppend(&out, stem, "  ", Colored(absl::StrCat(name, count), "31", style), "\n");
    for (const client::ParkedWrite& write : writes) {
      absl::StrAppend(&out, stem, "    #", write.sequence, " ", write.path, ": ", write.error,
                      "\n");
    }
  };
  if (target.detached.has_value()) {
    const client::DetachedStatus& detached = *target.detached;
    absl::StrAppend(&out, stem, "  ", Colored("INCONSISTENT", "31", style),
                    detached.detached ? " detached" : " copying", " for ",
                    Ago(now - detached.since), " missed paths:", detached.missed_paths,
                    " copied:", detached.copied_paths, " (", Bytes(detached.copied_bytes), ")\n");
  }
  add("parked:", target.parked_writes, target.parked);
  add("diverged paths:", target.diverged_paths, target.skipped);
  return out;
}

}  // namespace

Style StyleOfTerminal() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any other thread
  const char* no_color = std::getenv("NO_COLOR");
  return {.color = isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0')};
}

std::string TableOf(const client::WriteResult& result) {
  std::string out;
  if (!result.request_id.empty()) absl::StrAppend(&out, Row("request-id", result.request_id));
  absl::StrAppend(&out, Row("level", LevelName(result.level_reached)));
  for (const client::OperationResult& each : result.results) {
    absl::StrAppend(&out, Row("sequence", absl::StrCat(each.sequence)));
  }
  for (const client::TargetOutcome& target : result.targets) {
    absl::StrAppend(
        &out, Row(target.target, absl::StrCat(TargetStateName(target.state),
                                              target.reason.empty() ? "" : ": ", target.reason)));
  }
  if (result.earlier_attempt) absl::StrAppend(&out, Row("note", "answers an earlier attempt"));
  return out;
}

std::string JsonOf(const client::WriteResult& result) {
  return json::serialize(ObjectOf(result)) + "\n";
}

std::string TableOf(const client::WriteInfo& info) {
  return absl::StrCat(TableOf(info.write), Row("journaled", Rfc3339(info.journaled_time)));
}

std::string JsonOf(const client::WriteInfo& info) {
  json::object object = ObjectOf(info.write);
  object["journaled_time"] = Rfc3339(info.journaled_time);
  return json::serialize(object) + "\n";
}

std::string TreeOf(const client::DaemonStatus& status, absl::Time now, Style style) {
  const client::JournalStatus& journal = status.journal;
  std::string out = absl::StrCat(status.writer.empty() ? "tandemd" : status.writer, "  tandemd ",
                                 status.version, "  up ", Ago(now - status.started), "\n");
  if (status.rpo_at_risk) {
    absl::StrAppend(&out, Colored("RPO AT RISK", "31", style), ": a target lags beyond rpo_limit",
                    status.rpo_refuse ? "; new writes are refused" : "", "\n");
  }
  const bool serving = journal.state == "SERVING";
  absl::StrAppend(&out, status.targets.empty() ? "└─ " : "├─ ", "journal ", journal.directory, "  ",
                  Colored(journal.state, serving ? "32" : "31", style), "\n");
  absl::StrAppend(&out, status.targets.empty() ? "   " : "│  ",
                  "  appended:", journal.appended_sequence, " durable:", journal.durable_sequence,
                  " retired:", journal.retired_sequence, " used:", Bytes(journal.used_bytes), "/",
                  Bytes(journal.max_bytes), " epoch:", journal.epoch, " io:", status.io_engine,
                  "\n");
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
                               {"started", Rfc3339(status.started)},
                               {"io_engine", status.io_engine},
                               {"rpo_at_risk", status.rpo_at_risk},
                               {"rpo_refuse", status.rpo_refuse},
                               {"journal",
                                {{"directory", journal.directory},
                                 {"state", journal.state},
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
