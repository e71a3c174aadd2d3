#include "daemon/main/core_process.h"

#include <sys/stat.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/control/probes.h"
#include "daemon/core/core.h"
#include "daemon/lane/lane_state.h"
#include "daemon/link/fd_passing.h"
#include "daemon/link/socket_channel.h"
#include "daemon/main/journal_place.h"
#include "daemon/main/process_env.h"
#include "daemon/main/revision.h"
#include "daemon/metrics/metrics.h"
#include "daemon/rpc/server.h"
#include "daemon/supervisor/supervisor.h"

namespace tandem {
namespace {

constexpr int64_t kAnswerMs = 1'000;
constexpr int64_t kOrphanAnswerMs = 100;
// A core that only finishes may still have the port or the socket.
constexpr int64_t kListenLimitNs = 2'000 * kNsPerMs;
constexpr int64_t kListenRetryNs = 20 * kNsPerMs;

using internal::v1::CoreMessage;
using internal::v1::LaneMessage;

// Owner: the process's main thread.
class CoreProcess final : public Core::Listener {
 public:
  CoreProcess(const Config& config, const SharedText& shared, UniqueFd control, ProcessEnv& process)
      : config_(config),
        shared_(shared),
        process_(process),
        env_(process.env()),
        control_(std::move(control)),
        signals_(process.context(), SIGTERM, SIGINT),
        hangup_(process.context(), SIGHUP),
        metrics_({.version = TANDEM_VERSION,
                  .revision = SourceRevision(),
                  .compiler = __VERSION__,
                  .start_time_ms = SystemWallMs(),
                  .journal_engine = std::string(env_.files.engine()),
                  .journal_max_bytes = config.core.journal.max_bytes}) {}

  Awaitable<void> Main();
  [[nodiscard]] int status() const { return status_; }

  void OnGroup(uint64_t records, uint64_t bytes, int64_t sync_ns) override {
    metrics_.journal().OnGroup(records, bytes, sync_ns);
  }
  void OnHealth() override {
    if (rpc_ != nullptr) rpc_->UpdateHealth();
  }

 private:
  absl::Status StartHttp();
  // `start` once more and once more, while something else listens at its address.
  Awaitable<absl::Status> Listen(absl::Status (CoreProcess::*start)());
  Awaitable<absl::Status> LoadLanes(CoreOptions& options);
  Awaitable<absl::Status> StartCore();
  absl::Status StartRpc();
  absl::Status StartLanes();
  absl::Status Ready() const;
  std::string RenderMetrics() const;
  void WaitForSignal();
  void WaitForHangup();
  void ReadAgain();
  ConvertOptions RequestDefaults() const;
  // Waits so long for the targets, then so long for calls to take their answers; ends the process.
  Awaitable<void> Drain(int64_t deadline_ms, int64_t answer_ms);
  void End(int status);
  int ExitStatusOf(const absl::Status& failure) const;

