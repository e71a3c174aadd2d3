// tandemd as it is, but the process whose role the environment's FAILPOINT names dies where that
// says (failpoint_files.h).
#include <cstdlib>
#include <iostream>

#include "daemon/main/role.h"
#include "daemon/main/tandemd.h"
#include "tests/integration/failpoint_files.h"

int main(int argc, char** argv) {
  using tandem::Role;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const char* text = std::getenv("FAILPOINT");
  const auto failpoint = tandem::Failpoint::Parse(text == nullptr ? "" : text);
  if (!failpoint.has_value()) {
    std::cerr << "FAILPOINT makes no sense\n";
    return 1;
  }
  std::vector<std::string> rest = arguments;
  const auto role = tandem::TakeRole(rest);
  std::string name = "supervisor";
  if (role.has_value() && role->kind == Role::Kind::kCore) name = "core";
  if (role.has_value() && role->kind == Role::Kind::kLane) name = role->target;
  const tandem::FilesFactory make_files =
      [&](tandem::Executor executor, const tandem::IoConfig& config,
          tandem::Logger& log) -> absl::StatusOr<std::unique_ptr<tandem::Files>> {
    auto files = tandem::MakeConfiguredFiles(std::move(executor), config, log);
    if (!files.ok() || name != failpoint->role) return files;
    return std::make_unique<tandem::FailpointFiles>(*std::move(files), *failpoint);
  };
  return tandem::RunTandemd(arguments, make_files);
}
