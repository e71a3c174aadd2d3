// wait, get, status.
#include <algorithm>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/output.h"

namespace tandem::ctl {
namespace {

constexpr absl::Duration kQueryTimeout = absl::Seconds(5);

constexpr char kStatesNote[] =
    "PENDING: owed to the target. FAILED: parked there, or skipped by an operator (tandemctl\n"
    "pending says more). DURABLE: there; also a write that was skipped there and whose path was\n"
    "written as a whole since: that target never had it, but is equal again.";

absl::StatusOr<client::WriteKey> KeyOf(const std::string& text) {
  if (uint64_t sequence = 0; absl::SimpleAtoi(text, &sequence)) return sequence;
  if (client::IsRequestId(text)) return text;
  return UsageError(absl::StrCat(text, " is neither a sequence nor a request id (a UUID)"));
}

bool Failed(const client::WriteResult& result) {
  return std::any_of(result.targets.begin(), result.targets.end(),
                     [](const client::TargetOutcome& target) {
                       return target.state == client::TargetState::kFailed;
                     });
}

ExitCode Wait(const Globals& globals, const std::string& key_text) {
  const absl::StatusOr<client::CallOptions> options = CallOptionsOf(globals, kWaitingCallTimeout);
  if (!options.ok()) return Report(globals, options.status());
  const absl::StatusOr<client::WriteKey> key = KeyOf(key_text);
  if (!key.ok()) return Report(globals, key.status());
  absl::StatusOr<std::unique_ptr<client::Client>> client = ConnectToWait(globals);
  if (!client.ok()) return Report(globals, client.status());
  const absl::StatusOr<client::WriteResult> result = (*client)->WaitDurable(*key, *options);
  if (!result.ok()) return Report(globals, result.status());
  if (!globals.quiet) std::cout << (globals.json ? JsonOfWait(*result) : TableOf(*result));
  return kOk;
}

ExitCode Get(const Globals& globals, const std::string& key_text) {
  const absl::StatusOr<client::CallOptions> options = CallOptionsOf(globals, kQueryTimeout);
  if (!options.ok()) return Report(globals, options.status());
  const absl::StatusOr<client::WriteKey> key = KeyOf(key_text);
  if (!key.ok()) return Report(globals, key.status());
  absl::StatusOr<std::unique_ptr<client::Client>> client = Connect(globals);
  if (!client.ok()) return Report(globals, client.status());
  const absl::StatusOr<client::WriteInfo> info = (*client)->GetWrite(*key, *options);
  if (!info.ok()) return Report(globals, info.status());
  if (!globals.quiet) std::cout << (globals.json ? JsonOf(*info) : TableOf(*info));
  return Failed(info->write) ? kDiverged : kOk;
}

ExitCode Status(const Globals& globals) {
  const absl::StatusOr<client::CallOptions> options = CallOptionsOf(globals, kQueryTimeout);
  if (!options.ok()) return Report(globals, options.status());
  absl::StatusOr<std::unique_ptr<client::Client>> client = Connect(globals);
  if (!client.ok()) return Report(globals, client.status());
  const absl::StatusOr<client::DaemonStatus> status = (*client)->GetStatus(*options);
  if (!status.ok()) return Report(globals, status.status());
  if (!globals.quiet) {
    std::cout << (globals.json ? JsonOf(*status) : TreeOf(*status, absl::Now(), StyleOfTerminal()));
  }
  const bool diverged = std::any_of(
      status->targets.begin(), status->targets.end(), [](const client::TargetStatus& target) {
        return target.parked_writes > 0 || target.diverged_paths > 0 || target.detached.has_value();
      });
  return diverged ? kDiverged : kOk;
}

CLI::App* AddKeyed(CLI::App* app, const char* name, const char* description, const Globals& globals,
                   Run* run, ExitCode (*execute)(const Globals&, const std::string&)) {
  auto key = std::make_shared<std::string>();
  CLI::App* command = app->add_subcommand(name, description);
  command->add_option("write", *key, "its sequence or request id")->required();
  command->callback([&globals, key, run, execute] {
    *run = [&globals, key, execute] { return execute(globals, *key); };
  });
  return command;
}

}  // namespace

void AddQueryCommands(CLI::App* app, const Globals& globals, Run* run) {
  NameGlobals(AddKeyed(app, "wait", "Wait until a write has reached --level", globals, run, Wait),
              {.level = true, .without_timeout = "the daemon's dual_write_timeout"});
  NameGlobals(AddKeyed(app, "get", "Show how far a write got; exit code 10 if a target refuses it",
                       globals, run, Get),
              {.without_timeout = "5s"}, kStatesNote);
}

void AddStatusCommand(CLI::App* app, const Globals& globals, Run* run) {
  CLI::App* command = app->add_subcommand("status",
                                          "Show journal and targets; exit code 10 if writes are "
                                          "parked, paths diverged, or a target detached");
  command->callback([&globals, run] { *run = [&globals] { return Status(globals); }; });
  NameGlobals(command, {.without_timeout = "5s"},
              "Exit code 0 says nothing of health, lag and the journal's state: read those.\n"
              "lag: writes that the target does not have yet; the oldest one's age is what would\n"
              "be lost there now.");
}

}  // namespace tandem::ctl
