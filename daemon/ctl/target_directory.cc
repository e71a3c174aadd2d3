// target init, target show: on a directory, without a daemon.
#include <fcntl.h>

#include <boost/json.hpp>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/base/log.h"
#include "daemon/ctl/command.h"
#include "daemon/io/env.h"
#include "daemon/io/system_clock.h"
#include "daemon/io/system_random.h"
#include "daemon/io/thread_files.h"
#include "daemon/lane/target_identity.h"

namespace tandem::ctl {
namespace {

struct Arguments {
  std::string directory;
  std::string name;
  bool even_if_not_empty = false;
  bool init = false;
};

using Result = absl::StatusOr<TargetIdentity>;

Awaitable<void> Work(Env& env, const Arguments& arguments, Result* result) {
  auto directory = co_await env.files.Open(kNoFile, arguments.directory, O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) {
    *result = directory.status();
    co_return;
  }
  if (arguments.init) {
    *result =
        co_await InitializeTarget(env, *directory, arguments.name, arguments.even_if_not_empty);
  } else {
    *result = co_await ReadTargetIdentity(env, *directory);
  }
  (co_await env.files.Close(*directory)).IgnoreError();  // a directory, synced where it changed
}

Result RunOn(const Arguments& arguments) {
  Result result = absl::InternalError("not run");
  const std::unique_ptr<Logger> log = MakeNullLogger();
  boost::asio::io_context context;
  SystemClock clock(context.get_executor());
  SystemRandom random;
  ThreadFiles files(context.get_executor(), 1);
  Env env{context.get_executor(), files, clock, random, *log};
  Spawn(context.get_executor(), Work(env, arguments, &result));
  context.run();
  return result;
}

absl::Status Explain(const absl::Status& status, const Arguments& arguments) {
  std::string message = absl::StrCat(arguments.directory, ": ", status.message());
  if (status.code() == absl::StatusCode::kNotFound && !arguments.init) {
    absl::StrAppend(&message, "; make it a target with: tandemctl target init ",
                    arguments.directory, " --name NAME");
  } else if (status.code() == absl::StatusCode::kFailedPrecondition) {
    absl::StrAppend(&message, "; is this the right directory? then add --even-if-not-empty");
  } else if (status.code() == absl::StatusCode::kAlreadyExists) {
    absl::StrAppend(&message, "; see it with: tandemctl target show ", arguments.directory);
  }
  return {status.code(), message};
}

ExitCode Execute(const Globals& globals, const Arguments& arguments) {
  const Result identity = RunOn(arguments);
  if (!identity.ok()) return Report(globals, Explain(identity.status(), arguments));
  const std::string created = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(identity->created_ms), absl::UTCTimeZone());
  if (globals.quiet) return kOk;
  if (globals.json) {
    std::cout << boost::json::serialize(boost::json::object{{"directory", arguments.directory},
                                                            {"target", identity->target},
                                                            {"target_id", identity->target_id},
                                                            {"created", created}})
              << "\n";
  } else {
    std::cout << "target     " << identity->target << "\n"
              << "target-id  " << identity->target_id << "\n"
              << "created    " << created << "\n";
  }
  return kOk;
}

void Add(CLI::App* group, const char* name, const char* description, const Globals& globals,
         Run* run) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = group->add_subcommand(name, description);
  command->add_option("directory", arguments->directory, "the target's own directory")->required();
  arguments->init = absl::string_view(name) == "init";
  if (arguments->init) {
    command->add_option("--name", arguments->name, "the target's name, e.g. corebank")->required();
    command->add_flag("--even-if-not-empty", arguments->even_if_not_empty,
                      "take a directory that holds files already");
  }
  command->callback([&globals, arguments, run] {
    *run = [&globals, arguments] { return Execute(globals, *arguments); };
  });
}

}  // namespace

void AddTargetCommands(CLI::App* app, const Globals& globals, Run* run) {
  CLI::App* group =
      app->add_subcommand("target", "Prepare or look at a target's directory (no daemon needed)");
  group->require_subcommand(1);
  Add(group, "init", "Make a directory a target: write its identity", globals, run);
  Add(group, "show", "Show a target's identity", globals, run);
}

}  // namespace tandem::ctl
