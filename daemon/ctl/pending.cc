// pending, retry, skip.
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/format.h"
#include "daemon/ctl/output.h"

namespace tandem::ctl {
namespace {

namespace json = boost::json;

constexpr absl::Duration kCallTimeout = absl::Seconds(5);
constexpr absl::Duration kResolveTimeout = absl::Seconds(30);
// How much less the daemon waits for the target, so that its answer arrives.
constexpr absl::Duration kAnswerTime = absl::Seconds(1);
constexpr uint32_t kPageSize = 1'000;

struct Choice {
  client::PendingChoice writes;
  bool all = false;
  std::string reason;
};

// Who runs this, as the system says; for the record only.
std::string UserName() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return absl::StrCat("uid ", getuid());
}

ExitCode Pending(const Globals& globals, const std::string& target) {
  const absl::StatusOr<client::CallOptions> options = CallOptionsOf(globals, kCallTimeout);
  if (!options.ok()) return Report(globals, options.status());
  absl::StatusOr<std::unique_ptr<client::Client>> client = Connect(globals);
  if (!client.ok()) return Report(globals, client.status());
  std::string token;
  std::vector<std::string> unknown;
  bool any = false;
  do {
    absl::StatusOr<client::PendingList> page =
        (*client)->ListPending(target, kPageSize, token, *options);
    if (!page.ok()) return Report(globals, page.status());
    for (const client::PendingWrite& write : page->writes) {
      any = true;
      if (globals.quiet) continue;
      std::cout << (globals.json ? JsonOf(write) : TableOf(write, absl::Now()));
    }
    unknown.insert(unknown.end(), page->unknown_targets.begin(), page->unknown_targets.end());
    token = page->next_page_token;
  } while (!token.empty());
  if (!any && unknown.empty() && !globals.quiet && !globals.json) {
    std::cout << "no parked or skipped writes\n";
  }
  ExitCode code = any ? kDiverged : kOk;
  for (const std::string& name : unknown) {
    code = Report(
        globals,
        absl::UnavailableError(absl::StrCat(
            "what ", name, " lacks is not known yet: its lane has not connected since the start")),
        {.reason = "TARGET_UNAVAILABLE", .retryable = true});
  }
  return code;
}

ExitCode Resolve(const Globals& globals, const Choice& choice, bool skip) {
  absl::StatusOr<client::CallOptions> options = CallOptionsOf(globals, kResolveTimeout);
  if (!options.ok()) return Report(globals, options.status());
  options->wait_timeout = std::max(options->timeout - kAnswerTime, options->timeout / 2);
  const int given = static_cast<int>(!choice.writes.path.empty()) +
                    static_cast<int>(!choice.writes.sequences.empty()) +
                    static_cast<int>(choice.all);
  if (given != 1) {
    return Report(globals, UsageError(skip ? "say which: --path or --sequence"
                                           : "say which: --path, --sequence or --all"));
  }
  absl::StatusOr<std::unique_ptr<client::Client>> client = Connect(globals);
  if (!client.ok()) return Report(globals, client.status());
  const absl::StatusOr<client::PendingResult> result =
      skip ? (*client)->SkipPending(choice.writes, choice.reason, UserName(), *options)
           : (*client)->RetryPending(choice.writes, *options);
  if (!result.ok()) return Report(globals, result.status());
  const absl::string_view done = skip ? "skipped" : "applied";
  if (!globals.quiet) {
    std::cout << (globals.json ? JsonOf(*result, done) : TableOf(*result, done));
  }
  return result->left > 0 ? kDiverged : kOk;
}

std::shared_ptr<Choice> AddChoice(CLI::App* command) {
  auto choice = std::make_shared<Choice>();
  NameGlobals(command, {.without_timeout = "30s"},
              "Without an answer from the target in that time (exit code 5) it may still be done:\n"
              "look with tandemctl pending before you repeat it.");
  command->add_option("target", choice->writes.target, "its name, like corebank")->required();
  command->add_option("--path", choice->writes.path, "the parked writes of this path");
  command->add_option("--sequence", choice->writes.sequences, "these writes; may be repeated")
      ->check(WholeNumber());
  return choice;
}

}  // namespace

