#include "daemon/supervisor/supervisor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <boost/asio/basic_signal_set.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/async.h"
#include "daemon/base/status.h"
#include "daemon/link/fd_passing.h"
#include "daemon/link/unique_fd.h"

namespace tandem {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Timer = boost::asio::basic_waitable_timer<steady_clock,
                                                boost::asio::wait_traits<steady_clock>, Executor>;

bool IsFinal(int exit_status) {
  return exit_status == kExitConfiguration || exit_status == kExitCorruptJournal ||
         exit_status == kExitJournalLocked;
}

// What a shell would call the status of a process that waitpid reported.
int ExitStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// One that is to be kept running.
struct Child {
  Child(const ChildSpec& its_spec, RestartDelay its_delay, Executor executor)
      : spec(its_spec), delay(its_delay), timer(std::move(executor)) {}

  const ChildSpec& spec;
  RestartDelay delay;
  Timer timer;
  pid_t pid = 0;  // 0: not running
  steady_clock::time_point started;
};

// Owner: the thread that calls Run.
class Supervisor {
 public:
  Supervisor(const SupervisorOptions& options, Logger& log);
  int Run();

 private:
  void WaitForSignal();
  void OnSignal(int signal);
  void OnHangup();
  void Reap();
  void OnCoreExit(int wait_status);
  void OnLaneExit(Child& lane);

  void StartCore();
  absl::Status ControlAndStart();
  void StartLane(Child& lane);
  absl::Status LinkAndStart(Child& lane);
  void OnStarted(Child& child, pid_t pid);
  // Calls `start` after the child's delay, unless the timer is set again before.
  void Restart(Child& child, void (Supervisor::*start)(Child&));
  void RestartCore(Child&) { StartCore(); }

  void End(int exit_status);
  void FinishIfAlone();

  const SupervisorOptions& options_;
  Logger& log_;
  boost::asio::io_context loop_{1};
  boost::asio::basic_signal_set<Executor> signals_;
  Timer end_timer_;
  Child core_;
  std::vector<std::unique_ptr<Child>> lanes_;
  UniqueFd control_;                    // to the running core
  std::map<pid_t, std::string> alive_;  // all that were started here, by name
  bool stopping_ = false;               // asked to; core's end is the end
  bool ending_ = false;                 // core has ended for good
  int exit_status_ = 0;                 // of the last core
};

Supervisor::Supervisor(const SupervisorOptions& options, Logger& log)
    : options_(options),
      log_(log),
      signals_(loop_.get_executor()),
      end_timer_(loop_.get_executor()),
      core_(options.core, RestartDelay(options.restart, true), loop_.get_executor()) {
  for (const ChildSpec& spec : options.lanes) {
    // Never at once: a lane that finishes because core died may be noticed before core's death.
    lanes_.push_back(
        std::make_unique<Child>(spec, RestartDelay(options.restart, false), loop_.get_executor()));
  }
}

int Supervisor::Run() {
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
  WaitForSignal();
  StartCore();
  loop_.run();
  return exit_status_;
}

void Supervisor::WaitForSignal() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    OnSignal(signal);
    WaitForSignal();
  });
}

void Supervisor::OnSignal(int signal) {
  if (signal == SIGCHLD) {
    Reap();
    return;
  }
  if (signal == SIGHUP) {
    OnHangup();
    return;
  }
  stopping_ = true;
  if (core_.pid != 0) {
    log_.Info("signal_forwarded", {{"signal", signal}, {"child_pid", static_cast<int>(core_.pid)}});
    kill(core_.pid, signal);
  } else if (!ending_) {
    End(exit_status_);
  }
}

void Supervisor::OnHangup() {
  if (!options_.on_hangup || !options_.on_hangup()) return;
  if (core_.pid != 0) kill(core_.pid, SIGHUP);
  for (const std::unique_ptr<Child>& lane : lanes_) {
    if (lane->pid != 0) kill(lane->pid, SIGHUP);
  }
}

void Supervisor::Reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) break;
    const auto known = alive_.find(pid);
    if (known == alive_.end()) continue;  // an adopted orphan
    std::vector<LogField> fields = {{"child", known->second}, {"child_pid", static_cast<int>(pid)}};
    if (WIFSIGNALED(status)) {
      fields.emplace_back("signal", WTERMSIG(status));
    } else {
      fields.emplace_back("status", WEXITSTATUS(status));
    }
    const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    log_.Log(clean ? LogLevel::kInfo : LogLevel::kWarning, "child_exited", std::move(fields));
    alive_.erase(known);
    if (pid == core_.pid) OnCoreExit(status);
    for (const std::unique_ptr<Child>& lane : lanes_) {
      if (pid == lane->pid) OnLaneExit(*lane);
    }
  }
  FinishIfAlone();
}

