// put, append, write-at, truncate, rename, delete.
#include <unistd.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/output.h"

namespace tandem::ctl {
namespace {

// The daemon's own limit may be lower; it says so.
constexpr size_t kMaxDataBytes = size_t{3} << 20;

// All that any of these commands takes.
struct Arguments {
  std::string path;
  std::string new_path;
  std::string file;
  std::string text;
  std::string mode;
  uint64_t number = 0;
  bool if_absent = false;
  CLI::Option* has_text = nullptr;
};

absl::StatusOr<std::string> DataOf(const Arguments& arguments) {
  if (*arguments.has_text) {
    if (!arguments.file.empty()) return UsageError("give --data or a file, not both");
    return arguments.text;
  }
  if (arguments.file.empty() && isatty(STDIN_FILENO) == 1) {
    return UsageError("no data: give a file, --data TEXT, or - to type it");
  }
  return ReadAll(arguments.file.empty() ? "-" : arguments.file, kMaxDataBytes);
}

absl::StatusOr<uint32_t> ModeOf(const Arguments& arguments) {
  if (arguments.mode.empty()) return 0;
  uint32_t mode = 0;
  for (const char digit : arguments.mode) {
    if (digit < '0' || digit > '7') return UsageError("--mode is an octal number like 0640");
    mode = mode * 8 + static_cast<uint32_t>(digit - '0');
    if (mode > 0777) return UsageError("--mode is at most 0777");
  }
  return mode;
}

using Build = std::function<absl::StatusOr<client::Operation>(const Arguments&)>;

ExitCode Execute(const Globals& globals, const Arguments& arguments, const Build& build) {
  const absl::StatusOr<client::CallOptions> options = CallOptionsOf(globals, kWaitingCallTimeout);
  if (!options.ok()) return Report(globals, options.status());
  absl::StatusOr<client::Operation> operation = build(arguments);
  if (!operation.ok()) return Report(globals, operation.status());
  absl::StatusOr<std::unique_ptr<client::Client>> client = ConnectToWait(globals);
  if (!client.ok()) return Report(globals, client.status());
  const absl::StatusOr<client::WriteResult> result =
      (*client)->Write(*std::move(operation), *options);
  if (!result.ok()) return Report(globals, result.status());
  if (!globals.quiet) std::cout << (globals.json ? JsonOf(*result) : TableOf(*result));
  return kOk;
}

CLI::App* Add(CLI::App* app, const char* name, const char* description, const Globals& globals,
              std::shared_ptr<Arguments> arguments, Run* run, Build build) {
  CLI::App* command = app->add_subcommand(name, description);
  NameGlobals(
      command,
      {.level = true, .without_timeout = "the daemon's dual_write_timeout", .request_id = true});
  command->add_option("path", arguments->path, "the file, relative to the writer's root")
      ->required();
  command->callback([&globals, arguments, run, build = std::move(build)] {
    *run = [&globals, arguments, build] { return Execute(globals, *arguments, build); };
  });
  return command;
}

void TakesData(CLI::App* command, Arguments* arguments) {
  command->add_option("file", arguments->file, "the data: a file, or - for standard input");
  arguments->has_text = command->add_option("--data", arguments->text, "the data itself");
  command->add_option("--mode", arguments->mode, "permission bits of a new file, octal");
}

using DataBuild = std::function<client::Operation(const Arguments&, std::string, uint32_t)>;

Build WithData(DataBuild build) {
  return
      [build = std::move(build)](const Arguments& arguments) -> absl::StatusOr<client::Operation> {
        const absl::StatusOr<uint32_t> mode = ModeOf(arguments);
        if (!mode.ok()) return mode.status();
        absl::StatusOr<std::string> data = DataOf(arguments);
        if (!data.ok()) return data.status();
        return build(arguments, *std::move(data), *mode);
      };
}

void AddDataCommands(CLI::App* app, const Globals& globals, Run* run) {
  auto put = std::make_shared<Arguments>();
  CLI::App* command =
      Add(app, "put", "Replace a whole file atomically", globals, put, run,
          WithData([](const Arguments& a, std::string data, uint32_t mode) {
            return client::Operation::Put(a.path, std::move(data), mode, a.if_absent);
          }));
  TakesData(command, put.get());
  command->add_flag("--if-absent", put->if_absent, "refuse if a file is there");

  auto append = std::make_shared<Arguments>();
  TakesData(Add(app, "append", "Add to a file's end", globals, append, run,
                WithData([](const Arguments& a, std::string data, uint32_t mode) {
                  return client::Operation::Append(a.path, std::move(data), mode);
                })),
            append.get());

  auto write_at = std::make_shared<Arguments>();
  command = Add(app, "write-at", "Write at an offset", globals, write_at, run,
                WithData([](const Arguments& a, std::string data, uint32_t mode) {
                  return client::Operation::WriteAt(a.path, a.number, std::move(data), mode);
                }));
  command->add_option("offset", write_at->number, "bytes from the file's start")
      ->required()
      ->check(WholeNumber());
  TakesData(command, write_at.get());
}

}  // namespace

void AddWriteCommands(CLI::App* app, const Globals& globals, Run* run) {
  AddDataCommands(app, globals, run);

  auto truncate = std::make_shared<Arguments>();
  Add(app, "truncate", "Set a file's size", globals, truncate, run,
      [](const Arguments& a) { return client::Operation::Truncate(a.path, a.number); })
      ->add_option("size", truncate->number, "bytes")
      ->required()
      ->check(WholeNumber());

  auto rename = std::make_shared<Arguments>();
  CLI::App* command =
      Add(app, "rename", "Move a file", globals, rename, run, [](const Arguments& a) {
        return client::Operation::Rename(a.path, a.new_path, a.if_absent);
      });
  command->add_option("new-path", rename->new_path, "where to")->required();
  command->add_flag("--if-absent", rename->if_absent, "refuse if a file is at the new path");

  Add(app, "delete", "Remove a file", globals, std::make_shared<Arguments>(), run,
      [](const Arguments& a) { return client::Operation::Delete(a.path); });
}

}  // namespace tandem::ctl
