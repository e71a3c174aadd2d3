// tandemd: one binary, three roles. Run by a user it is the supervisor, which starts the others.
#include "daemon/main/tandemd.h"

#include <filesystem>
#include <iostream>
#include <system_error>

#include "daemon/config/config.h"
#include "daemon/main/core_process.h"
#include "daemon/main/lane_process.h"
#include "daemon/main/role.h"
#include "daemon/supervisor/supervisor.h"

namespace tandem {
namespace {

// The embedded default is for trying it out: it makes its own directories.
bool MakeEmbeddedDirectories(const Config& config, Logger& log) {
  std::error_code error;
  for (const LaneOptions& lane : config.lanes) {
    if (!error) std::filesystem::create_directories(lane.target_path, error);
  }
  if (!error) {
    const std::filesystem::path socket(config.rpc.socket_path);
    std::filesystem::create_directories(socket.parent_path(), error);
  }
  if (error) log.Error("directories_not_made", {{"error", error.message()}});
  return !error;
}

int RunSupervisorRole(const Config& config, const std::vector<std::string>& arguments,
                      Logger& log) {
  if (config.embedded && !MakeEmbeddedDirectories(config, log)) return 1;
  SupervisorOptions options;
  options.core = CoreSpec(arguments);
  for (const LaneOptions& lane : config.lanes) {
    options.lanes.push_back(LaneSpec(lane.target, arguments));
  }
  return RunSupervisor(options, log);
}

const char* NameOf(Role::Kind kind) {
  switch (kind) {
    case Role::Kind::kSupervisor:
      return "supervisor";
    case Role::Kind::kCore:
      return "core";
    case Role::Kind::kLane:
      return "lane";
  }
  return "unknown";
}

}  // namespace

int RunTandemd(std::vector<std::string> arguments, const FilesFactory& make_files) {
  const auto role = TakeRole(arguments);
  if (!role.has_value()) {
    std::cerr << "tandemd: its internal arguments make no sense\n";
    return kExitBadConfig;
  }
  const LoadedConfig loaded = LoadConfig(SourcesOfProcess(arguments));
  if (const auto status = AnswerCommandLine(loaded, std::cout, std::cerr); status.has_value()) {
    return *status;
  }
  const Config& config = loaded.config;
  const auto log = MakeStderrLogger(config.log_level, NameOf(role->kind));
  switch (role->kind) {
    case Role::Kind::kSupervisor:
      return RunSupervisorRole(config, arguments, *log);
    case Role::Kind::kCore:
      return RunCoreProcess(config, UniqueFd(role->fd), make_files, *log);
    case Role::Kind::kLane:
      return RunLaneProcess(config, role->target, UniqueFd(role->fd), make_files, *log);
  }
  return 1;
}

}  // namespace tandem
