// The daemon's configuration: one YAML file, environment variables and flags, described by one
// table (keys.h). Precedence: flag, environment, file, default.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "daemon/base/log.h"
#include "daemon/config/places.h"
#include "daemon/config/settings.h"
#include "daemon/core/options.h"
#include "daemon/lane/options.h"
#include "daemon/model/operation.h"

namespace tandem {

// The write API's listeners.
struct RpcConfig {
  std::string socket_path;      // absolute
  uint32_t socket_mode = 0660;  // permission bits
  std::string socket_group;     // a group's name or number; "": the process's own
  std::string tcp_address;      // "host:port"; "": no TCP. Only with the three files:
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::string tls_client_ca_file;       // whose clients are let in
  uint32_t max_concurrent_streams = 0;  // calls at once on one connection
  uint64_t memory_bytes = 0;            // quota of all connections together
  uint64_t max_write_bytes = 0;         // payload of one request; a message is a little larger
  Level default_level = Level::kLocal;  // for requests that name none
  int64_t dual_write_timeout_ms = 0;    // for requests without a wait_timeout
};

// The HTTP listener for /metrics, /livez, /readyz, /startupz.
struct ControlConfig {
  std::string http_address;  // "host:port"; port 0: any free one
};

enum class IoEngineChoice { kAuto, kUring, kThreads };

struct IoConfig {
  IoEngineChoice engine = IoEngineChoice::kAuto;
  uint32_t threads = 0;  // of the thread engine; also the bound of io_uring's kernel workers
};

struct Config {
  Settings settings;      // as given, defaults filled in
  bool embedded = false;  // no file and no target given: everything under ./var
  CoreOptions core;
  std::vector<LaneOptions> lanes;  // in the order of core.targets; writer_epoch is the caller's
  RpcConfig rpc;
  ControlConfig control;
  IoConfig io;
  LogLevel log_level = LogLevel::kInfo;
  int64_t drain_deadline_ms = 0;
};

// What the command line asks for besides settings.
struct ConfigRequest {
  bool help = false;
  bool version = false;
  bool check = false;
  bool print = false;
  std::string file;  // "": none
};

// Where settings come from. Everything that is read from the machine is in here.
struct ConfigSources {
  std::vector<std::string> arguments;              // without the program's name
  std::map<std::string, std::string> environment;  // only TANDEM_* is looked at
  std::string working_directory;                   // absolute
  std::string host_name;
  Places places;
};

// Of this process: its environment, host name, working directory and mounts.
[[nodiscard]] ConfigSources SourcesOfProcess(std::vector<std::string> arguments);

struct LoadedConfig {
  ConfigRequest request;
  Config config;                    // usable only if there are no errors
  std::vector<std::string> errors;  // "<file>:<line>:<column>: ...", all that were found
  std::string help;                 // the text of --help
  // Where each key that was given was given ("tandem.yaml:3:5", "TANDEM_X", "--x").
  std::map<std::string, std::string, std::less<>> origins;
};

// Reads, merges and checks. Touches no target: a hung mount cannot hang it.
[[nodiscard]] LoadedConfig LoadConfig(const ConfigSources& sources);

// The effective configuration as a file that LoadConfig reads back to the same.
[[nodiscard]] std::string PrintConfig(const Config& config);

// The configuration from a text that PrintConfig made of a checked one; nothing else counts, and
// what belongs together is not checked again: a daemon's processes all run what its first one
// checked.
[[nodiscard]] LoadedConfig LoadEffective(const std::string& text);

struct Reload {
  Config config;                          // to run from now on; the old one if there are errors
  std::vector<std::string> changed;       // keys that take effect
  std::vector<std::string> need_restart;  // keys that differ, but take effect at a restart only
  std::vector<std::string> errors;
};

// `running` with what `fresh`, read while it runs, changes of the keys that may change (keys.h).
// All or nothing: with any error nothing changes.
[[nodiscard]] Reload PlanReload(const Config& running, const LoadedConfig& fresh,
                                const Places& places);

// Does what the command line asks for (--help, --version, --check-config, --print-config) or
// reports the errors; returns the exit status (0, or 78 for a bad configuration), or nullopt when
// the daemon is to start.
[[nodiscard]] std::optional<int> AnswerCommandLine(const LoadedConfig& loaded, std::ostream& out,
                                                   std::ostream& errors);

// sysexits.h's EX_CONFIG.
inline constexpr int kExitBadConfig = 78;

}  // namespace tandem