std::string TableOf(const client::PendingWrite& write, absl::Time now) {
  std::string out = absl::StrFormat(
      "%-8s %s #%d %s %s%s  for %s, %d attempts: %s\n", PendingStateName(write.state), write.target,
      write.sequence, write.type, write.path,
      write.new_path.empty() ? "" : absl::StrCat(" -> ", write.new_path),
      DurationText(now - write.since, absl::Seconds(1)), write.attempts, write.error);
  if (write.state == client::PendingState::kDiverged) {
    absl::StrAppend(&out, "         diverged: ", absl::StrJoin(write.diverged_paths, ", "),
                    "; skipped ", TimeText(write.skipped_time), " by ", write.skipped_by, ": ",
                    write.skip_reason, "\n");
  }
  return out;
}

std::string JsonOf(const client::PendingWrite& write) {
  const bool skipped = write.state == client::PendingState::kDiverged;
  const json::object object = {
      {"target", write.target},
      {"sequence", write.sequence},
      {"path", write.path},
      {"new_path", TextOrNull(write.new_path)},
      {"type", write.type},
      {"state", std::string(PendingStateName(write.state))},
      {"error", TextOrNull(write.error)},
      {"since", TimeOrNull(write.since)},
      {"attempts", write.attempts},
      {"diverged_paths", json::array(write.diverged_paths.begin(), write.diverged_paths.end())},
      {"skip_reason", TextOrNull(write.skip_reason)},
      {"skipped_by", TextOrNull(write.skipped_by)},
      {"skipped", skipped ? TimeOrNull(write.skipped_time) : nullptr}};
  return json::serialize(object) + "\n";
}

std::string TableOf(const client::PendingResult& result, absl::string_view done) {
  std::string out = absl::StrCat(done, ": ", result.done, ", still parked: ", result.left, "\n");
  for (const client::PendingOutcome& each : result.outcomes) {
    absl::StrAppend(&out, "#", each.sequence, " ", each.path, ": ",
                    each.done ? done : absl::string_view(each.error), "\n");
  }
  if (const uint64_t all = result.done + result.left; all > result.outcomes.size()) {
    absl::StrAppend(&out, "and ", all - result.outcomes.size(), " more\n");
  }
  return out;
}

std::string JsonOf(const client::PendingResult& result, absl::string_view done) {
  json::array outcomes;
  for (const client::PendingOutcome& each : result.outcomes) {
    outcomes.push_back({{"sequence", each.sequence},
                        {"path", each.path},
                        {"done", each.done},
                        {"error", TextOrNull(each.error)}});
  }
  const json::object object = {
      {std::string(done), result.done}, {"parked", result.left}, {"outcomes", std::move(outcomes)}};
  return json::serialize(object) + "\n";
}

void AddPendingCommands(CLI::App* app, const Globals& globals, Run* run) {
  CLI::App* pending = app->add_subcommand(
      "pending", "Show what targets lack: parked and skipped writes; exit code 10 if any");
  auto target = std::make_shared<std::string>();
  pending->add_option("--target", *target, "only this one");
  NameGlobals(pending, {.without_timeout = "5s"},
              "Writes that are on their way are no part of it, nor are the paths that a detached\n"
              "target misses: see tandemctl status.");
  pending->callback(
      [&globals, target, run] { *run = [&globals, target] { return Pending(globals, *target); }; });
  CLI::App* retry = app->add_subcommand(
      "retry", "Try parked writes again at once; exit code 10 if some still wait");
  const std::shared_ptr<Choice> again = AddChoice(retry);
  retry->add_flag("--all", again->all, "all parked writes of the target");
  retry->callback([&globals, again, run] {
    *run = [&globals, again] { return Resolve(globals, *again, /*skip=*/false); };
  });
  CLI::App* skip = app->add_subcommand(
      "skip",
      "Give parked writes up on a target: their paths are DIVERGED there until they are written "
      "as a whole or deleted");
  const std::shared_ptr<Choice> given_up = AddChoice(skip);
  skip->add_option("--reason", given_up->reason, "why; it is kept and logged")->required();
  skip->callback([&globals, given_up, run] {
    *run = [&globals, given_up] { return Resolve(globals, *given_up, /*skip=*/true); };
  });
}

}  // namespace tandem::ctl
