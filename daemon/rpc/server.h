// The gRPC server in front of core: TandemService, AdminService, health and reflection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/base/async.h"
#include "daemon/base/log.h"
#include "daemon/core/core.h"
#include "daemon/metrics/rpc_metrics.h"
#include "daemon/rpc/convert.h"
#include "daemon/rpc/listener.h"

namespace tandem {

struct RpcOptions {
  UnixListenOptions unix_socket;
  TcpListenOptions tcp;
  ConvertOptions convert;
  StatusInfo status;
  uint64_t max_write_bytes = 1ull << 20;       // as core's; bounds a message
  size_t max_stream_pending = 256;             // unanswered writes of one WriteStream
  uint64_t max_calls = 65'536;                 // unanswered writes of all callers
  uint64_t max_queued_bytes = 64ull << 20;     // payload between gRPC's threads and core's
  uint64_t memory_quota_bytes = 512ull << 20;  // gRPC's own
  int max_concurrent_streams = 1'024;          // calls of one connection at once
  int64_t keepalive_time_ms = 30'000;          // a silent connection is asked after this
  int64_t keepalive_timeout_ms = 10'000;       // and closed if it does not answer in this
  int64_t min_ping_interval_ms = 10'000;       // a client that pings more often is cut off
};

// Owner: core's thread; create, use and destroy it there, before core.
class RpcServer {
 public:
  // Listens and serves. Errors say what is wrong with the options, or why it cannot listen.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(RpcOptions options, Core& core,
                                                          Executor executor, RpcMetrics& metrics,
                                                          Logger& log);
  // Cancels what is left and waits for gRPC to let go of it; needs no turn of the executor.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Core's view changed: tells those who ask or watch the health service.
  void UpdateHealth();

  // What requests mean that do not say, from now on.
  void SetDefaults(const ConvertOptions& defaults);

  // Streams and uploads take nothing more: what was received is answered, an upload that has not
  // come whole is aborted, then they end (SHUTTING_DOWN), and none begins any more.
  void DrainStreams();

  // The same; refuses new calls (SHUTTING_DOWN), gives those under way `deadline_ms` to be
  // answered, then cancels what is left: at once if that is only who watches the health or asks the
  // reflection. Core must keep running meanwhile; health says NOT_SERVING from now on. Call it
  // once.
  Awaitable<void> Shutdown(int64_t deadline_ms);

  // The TCP port it listens on; 0 without TCP.
  [[nodiscard]] uint16_t tcp_port() const;

 private:
  class Impl;
  explicit RpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tandem