void Supervisor::OnCoreExit(int wait_status) {
  core_.pid = 0;
  exit_status_ = ExitStatus(wait_status);
  // The ends of links that it did not fetch go with the control socket: their lanes see that.
  control_.Reset();
  // Its lanes finish by themselves; they are nobody's to start again.
  for (const std::unique_ptr<Child>& lane : lanes_) {
    lane->pid = 0;
    lane->timer.cancel();
  }
  if (stopping_ || (WIFEXITED(wait_status) && IsFinal(exit_status_))) {
    End(exit_status_);
  } else {
    Restart(core_, &Supervisor::RestartCore);
  }
}

void Supervisor::OnLaneExit(Child& lane) {
  lane.pid = 0;
  if (!stopping_ && !ending_) Restart(lane, &Supervisor::StartLane);
}

void Supervisor::StartCore() {
  const absl::Status status = ControlAndStart();
  if (!status.ok()) {
    log_.Error("child_not_started", {{"child", core_.spec.name}, {"error", status}});
    core_.started = steady_clock::now();
    Restart(core_, &Supervisor::RestartCore);
    return;
  }
  for (const std::unique_ptr<Child>& lane : lanes_) StartLane(*lane);
}

absl::Status Supervisor::ControlAndStart() {
  ASSIGN_OR_RETURN(auto sockets, MakeControlSockets());
  ASSIGN_OR_RETURN(const pid_t pid, StartChild(options_.executable, core_.spec,
                                               sockets.second.get(), options_.shared_fd));
  control_ = std::move(sockets.first);
  OnStarted(core_, pid);
  return absl::OkStatus();
}

void Supervisor::StartLane(Child& lane) {
  if (core_.pid == 0 || lane.pid != 0) return;
  const absl::Status status = LinkAndStart(lane);
  if (status.ok()) return;
  log_.Error("child_not_started", {{"child", lane.spec.name}, {"error", status}});
  lane.started = steady_clock::now();
  Restart(lane, &Supervisor::StartLane);
}

absl::Status Supervisor::LinkAndStart(Child& lane) {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  const UniqueFd core_end(fds[0]);
  const UniqueFd lane_end(fds[1]);
  // Core's end first: a core that does not take it must not get a lane that nobody feeds.
  RETURN_IF_ERROR(SendFd(control_.get(), lane.spec.name, core_end.get()));
  ASSIGN_OR_RETURN(const pid_t pid,
                   StartChild(options_.executable, lane.spec, lane_end.get(), options_.shared_fd));
  OnStarted(lane, pid);
  return absl::OkStatus();
}

void Supervisor::OnStarted(Child& child, pid_t pid) {
  child.pid = pid;
  child.started = steady_clock::now();
  alive_.emplace(pid, child.spec.name);
  log_.Info("child_started", {{"child", child.spec.name}, {"child_pid", static_cast<int>(pid)}});
}

void Supervisor::Restart(Child& child, void (Supervisor::*start)(Child&)) {
  const auto lived = std::chrono::duration_cast<milliseconds>(steady_clock::now() - child.started);
  const int64_t delay_ms = child.delay.Next(lived.count());
  log_.Info("child_restarting", {{"child", child.spec.name}, {"delay_ms", delay_ms}});
  child.timer.expires_after(milliseconds(delay_ms));
  child.timer.async_wait([this, &child, start](boost::system::error_code error) {
    if (!error && !stopping_ && !ending_) (this->*start)(child);
  });
}

void Supervisor::End(int exit_status) {
  exit_status_ = exit_status;
  ending_ = true;
  core_.timer.cancel();
  end_timer_.expires_after(milliseconds(options_.lanes_exit_limit_ms));
  end_timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    log_.Warning("lanes_left_behind", {{"count", static_cast<uint64_t>(alive_.size())}});
    loop_.stop();
  });
  FinishIfAlone();
}

void Supervisor::FinishIfAlone() {
  if (ending_ && alive_.empty()) loop_.stop();
}

}  // namespace

int RunSupervisor(const SupervisorOptions& options, Logger& log) {
  return Supervisor(options, log).Run();
}

}  // namespace tandem