  Config config_;
  const SharedText& shared_;
  ProcessEnv& process_;
  Env& env_;
  UniqueFd control_;
  boost::asio::signal_set signals_;
  boost::asio::signal_set hangup_;
  Metrics metrics_;
  std::unique_ptr<HttpListener> http_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<FdReceiver> lanes_;
  bool started_ = false;
  bool draining_ = false;
  int status_ = 1;
};

Awaitable<void> CoreProcess::Main() {
  WaitForSignal();
  WaitForHangup();
  ReadAgain();  // a SIGHUP that came before now was ignored
  absl::Status status = co_await Listen(&CoreProcess::StartHttp);
  if (status.ok()) status = co_await StartCore();
  if (status.ok()) status = StartLanes();
  if (status.ok()) status = co_await Listen(&CoreProcess::StartRpc);
  if (!status.ok()) {
    env_.log.Error("core_not_started", {{"error", status}});
    End(ExitStatusOf(status));
    co_return;
  }
  started_ = true;
  const RecoveryReport& recovery = core_->recovery();
  env_.log.Info("core_serving", {{"socket", config_.rpc.socket_path},
                                 {"http_port", static_cast<unsigned>(http_->port())},
                                 {"epoch", recovery.epoch},
                                 {"first_sequence", recovery.first},
                                 {"last_sequence", recovery.last},
                                 {"bytes_cut", recovery.bytes_cut},
                                 {"recovery_us", recovery.duration_us}});
}

Awaitable<absl::Status> CoreProcess::Listen(absl::Status (CoreProcess::*start)()) {
  const int64_t until_ns = env_.clock.MonotonicNs() + kListenLimitNs;
  while (true) {
    absl::Status status = (this->*start)();
    if (!absl::IsFailedPrecondition(status)) co_return status;
    // Not for good: the next core may find it free.
    if (env_.clock.MonotonicNs() >= until_ns) co_return absl::UnavailableError(status.message());
    co_await Sleep(env_.clock, kListenRetryNs);
  }
}

absl::Status CoreProcess::StartHttp() {
  const std::string& address = config_.control.http_address;
  const size_t colon = address.rfind(':');
  HttpOptions options;
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port > 65'535) {
    return absl::InvalidArgumentError(absl::StrCat("http_address ", address, " is not host:port"));
  }
  options.address = address.substr(0, colon);
  if (options.address.size() > 2 && options.address.front() == '[') {
    options.address = options.address.substr(1, options.address.size() - 2);
  }
  options.port = static_cast<uint16_t>(port);
  ProbeSources sources;
  sources.ready = [this] { return Ready(); };
  sources.started = [this] {
    return started_ ? absl::OkStatus() : absl::UnavailableError("starting");
  };
  sources.metrics = [this] { return RenderMetrics(); };
  sources.metrics_content_type = kMetricsContentType;
  ASSIGN_OR_RETURN(http_,
                   HttpListener::Start(env_.executor, options, ProbeHandlers(std::move(sources))));
  return absl::OkStatus();
}

// What the lanes saved, on the journal's volume; no target is touched.
Awaitable<absl::Status> CoreProcess::LoadLanes(CoreOptions& options) {
  for (CoreTarget& target : options.targets) {
    auto state = co_await LoadLaneState(env_, options.journal.directory, target.name);
    if (!state.ok()) co_return state.status();
    target.saved_checkpoint = state->settled.prefix();
    target.witnessed = state->settled.max();
  }
  co_return co_await CheckNoTargetIsForgotten(env_, options);
}

Awaitable<absl::Status> CoreProcess::StartCore() {
  CO_RETURN_IF_ERROR(
      PrepareJournalPlace(config_.core.journal.directory, config_.settings.journal_on_volatile));
  CoreOptions options = config_.core;
  CO_RETURN_IF_ERROR(co_await LoadLanes(options));
  CO_ASSIGN_OR_RETURN(core_, co_await Core::Start(env_, std::move(options), this));
  co_return absl::OkStatus();
}

absl::Status CoreProcess::StartLanes() {
  ASSIGN_OR_RETURN(lanes_, MakeFdReceiver(env_.executor, std::move(control_)));
  lanes_->Start({.on_fd =
                     [this](TaggedFd lane) {
                       auto channel = MakeSocketChannel<CoreMessage, LaneMessage>(
                           env_.executor, std::move(lane.fd));
                       if (!channel.ok()) {
                         env_.log.Error("lane_not_attached",
                                        {{"target", lane.tag}, {"error", channel.status()}});
                         return;
                       }
                       core_->AttachLane(lane.tag, *std::move(channel));
                     },
                 .on_lost =
                     [this](const auto& why) {
                       env_.log.Error("lane_lost", {{"error", why}});
                     },
                 .on_closed =
                     [this](const absl::Status& why) {
                       // Nobody restarts what dies now; a successor may wait for the journal.
                       env_.log.Error("supervisor_gone", {{"error", why}});
                       if (!draining_) Spawn(env_.executor, Drain(0, kOrphanAnswerMs));
                     }});
  return absl::OkStatus();
}

absl::Status CoreProcess::StartRpc() {
  const RpcConfig& rpc = config_.rpc;
  RpcOptions options;
  options.unix_socket = {
      .path = rpc.socket_path, .mode = rpc.socket_mode, .group = rpc.socket_group};
  options.tcp = {.address = rpc.tcp_address,
                 .cert_file = rpc.tls_certificate_file,
                 .key_file = rpc.tls_key_file,
                 .client_ca_file = rpc.tls_client_ca_file};
  options.convert = RequestDefaults();
  options.status = {.version = TANDEM_VERSION,
                    .writer = config_.core.writer,
                    .started_ms = SystemWallMs(),
                    .journal_directory = config_.core.journal.directory,
                    .journal_max_bytes = config_.core.journal.max_bytes,
                    .io_engine = std::string(env_.files.engine())};
  options.max_write_bytes = rpc.max_write_bytes;
  options.max_calls = config_.core.max_waiting_writes;
  options.memory_quota_bytes = rpc.memory_bytes;
  options.max_concurrent_streams = static_cast<int>(rpc.max_concurrent_streams);
  ASSIGN_OR_RETURN(
      rpc_, RpcServer::Start(std::move(options), *core_, env_.executor, metrics_.rpc(), env_.log));
  return absl::OkStatus();
}

absl::Status CoreProcess::Ready() const {
  if (!started_) return absl::UnavailableError("starting");
  if (draining_) return absl::UnavailableError("shutting down");
  const CoreView view = core_->View();
  if (view.journal_state == JournalState::kServing) return absl::OkStatus();
  return absl::UnavailableError(view.journal_reason);
}

std::string CoreProcess::RenderMetrics() const {
  MetricsView view;
  if (core_ != nullptr) {
    view.core = core_->View();
    view.journal = core_->journal_counters();
    view.recovery = core_->recovery();
  }
  return metrics_.Render(view);
}

void CoreProcess::WaitForSignal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    env_.log.Info("signal", {{"signal", signal}});
    if (!started_ || draining_) {
      // Twice: the one who asks does not want to wait. What is journaled is safe.
      End(draining_ ? status_ : 0);
      return;
    }
    Spawn(env_.executor, Drain(config_.drain_deadline_ms, kAnswerMs));
    WaitForSignal();
  });
}

