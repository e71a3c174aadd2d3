// What all calls of one client share.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "google/protobuf/wrappers.pb.h"
#include "tandem/client/options.h"
#include "tandem/client/request_id.h"
#include "tandem/v1/admin.grpc.pb.h"
#include "tandem/v1/tandem.grpc.pb.h"

namespace tandem::client {

class Cancellable {
 public:
  virtual ~Cancellable() = default;
  virtual void Cancel() = 0;
};

// Owner: the Client. Callable from any thread.
class ClientState {
 public:
  // grpc.health.v1's messages have the same bytes as these wrappers: a service name, an enum.
  using HealthStub =
      grpc::TemplatedGenericStub<google::protobuf::StringValue, google::protobuf::Int32Value>;

  ClientState(ClientOptions options, std::shared_ptr<grpc::Channel> channel);
  // Cancels what is registered and waits until it is gone.
  ~ClientState();
  ClientState(const ClientState&) = delete;
  ClientState& operator=(const ClientState&) = delete;

  // False once the client is being closed.
  [[nodiscard]] bool Register(std::shared_ptr<Cancellable> call);
  // The last thing a call does with this object.
  void Unregister(const Cancellable* call);

  [[nodiscard]] const ClientOptions& options() const { return options_; }
  [[nodiscard]] Scheduler& scheduler() { return *options_.scheduler; }
  [[nodiscard]] RequestIdGenerator& ids() { return ids_; }
  [[nodiscard]] grpc::Channel& channel() { return *channel_; }
  [[nodiscard]] v1::TandemService::Stub& writes() { return *writes_; }
  [[nodiscard]] v1::AdminService::Stub& admin() { return *admin_; }
  [[nodiscard]] HealthStub& health() { return health_; }

 private:
  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::TandemService::Stub> writes_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
  HealthStub health_;
  RequestIdGenerator ids_;

  std::mutex mutex_;
  std::condition_variable emptied_;
  bool closing_ = false;
  std::unordered_map<const Cancellable*, std::shared_ptr<Cancellable>> calls_;
};

// The options checked and completed, and a channel to their address; nothing is connected yet.
[[nodiscard]] absl::StatusOr<std::unique_ptr<ClientState>> MakeClientState(ClientOptions options);

}  // namespace tandem::client
