// target init, target show: on a directory, without a daemon.
#include <boost/json.hpp>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/format.h"
#include "daemon/ctl/local_files.h"
#include "daemon/lane/epoch_file.h"
#include "daemon/lane/target_identity.h"

namespace tandem::ctl {
namespace {

// A lane keeps to the identity it saw first, on the journal's volume, whatever target_id says then.
constexpr char kPinnedNote[] =
    "This identity is new. A daemon takes it only for a target that it has not seen yet: if its\n"
    "configuration has a target_id, set that to this one; if it has already used another\n"
    "directory under this name, it keeps to that one's identity and the target stays DOWN.\n";
constexpr char kMountNote[] =
    "It looks at the directory itself: on a mount that hangs, it hangs too.";

struct Arguments {
  std::string directory;
  std::string name;
  bool even_if_not_empty = false;
  bool init = false;
};

using Result = absl::StatusOr<TargetIdentity>;

Awaitable<absl::Status> Work(Env& env, FileHandle directory, const Arguments& arguments,
                             Result* result) {
  if (arguments.init) {
    *result =
        co_await InitializeTarget(env, directory, arguments.name, arguments.even_if_not_empty);
  } else {
    *result = co_await ReadTargetIdentity(env, directory);
  }
  co_return result->status();
}

Awaitable<absl::Status> Release(Env& env, FileHandle directory, const std::string& writer,
                                EpochFile* before) {
  auto released = co_await ReleaseEpoch(env, directory, writer);
  if (!released.ok()) co_return released.status();
  *before = *std::move(released);
  co_return absl::OkStatus();
}

Result RunOn(const Arguments& arguments) {
  Result result = absl::InternalError("not run");
  const absl::Status status = OnDirectory(
      arguments.directory, [&](Env& env, FileHandle directory) -> Awaitable<absl::Status> {
        return Work(env, directory, arguments, &result);
      });
  if (!status.ok()) return status;
  return result;
}

absl::Status Explain(const absl::Status& status, const Arguments& arguments) {
  std::string message = absl::StrCat(arguments.directory, ": ", status.message());
  if (status.code() == absl::StatusCode::kNotFound && !arguments.init) {
    absl::StrAppend(&message,
                    "; is its mount missing? A new target is made with: tandemctl target ", "init ",
                    arguments.directory, " --name NAME");
  } else if (arguments.init && absl::StrContains(status.message(), "not empty")) {
    absl::StrAppend(&message, "; is this the right directory? then add --even-if-not-empty");
  } else if (status.code() == absl::StatusCode::kAlreadyExists) {
    absl::StrAppend(&message, "; see it with: tandemctl target show ", arguments.directory);
  }
  return {status.code(), message};
}

ExitCode Execute(const Globals& globals, const Arguments& arguments) {
  const Result identity = RunOn(arguments);
  if (!identity.ok()) return Report(globals, Explain(identity.status(), arguments));
  const absl::Time created = absl::FromUnixMillis(identity->created_ms);
  if (globals.quiet) return kOk;
  if (globals.json) {
    std::cout << boost::json::serialize(boost::json::object{{"directory", arguments.directory},
                                                            {"target", identity->target},
                                                            {"target_id", identity->target_id},
                                                            {"created", TimeOrNull(created)}})
              << "\n";
  } else {
    std::cout << "target     " << identity->target << "\n"
              << "target-id  " << identity->target_id << "\n"
              << "created    " << TimeText(created) << "\n";
    if (arguments.init) std::cout << kPinnedNote;
  }
  return kOk;
}

void Add(CLI::App* group, const char* name, const char* description, const Globals& globals,
         Run* run) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = group->add_subcommand(name, description);
  command->add_option("directory", arguments->directory, "the target's own directory")->required();
  arguments->init = absl::string_view(name) == "init";
  NameGlobals(command, {.daemon = false}, kMountNote);
  if (arguments->init) {
    command->add_option("--name", arguments->name, "the target's name, e.g. corebank")->required();
    command->add_flag("--even-if-not-empty", arguments->even_if_not_empty,
                      "take a directory that holds files already");
  }
  command->callback([&globals, arguments, run] {
    *run = [&globals, arguments] { return Execute(globals, *arguments); };
  });
}

ExitCode TakeOver(const Globals& globals, const std::string& directory, const std::string& writer) {
  EpochFile before;
  const absl::Status status =
      OnDirectory(directory, [&](Env& env, FileHandle opened) -> Awaitable<absl::Status> {
        return Release(env, opened, writer, &before);
      });
  if (absl::IsNotFound(status)) {
    return Report(globals, absl::NotFoundError(
                               absl::StrCat(directory, ": nobody has written to it as ", writer)));
  }
  if (!status.ok()) {
    return Report(globals,
                  absl::Status(status.code(), absl::StrCat(directory, ": ", status.message())));
  }
  if (globals.quiet) return kOk;
  const absl::Time taken = absl::FromUnixMillis(before.taken_ms);
  if (globals.json) {
    std::cout << boost::json::serialize(boost::json::object{{"directory", directory},
                                                            {"writer", writer},
                                                            {"instance", before.instance},
                                                            {"epoch", before.epoch},
                                                            {"host", before.host},
                                                            {"pid", before.pid},
                                                            {"root", before.root},
                                                            {"taken", TimeOrNull(taken)}})
              << "\n";
  } else {
    std::cout << "It was instance " << before.instance << ", epoch " << before.epoch << ", pid "
              << before.pid << " on " << before.host << " since " << TimeText(taken) << ", with "
              << (before.root.empty() ? "the whole target" : "the directory " + before.root)
              << ".\n"
              << "The next daemon of writer " << writer << " goes on from what is here.\n";
  }
  return kOk;
}

void AddTakeOver(CLI::App* group, const Globals& globals, Run* run) {
  struct TakeOverArguments {
    std::string directory;
    std::string writer;
  };
  auto arguments = std::make_shared<TakeOverArguments>();
  CLI::App* command = group->add_subcommand("take-over",
                                            "Let another daemon of that writer have the target, as "
                                            "it is; stop the one that has it first");
  NameGlobals(command, {.daemon = false}, kMountNote);
  command->add_option("directory", arguments->directory, "the target's own directory")->required();
  command->add_option("--writer", arguments->writer, "its writer_name")->required();
  command->callback([&globals, arguments, run] {
    *run = [&globals, arguments] {
      return TakeOver(globals, arguments->directory, arguments->writer);
    };
  });
}

}  // namespace

void AddTargetCommands(CLI::App* app, const Globals& globals, Run* run) {
  CLI::App* group =
      app->add_subcommand("target", "Prepare or look at a target's directory (no daemon needed)");
  group->require_subcommand(1);
  Add(group, "init", "Make a directory a target: write its identity", globals, run);
  Add(group, "show", "Show a target's identity", globals, run);
  AddTakeOver(group, globals, run);
}

}  // namespace tandem::ctl