void CoreProcess::WaitForHangup() {
  hangup_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    ReadAgain();
    env_.log.Info("configuration_applied");
    WaitForHangup();
  });
}

// The supervisor checked it, and changed the keys only that may change.
void CoreProcess::ReadAgain() {
  const LoadedConfig loaded = LoadShared(shared_);
  if (!loaded.errors.empty()) {
    env_.log.Error("configuration_refused", {{"error", loaded.errors.front()}});
    return;
  }
  env_.log.SetLevel(loaded.config.log_level);
  config_.drain_deadline_ms = loaded.config.drain_deadline_ms;
  config_.rpc.default_level = loaded.config.rpc.default_level;
  config_.rpc.dual_write_timeout_ms = loaded.config.rpc.dual_write_timeout_ms;
  if (rpc_ != nullptr) rpc_->SetDefaults(RequestDefaults());
}

ConvertOptions CoreProcess::RequestDefaults() const {
  return {.default_level = config_.rpc.default_level,
          .default_wait_ms = config_.rpc.dual_write_timeout_ms};
}

Awaitable<void> CoreProcess::Drain(int64_t deadline_ms, int64_t answer_ms) {
  draining_ = true;
  status_ = 0;
  OnHealth();
  env_.log.Info("draining", {{"deadline_ms", deadline_ms}});
  const int64_t started_ns = env_.clock.MonotonicNs();
  const CoreView before = core_->View();  // later no lane is there to say how its target is
  if (rpc_ != nullptr) rpc_->DrainStreams();
  // First the journal's way out: calls that wait for a level get their answers on the way.
  const absl::Status drained = co_await core_->Drain(deadline_ms);
  if (!drained.ok()) env_.log.Warning("drain_incomplete", {{"error", drained}});
  if (rpc_ != nullptr) co_await rpc_->Shutdown(answer_ms);
  const CoreView after = core_->View();
  for (size_t i = 0; i < after.targets.size(); ++i) {
    const TargetView& target = after.targets[i];
    const internal::v1::LaneStatus& status = before.targets[i].status;
    if (target.lag_writes == 0) continue;
    env_.log.Warning("writes_owed", {{"target", target.name},
                                     {"lag_writes", target.lag_writes},
                                     {"health", internal::v1::LaneHealth_Name(status.health())},
                                     {"reason", status.reason()}});
  }
  env_.log.Info("drained", {{"duration_ms", (env_.clock.MonotonicNs() - started_ns) / 1'000'000}});
  End(0);
}

void CoreProcess::End(int status) {
  status_ = status;
  process_.context().stop();
}

int CoreProcess::ExitStatusOf(const absl::Status& failure) const {
  if (absl::IsDataLoss(failure)) return kExitCorruptJournal;
  if (absl::IsInvalidArgument(failure)) return kExitConfiguration;
  if (absl::IsFailedPrecondition(failure)) {
    return core_ == nullptr ? kExitJournalLocked : kExitConfiguration;
  }
  return 1;
}

}  // namespace

int RunCoreProcess(const Config& config, const SharedText& shared, UniqueFd control,
                   const FilesFactory& make_files, Logger& log) {
  umask(027);
  std::signal(SIGPIPE, SIG_IGN);
  auto process = ProcessEnv::Make(config.io, make_files, log);
  if (!process.ok()) {
    log.Error("io_engine_unusable", {{"error", process.status()}});
    return kExitConfiguration;
  }
  CoreProcess core(config, shared, std::move(control), **process);
  Spawn((*process)->env().executor, core.Main());
  (*process)->context().run();
  return core.status();
}

}  // namespace tandem
