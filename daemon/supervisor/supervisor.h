// Process 1 of the container: starts core and one lane per target, and starts again what dies.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/log.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/restart_delay.h"

namespace tandem {

// Exit statuses of core that starting it again cannot mend (sysexits(3)).
inline constexpr int kExitCorruptJournal = 65;
inline constexpr int kExitJournalLocked = 73;
inline constexpr int kExitConfiguration = 78;

struct SupervisorOptions {
  std::string executable = "/proc/self/exe";
  // {fd} in its arguments: its end of the control socket (fd_passing.h), over which it gets its end
  // of every lane's link, tagged with the lane's name.
  ChildSpec core;
  // {fd} in its arguments: the lane's end of the link (socket_channel.h).
  std::vector<ChildSpec> lanes;
  // Every child inherits it ({shared} in its arguments); -1: none.
  int shared_fd = -1;
  // Called at SIGHUP, in the supervisor's loop. True: the children shall know, and get SIGHUP too.
  std::function<bool()> on_hangup;
  RestartDelayOptions restart;
  // How long the end waits for lanes that are still at work. One that hangs in the kernel cannot be
  // waited for.
  int64_t lanes_exit_limit_ms = 5'000;
};

// Runs until core has ended for good and returns the status to exit with: core's own, or 128 plus
// the signal that killed it. SIGTERM and SIGINT are forwarded to core, whose end is then the end;
// SIGHUP is on_hangup's. A dead lane is started again beside the living core. When core dies,
// its lanes see the end of their links and finish by themselves, unwaited for; a new core and a
// new lane per target start together. A core that says that it cannot start (kExit...) is not
// started again. Reaps every child, adopted ones too. Logs child_started, child_exited and
// child_restarting. Blocks; handles its process's signals while it runs; one at a time.
[[nodiscard]] int RunSupervisor(const SupervisorOptions& options, Logger& log);

}  // namespace tandem
