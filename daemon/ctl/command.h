// What all of tandemctl's commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tandem/client/client.h"

namespace tandem::ctl {

// What the process ends with.
enum ExitCode : int {
  kOk = 0,
  kError = 1,
  kUsage = 2,
  kRetryable = 5,     // ask again later, with the same --request-id
  kDiverged = 10,     // a target refuses writes: its tree differs until it is repaired
  kUnavailable = 69,  // the daemon cannot be reached
};

// The options that stand before or after every command.
struct Globals {
  std::string address;
  client::TlsFiles tls;
  bool json = false;
  bool quiet = false;
  std::string level;
  std::string timeout;
  std::string request_id;
};

// Names what was wrong with the command line; ends with kUsage.
[[nodiscard]] absl::Status UsageError(absl::string_view message);

// Connects as the globals say; nothing is sent yet.
[[nodiscard]] absl::StatusOr<std::unique_ptr<client::Client>> Connect(const Globals& globals);

// The same for a call that may take long: without --timeout the daemon is asked for its status
// first, and must answer within seconds. A core that hangs would keep the call for
// kWaitingCallTimeout.
[[nodiscard]] absl::StatusOr<std::unique_ptr<client::Client>> ConnectToWait(const Globals& globals);

// For calls that wait for a level. Without --timeout the daemon's dual_write_timeout (an hour at
// most) decides; the call's own deadline only leaves room for the answer, for which the daemon
// keeps a twentieth of it.
inline constexpr absl::Duration kWaitingCallTimeout = absl::Minutes(64);

// Level, timeout and request id of a call; `timeout` if none was given. One that was given is also
// how long the daemon may wait, whatever its dual_write_timeout.
[[nodiscard]] absl::StatusOr<client::CallOptions> CallOptionsOf(const Globals& globals,
                                                                absl::Duration timeout);

// Says on stderr what failed and what to do next. Returns the exit code that goes with it.
[[nodiscard]] ExitCode Report(const Globals& globals, const absl::Status& status);
// The same with a detail that `status` does not carry.
[[nodiscard]] ExitCode Report(const Globals& globals, const absl::Status& status,
                              const client::ErrorDetail& detail);

// A file, "-" for standard input, at most `max_bytes`.
[[nodiscard]] absl::StatusOr<std::string> ReadAll(const std::string& file, size_t max_bytes);

// The global options that a command looks at.
struct UsedGlobals {
  bool level = false;
  absl::string_view without_timeout;  // what applies without --timeout; "": it is not looked at
  bool request_id = false;
  bool daemon = true;
};

// Has the command's --help name them, and after them `notes`.
void NameGlobals(CLI::App* command, const UsedGlobals& used, absl::string_view notes = "");

// A whole number of an option or argument: CLI11 takes -1 for a very large one.
[[nodiscard]] CLI::Validator WholeNumber();

// Each adds its subcommands to `app`; one that was given on the command line sets `*run`.
// `globals` is filled in when `run` is called and outlives it.
using Run = std::function<ExitCode()>;
void AddWriteCommands(CLI::App* app, const Globals& globals, Run* run);
void AddUploadCommand(CLI::App* app, const Globals& globals, Run* run);
void AddQueryCommands(CLI::App* app, const Globals& globals, Run* run);
void AddStatusCommand(CLI::App* app, const Globals& globals, Run* run);
void AddPendingCommands(CLI::App* app, const Globals& globals, Run* run);
void AddTargetCommands(CLI::App* app, const Globals& globals, Run* run);
void AddWatermarkCommand(CLI::App* app, const Globals& globals, Run* run);

}  // namespace tandem::ctl
