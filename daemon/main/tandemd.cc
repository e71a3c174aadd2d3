// tandemd: one binary, three roles. Run by a user it is the supervisor, which starts the others.
#include "daemon/main/tandemd.h"

#include <filesystem>
#include <iostream>
#include <system_error>

#include "daemon/config/config.h"
#include "daemon/main/core_process.h"
#include "daemon/main/lane_process.h"
#include "daemon/main/role.h"
#include "daemon/main/shared_text.h"
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

// Reads the configuration again. True: something changed, and `shared` has it.
bool ReadAgain(const std::vector<std::string>& arguments, Config& config, SharedText& shared,
               Logger& log) {
  const ConfigSources sources = SourcesOfProcess(arguments);
  Reload reload = PlanReload(config, LoadConfig(sources), sources.places);
  for (const std::string& error : reload.errors) {
    log.Error("configuration_refused", {{"error", error}});
  }
  if (!reload.errors.empty()) return false;
  for (const std::string& key : reload.need_restart) {
    log.Warning("configuration_needs_restart", {{"key", key}});
  }
  for (const std::string& key : reload.changed) {
    log.Info("configuration_changed", {{"key", key}});
  }
  if (reload.changed.empty()) {
    log.Info("configuration_unchanged");
    return false;
  }
  if (const absl::Status status = shared.Replace(PrintConfig(reload.config)); !status.ok()) {
    log.Error("configuration_refused", {{"error", status}});
    return false;
  }
  config = std::move(reload.config);
  log.SetLevel(config.log_level);
  return true;
}

int RunSupervisorRole(Config config, const std::vector<std::string>& arguments, Logger& log) {
  if (config.embedded && !MakeEmbeddedDirectories(config, log)) return 1;
  // What the file says later is nobody's business until it is read again, by the supervisor, for
  // all: a lane that is started again must not run with something else than core.
  auto shared = SharedText::Make();
  absl::Status status = shared.status();
  if (status.ok()) status = shared->Replace(PrintConfig(config));
  if (!status.ok()) {
    log.Error("configuration_not_shared", {{"error", status}});
    return 1;
  }
  SupervisorOptions options;
  options.core = CoreSpec(arguments);
  for (const LaneOptions& lane : config.lanes) {
    options.lanes.push_back(LaneSpec(lane.target, arguments));
  }
  options.shared_fd = shared->fd();
  options.on_hangup = [&] { return ReadAgain(arguments, config, *shared, log); };
  return RunSupervisor(options, log);
}

int RunChildRole(const Role& role, const FilesFactory& make_files) {
  const SharedText shared{UniqueFd(role.config_fd)};
  const LoadedConfig loaded = LoadShared(shared);
  const auto log = MakeStderrLogger(loaded.config.log_level, NameOf(role.kind));
  if (!loaded.errors.empty()) {
    log->Error("configuration_refused", {{"error", loaded.errors.front()}});
    return kExitBadConfig;
  }
  if (role.kind == Role::Kind::kCore) {
    return RunCoreProcess(loaded.config, shared, UniqueFd(role.fd), make_files, *log);
  }
  return RunLaneProcess(loaded.config, shared, role.target, UniqueFd(role.fd), make_files, *log);
}

}  // namespace

int RunTandemd(std::vector<std::string> arguments, const FilesFactory& make_files) {
  const auto role = TakeRole(arguments);
  if (!role.has_value()) {
    std::cerr << "tandemd: its internal arguments make no sense\n";
    return kExitBadConfig;
  }
  if (role->kind != Role::Kind::kSupervisor) return RunChildRole(*role, make_files);
  const LoadedConfig loaded = LoadConfig(SourcesOfProcess(arguments));
  if (const auto status = AnswerCommandLine(loaded, std::cout, std::cerr); status.has_value()) {
    return *status;
  }
  const auto log = MakeStderrLogger(loaded.config.log_level, NameOf(role->kind));
  return RunSupervisorRole(loaded.config, arguments, *log);
}

}  // namespace tandem
