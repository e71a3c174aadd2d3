// tandemd as a real process tree, for a test to start, kill and watch.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tandem/client/client.h"
#include "tests/integration/workspace.h"

namespace tandem {

struct DaemonOptions {
  std::string binary = TANDEMD;
  // Configuration keys over those that suit a test: small segments, short waits.
  std::map<std::string, std::string> keys;
  std::map<std::string, std::string> environment;
  // Runs in the new process before it becomes the daemon; false: give up.
  std::function<bool()> in_child;
};

// Owner: the test's thread. The destructor leaves no process behind.
class Daemon {
 public:
  Daemon(const Workspace& workspace, DaemonOptions options = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Starts the supervisor; nothing of an earlier start may run any more.
  void Start();
  // Starts with other options, kept for later starts.
  void Start(DaemonOptions options);
  // Waits until core serves. A failure of the test if it does not, with the log.
  [[nodiscard]] bool WaitServing();

  // Process ids by role: "supervisor", "core", "local", "corebank". Those that died are not in it.
  [[nodiscard]] std::map<std::string, pid_t> Processes() const;
  // 0 if there is none now.
  [[nodiscard]] pid_t ProcessOf(const std::string& role) const;
  // Sends a signal to the one that has the role, waiting for one to be there.
  void Signal(const std::string& role, int signal);
  // SIGKILL, and waits until that process is gone.
  void Kill(const std::string& role);
  // SIGKILL to every process, and waits until they are gone.
  void KillAll();
  // Waits until the supervisor has ended; its exit status, or -signal. nullopt: it did not.
  [[nodiscard]] std::optional<int> WaitExit();
  // SIGTERM and WaitExit.
  [[nodiscard]] std::optional<int> Stop();

  // All lines that any of its processes has logged, over all starts.
  [[nodiscard]] std::string Log() const;
  [[nodiscard]] std::string address() const { return "unix:" + workspace_.socket(); }
  // Connects; the client retries by itself for a minute.
  [[nodiscard]] std::unique_ptr<client::Client> Connect() const;

 private:
  [[nodiscard]] std::vector<std::string> Arguments() const;

  const Workspace& workspace_;
  DaemonOptions options_;
  pid_t supervisor_ = -1;  // -1: not started, or its end was seen
  std::optional<int> exit_status_;
};

// What the daemon says of one target; nullopt while it does not answer.
[[nodiscard]] std::optional<client::TargetStatus> StatusOf(client::Client& client,
                                                           absl::string_view target);

// Waits until the daemon says that of the target.
[[nodiscard]] bool WaitHealth(client::Client& client, absl::string_view target,
                              client::TargetHealth health);

// Waits until every target holds all that was journaled.
[[nodiscard]] bool WaitConverged(client::Client& client);

}  // namespace tandem
