#include "state.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tandem::client {
namespace {

// A daemon that restarts is back within a second: look again soon.
constexpr int kReconnectInitialMs = 50;
constexpr int kReconnectMaxMs = 1'000;
// Trying costs nothing there.
constexpr int kReconnectMaxUnixMs = 100;
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kMaxReplyBytes = 16 << 20;

// Its last user takes gRPC down, and then waits for a poller of gRPC's own that a large write has
// left behind: up to 10 s. So this process never is without a user again.
void StayUserOfGrpc() {
  static const bool stays = [] {
    grpc_init();
    return true;
  }();
  static_cast<void>(stays);
}

absl::StatusOr<std::string> ReadPem(const std::string& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) return absl::NotFoundError(absl::StrCat("cannot read the TLS file ", file));
  std::ostringstream content;
  content << input.rdbuf();
  return content.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(
    const ClientOptions& options) {
  if (absl::StartsWith(options.address, "unix:")) return grpc::InsecureChannelCredentials();
  const TlsFiles& tls = options.tls;
  if (tls.ca_file.empty() || tls.certificate_file.empty() || tls.key_file.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("address ", options.address,
                     " is TCP, which the daemon serves with mutual TLS only: give ca_file, "
                     "certificate_file and key_file, or use unix:<path>"));
  }
  grpc::SslCredentialsOptions ssl;
  for (const auto& [file, content] : {std::pair(&tls.ca_file, &ssl.pem_root_certs),
                                      std::pair(&tls.certificate_file, &ssl.pem_cert_chain),
                                      std::pair(&tls.key_file, &ssl.pem_private_key)}) {
    absl::StatusOr<std::string> pem = ReadPem(*file);
    if (!pem.ok()) return pem.status();
    *content = *std::move(pem);
  }
  return grpc::SslCredentials(ssl);
}

absl::Status Check(const ClientOptions& options) {
  if (options.address.empty() || options.address == "unix:") {
    return absl::InvalidArgumentError("address is empty");
  }
  if (!absl::StartsWith(options.address, "unix:") && !absl::StrContains(options.address, ':')) {
    return absl::InvalidArgumentError(
        absl::StrCat("address ", options.address, " is neither unix:<path> nor <host>:<port>"));
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("timeout must be above zero");
  }
  if (options.upload_chunk_bytes == 0) {
    return absl::InvalidArgumentError("upload_chunk_bytes must be above zero");
  }
  const RetryPolicy& retry = options.retry;
  if (retry.max_attempts < 0 || retry.multiplier < 1.0 ||
      retry.initial_backoff <= absl::ZeroDuration() || retry.max_backoff < retry.initial_backoff) {
    return absl::InvalidArgumentError(
        "retry: max_attempts must be 0 or more, multiplier 1 or more, "
        "and 0 < initial_backoff <= max_backoff");
  }
  return absl::OkStatus();
}

}  // namespace

ClientState::ClientState(ClientOptions options, std::shared_ptr<grpc::Channel> channel)
    : options_(std::move(options)),
      channel_(std::move(channel)),
      writes_(v1::TandemService::NewStub(channel_)),
      admin_(v1::AdminService::NewStub(channel_)),
      health_(channel_) {}

ClientState::~ClientState() {
  std::vector<std::shared_ptr<Cancellable>> open;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& [key, call] : calls_) open.push_back(call);
  }
  for (const std::shared_ptr<Cancellable>& call : open) call->Cancel();
  open.clear();
  std::unique_lock lock(mutex_);
  emptied_.wait(lock, [this] { return calls_.empty(); });
}

bool ClientState::Register(std::shared_ptr<Cancellable> call) {
  const std::lock_guard lock(mutex_);
  if (closing_) return false;
  const Cancellable* key = call.get();
  calls_.emplace(key, std::move(call));
  return true;
}

void ClientState::Unregister(const Cancellable* call) {
  std::shared_ptr<Cancellable> last;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto it = calls_.find(call);
  if (it == calls_.end()) return;
  last = std::move(it->second);
  calls_.erase(it);
  emptied_.notify_all();
}

absl::StatusOr<std::unique_ptr<ClientState>> MakeClientState(ClientOptions options) {
  if (absl::Status status = Check(options); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = CredentialsOf(options);
  if (!credentials.ok()) return credentials.status();
  if (options.scheduler == nullptr) options.scheduler = MakeScheduler();

  StayUserOfGrpc();
  grpc::ChannelArguments arguments;
  // Retries are ours: they keep the request id and know which errors are safe.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectInitialMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectInitialMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, absl::StartsWith(options.address, "unix:")
                                                          ? kReconnectMaxUnixMs
                                                          : kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetMaxReceiveMessageSize(kMaxReplyBytes);
  // Clients share nothing: closing one must not end another's connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!options.tls.server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls.server_name);
  }
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(options.address, *credentials, arguments);
  return std::make_unique<ClientState>(std::move(options), std::move(channel));
}

}  // namespace tandem::client
