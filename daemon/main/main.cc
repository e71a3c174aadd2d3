// tandemd: one binary, three roles. Run by a user it is the supervisor, which starts the others.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/main/core_process.h"
#include "daemon/main/lane_process.h"
#include "daemon/main/role.h"
#include "daemon/supervisor/supervisor.h"

namespace {

// The embedded default is for trying it out: it makes its own directories.
bool MakeEmbeddedDirectories(const tandem::Config& config, tandem::Logger& log) {
  std::error_code error;
  for (const tandem::LaneOptions& lane : config.lanes) {
    if (!error) std::filesystem::create_directories(lane.target_path, error);
  }
  if (!error) {
    const std::filesystem::path socket(config.rpc.socket_path);
    std::filesystem::create_directories(socket.parent_path(), error);
  }
  if (error) log.Error("directories_not_made", {{"error", error.message()}});
  return !error;
}

int RunSupervisorRole(const tandem::Config& config, const std::vector<std::string>& arguments,
                      tandem::Logger& log) {
  if (config.embedded && !MakeEmbeddedDirectories(config, log)) return 1;
  tandem::SupervisorOptions options;
  options.core = tandem::CoreSpec(arguments);
  for (const tandem::LaneOptions& lane : config.lanes) {
    options.lanes.push_back(tandem::LaneSpec(lane.target, arguments));
  }
  return tandem::RunSupervisor(options, log);
}

const char* NameOf(tandem::Role::Kind kind) {
  switch (kind) {
    case tandem::Role::Kind::kSupervisor:
      return "supervisor";
    case tandem::Role::Kind::kCore:
      return "core";
    case tandem::Role::Kind::kLane:
      return "lane";
  }
  return "unknown";
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto role = tandem::TakeRole(arguments);
  if (!role.has_value()) {
    std::fprintf(stderr, "tandemd: its internal arguments make no sense\n");
    return tandem::kExitBadConfig;
  }
  const tandem::LoadedConfig loaded = tandem::LoadConfig(tandem::SourcesOfProcess(arguments));
  if (const auto status = tandem::AnswerCommandLine(loaded, std::cout, std::cerr);
      status.has_value()) {
    return *status;
  }
  const tandem::Config& config = loaded.config;
  const auto log = tandem::MakeStderrLogger(config.log_level, NameOf(role->kind));
  switch (role->kind) {
    case tandem::Role::Kind::kSupervisor:
      return RunSupervisorRole(config, arguments, *log);
    case tandem::Role::Kind::kCore:
      return tandem::RunCoreProcess(config, tandem::UniqueFd(role->fd), *log);
    case tandem::Role::Kind::kLane:
      return tandem::RunLaneProcess(config, role->target, tandem::UniqueFd(role->fd), *log);
  }
  return 1;
}
