#include "daemon/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/rpc/inbox.h"
#include "daemon/rpc/service.h"

namespace tandem {
namespace {

// What a message may have besides the payload that is allowed: paths, ids, batch framing; and so
// much of a payload that is too large that the caller is told so by us. gRPC itself says no more
// than RESOURCE_EXHAUSTED, without a reason.
constexpr uint64_t kMessageOverheadBytes = 4 << 20;
constexpr int kMaxMetadataBytes = 16 << 10;
constexpr int kMaxPingStrikes = 2;
constexpr int kHandshakeTimeoutMs = 5'000;
constexpr char kOverallService[] = "";  // of the health service

using std::chrono::steady_clock;
using Timer = boost::asio::basic_waitable_timer<steady_clock,
                                                boost::asio::wait_traits<steady_clock>, Executor>;

bool IsServing(const TargetView& target) {
  if (target.missed.incomplete) return false;
  switch (target.status.health()) {
    case internal::v1::LANE_HEALTH_HEALTHY:
    case internal::v1::LANE_HEALTH_SLOW:
    case internal::v1::LANE_HEALTH_CATCHING_UP:
      return true;
    default:
      return false;
  }
}

void SetLimits(const RpcOptions& options, grpc::ServerBuilder* builder) {
  grpc::ResourceQuota quota("tandemd");
  quota.Resize(options.memory_quota_bytes);
  builder->SetResourceQuota(quota);
  builder->SetMaxReceiveMessageSize(
      static_cast<int>(options.max_write_bytes + kMessageOverheadBytes));
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                              static_cast<int>(options.keepalive_time_ms));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                              static_cast<int>(options.keepalive_timeout_ms));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              static_cast<int>(options.min_ping_interval_ms));
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kMaxPingStrikes);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

class RpcServer::Impl {
 public:
  Impl(RpcOptions rpc_options, Core& the_core, Executor executor, RpcMetrics& metrics, Logger& log)
      : options(std::move(rpc_options)),
        core(the_core),
        inbox(executor, the_core),
        queued_bytes(options.max_queued_bytes),
        shared{.convert = RequestDefaults(options.convert),
               .status = options.status,
               .max_write_bytes = options.max_write_bytes,
               .max_stream_pending = options.max_stream_pending,
               .executor = executor,
               .inbox = inbox,
               .calls = std::make_shared<Budget>(options.max_calls),
               .queued_bytes = queued_bytes,
               .metrics = metrics,
               .log = log},
        tandem_service(shared),
        admin_service(shared) {}

  ~Impl() {
    if (closer.joinable()) closer.join();
    if (server != nullptr) server->Shutdown(std::chrono::system_clock::now());
    inbox.Close();
  }

  absl::Status Listen() {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    SetLimits(options, &builder);
    ASSIGN_OR_RETURN(socket, SocketFile::Prepare(options.unix_socket));
    builder.AddListeningPort(UnixTarget(socket->bind_path()), grpc::InsecureServerCredentials());
    if (!options.tcp.address.empty()) {
      ASSIGN_OR_RETURN(auto credentials, MutualTls(options.tcp));
      builder.AddListeningPort(options.tcp.address, std::move(credentials), &tcp_port);
    }
    builder.RegisterService(&tandem_service);
    builder.RegisterService(&admin_service);
    server = builder.BuildAndStart();
    if (server == nullptr) {
      return absl::UnavailableError(absl::StrCat(
          "gRPC cannot listen at ", options.unix_socket.path,
          options.tcp.address.empty() ? "" : absl::StrCat(" and ", options.tcp.address),
          ": an address in use, no permission, or a certificate that does not fit its key"));
    }
    UpdateHealth();  // it says SERVING until told otherwise
    return socket->Publish();
  }

  void UpdateHealth() {
    if (shared.closing) return;
    const CoreView view = core.View();
    grpc::HealthCheckServiceInterface* health = server->GetHealthCheckService();
    const bool writable = view.journal_state == JournalState::kServing && !shared.draining;
    health->SetServingStatus(kOverallService, writable);
    health->SetServingStatus(v1::TandemService::service_full_name(), writable);
    for (const TargetView& target : view.targets) {
      health->SetServingStatus(absl::StrCat("target/", target.name), IsServing(target));
    }
  }

  // gRPC's own shutdown would also wait for those who watch the health, who never end by
  // themselves.
  Awaitable<void> WaitForCalls(int64_t deadline_ms) {
    idle_timer->expires_after(std::chrono::milliseconds(deadline_ms));
    co_await AwaitCallback<int>([this](absl::AnyInvocable<void(int)> done) {
      idle_timer->async_wait(
          [resume = std::move(done)](boost::system::error_code) mutable { resume(0); });
      // It may come long after, when nobody waits any more.
      shared.live.WhenIdle([timer = idle_timer, executor = shared.executor] {
        boost::asio::post(executor, [timer] { timer->cancel(); });
      });
    });
  }

  const RpcOptions options;
  Core& core;
  Inbox inbox;
  Budget queued_bytes;
  RpcShared shared;
  TandemServiceImpl tandem_service;
  AdminServiceImpl admin_service;
  std::unique_ptr<SocketFile> socket;
  int tcp_port = 0;
  std::unique_ptr<grpc::Server> server;
  const std::shared_ptr<Timer> idle_timer = std::make_shared<Timer>(shared.executor);
  std::thread closer;  // waits for gRPC's shutdown, which blocks
};

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(RpcOptions options, Core& core,
                                                            Executor executor, RpcMetrics& metrics,
                                                            Logger& log) {
  auto impl = std::make_unique<Impl>(std::move(options), core, executor, metrics, log);
  RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(impl)));
}

RpcServer::RpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RpcServer::~RpcServer() = default;

void RpcServer::SetDefaults(const ConvertOptions& defaults) { impl_->shared.convert.Set(defaults); }

void RpcServer::DrainStreams() {
  impl_->shared.draining = true;
  impl_->shared.streams.Drain();
}

void RpcServer::UpdateHealth() { impl_->UpdateHealth(); }

Awaitable<void> RpcServer::Shutdown(int64_t deadline_ms) {
  impl_->shared.closing = true;
  DrainStreams();
  impl_->server->GetHealthCheckService()->Shutdown();
  co_await impl_->WaitForCalls(deadline_ms);
  co_await AwaitCallback<int>([impl = impl_.get()](absl::AnyInvocable<void(int)> done) {
    impl->closer = std::thread([impl, resume = std::move(done)]() mutable {
      impl->server->Shutdown(std::chrono::system_clock::now());
      boost::asio::post(impl->shared.executor,
                        [resume = std::move(resume)]() mutable { resume(0); });
    });
  });
  impl_->closer.join();
  impl_->inbox.Close();
}

uint16_t RpcServer::tcp_port() const { return static_cast<uint16_t>(impl_->tcp_port); }

}  // namespace tandem
