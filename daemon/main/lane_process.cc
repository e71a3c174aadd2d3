#include "daemon/main/lane_process.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/lane/descriptor_budget.h"
#include "daemon/lane/lane.h"
#include "daemon/link/socket_channel.h"
#include "daemon/main/process_env.h"

namespace tandem {
namespace {

Awaitable<void> LaneMain(Lane& lane, Logger& log, boost::asio::io_context& context, int& status) {
  const absl::Status finished = co_await lane.Run();
  if (!finished.ok()) log.Error("lane_ended", {{"error", finished}});
  status = finished.ok() ? 0 : 1;
  context.stop();
}

void ReadAgain(const SharedText& shared, Logger& log) {
  const LoadedConfig loaded = LoadShared(shared);
  if (loaded.errors.empty()) {
    log.SetLevel(loaded.config.log_level);
  } else {
    log.Error("configuration_refused", {{"error", loaded.errors.front()}});
  }
}

void WaitForHangup(boost::asio::signal_set& hangup, const SharedText& shared, Logger& log) {
  hangup.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    ReadAgain(shared, log);
    log.Info("configuration_applied");
    WaitForHangup(hangup, shared, log);
  });
}

}  // namespace

int RunLaneProcess(const Config& config, const SharedText& shared, const std::string& target,
                   UniqueFd link, const FilesFactory& make_files, Logger& log) {
  const auto options = std::find_if(config.lanes.begin(), config.lanes.end(),
                                    [&](const LaneOptions& lane) { return lane.target == target; });
  if (options == config.lanes.end()) {
    log.Error("target_unknown", {{"target", target}});
    return kExitBadConfig;
  }
  // Modes are journaled as resolved numbers; the process's own taste does not matter.
  umask(0);
  // A terminal's Ctrl-C and the container's SIGTERM are core's business: it tells the lanes.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  auto process = ProcessEnv::Make(config.io, make_files, log);
  if (!process.ok()) {
    log.Error("io_engine_unusable", {{"error", process.status()}});
    return kExitBadConfig;
  }
  Env& env = (*process)->env();
  auto channel = MakeSocketChannel<internal::v1::LaneMessage, internal::v1::CoreMessage>(
      env.executor, std::move(link));
  if (!channel.ok()) {
    log.Error("link_unusable", {{"error", channel.status()}});
    return 1;
  }
  boost::asio::signal_set hangup((*process)->context(), SIGHUP);
  WaitForHangup(hangup, shared, log);
  ReadAgain(shared, log);  // a SIGHUP that came before now was ignored
  int status = 1;
  LaneOptions own = *options;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) own.host = host.data();
  own.pid = getpid();
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) FitToDescriptors(descriptors.rlim_cur, own);
  Lane lane(env, std::move(own), *std::move(channel));
  Spawn(env.executor, LaneMain(lane, log, (*process)->context(), status));
  (*process)->context().run();
  // Never destroyed: a coroutine that still waits in it may hold a target, whose end needs the
  // engine, which would be gone by then.
  static ProcessEnv* const kept = process->release();
  TANDEM_CHECK(kept != nullptr);
  return status;
}

}  // namespace tandem
