#include "tandem/client/client.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "call.h"
#include "check.h"
#include "convert.h"
#include "start.h"
#include "state.h"
#include "stream_core.h"
#include "upload_call.h"

namespace tandem::client {
namespace {

constexpr absl::Duration kReadyPoll = absl::Milliseconds(100);
constexpr int32_t kServing = 1;  // grpc.health.v1.HealthCheckResponse.SERVING
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";

template <typename Wire>
Wire ToKey(const WriteKey& key) {
  Wire request;
  if (const auto* sequence = std::get_if<uint64_t>(&key)) {
    request.set_sequence(*sequence);
  } else {
    request.set_request_id(std::get<std::string>(key));
  }
  return request;
}

}  // namespace

Client::Client(std::unique_ptr<ClientState> state) : state_(std::move(state)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(ClientOptions options) {
  absl::StatusOr<std::unique_ptr<ClientState>> state = MakeClientState(std::move(options));
  if (!state.ok()) return state.status();
  return std::unique_ptr<Client>(new Client(*std::move(state)));
}

std::string Client::NewRequestId() { return state_->ids().Next(); }

absl::Status Client::WaitReady(absl::Duration limit) {
  Scheduler& scheduler = state_->scheduler();
  const absl::Time deadline = scheduler.Now() + limit;
  std::string last = "no connection";
  for (absl::Duration left = limit; left > absl::ZeroDuration();
       left = deadline - scheduler.Now()) {
    grpc::ClientContext context;
    SetDeadline(&context, left);
    context.set_wait_for_ready(true);
    const google::protobuf::StringValue whole_server;
    google::protobuf::Int32Value health;
    std::promise<grpc::Status> done;
    state_->health().UnaryCall(&context, kHealthCheck, grpc::StubOptions(), &whole_server, &health,
                               [&done](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    if (status.ok() && health.value() == kServing) return absl::OkStatus();
    // A server without the health service that answers is as ready as it can say.
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return absl::OkStatus();
    if (status.ok()) {
      last = "the daemon says that it is not serving";
    } else if (status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED) {
      last = status.error_message();
    }
    auto pause = std::make_shared<std::promise<void>>();
    scheduler.RunAfter(std::min(kReadyPoll, left), [pause] { pause->set_value(); });
    pause->get_future().wait();
  }
  ErrorDetail detail;
  detail.retryable = true;
  return MakeStatus(absl::StatusCode::kUnavailable,
                    absl::StrCat("not ready within ", absl::FormatDuration(limit), " at ",
                                 state_->options().address, ": ", last),
                    detail);
}

void Client::WriteAsync(Operation operation, const CallOptions& options, WriteCallback done) {
  Call::Setup setup = SetupOf(*state_, options, Kind::kWrite);
  const std::string id = setup.limits.request_id;
  if (absl::Status status = CheckOperation(operation, id); !status.ok()) {
    return FailLater(*state_, std::move(status), std::move(done));
  }
  v1::WriteRequest request = ToWriteRequest(std::move(operation), id, LevelOf(*state_, options),
                                            state_->options().checksum);
  StartUnary<v1::WriteRequest, v1::WriteResponse>(
      std::move(setup), std::move(request), state_->writes(),
      [](auto& stub, auto... arguments) { stub.async()->Write(std::move(arguments)...); },
      [id](const v1::WriteResponse& response) { return FromWire(response, id); }, std::move(done));
}

absl::StatusOr<WriteResult> Client::Write(Operation operation, const CallOptions& options) {
  return Blocking<WriteResult>(
      [&](WriteCallback done) { WriteAsync(std::move(operation), options, std::move(done)); });
}

absl::StatusOr<WriteResult> Client::Put(std::string path, std::string data,
                                        const CallOptions& options) {
  return Write(Operation::Put(std::move(path), std::move(data)), options);
}

absl::StatusOr<WriteResult> Client::Append(std::string path, std::string data,
                                           const CallOptions& options) {
  return Write(Operation::Append(std::move(path), std::move(data)), options);
}

absl::StatusOr<WriteResult> Client::WriteAt(std::string path, uint64_t offset, std::string data,
                                            const CallOptions& options) {
  return Write(Operation::WriteAt(std::move(path), offset, std::move(data)), options);
}

absl::StatusOr<WriteResult> Client::Truncate(std::string path, uint64_t size,
                                             const CallOptions& options) {
  return Write(Operation::Truncate(std::move(path), size), options);
}

absl::StatusOr<WriteResult> Client::Delete(std::string path, const CallOptions& options) {
  return Write(Operation::Delete(std::move(path)), options);
}

absl::StatusOr<WriteResult> Client::Rename(std::string path, std::string new_path,
                                           const CallOptions& options) {
  return Write(Operation::Rename(std::move(path), std::move(new_path)), options);
}

void Client::WriteBatchAsync(std::vector<Operation> operations, const CallOptions& options,
                             WriteCallback done) {
  Call::Setup setup = SetupOf(*state_, options, Kind::kWrite);
  const std::string id = setup.limits.request_id;
  if (absl::Status status = CheckPaths(operations, id); !status.ok()) {
    return FailLater(*state_, std::move(status), std::move(done));
  }
  v1::WriteBatchRequest request =
      ToBatchRequest(std::move(operations), id, LevelOf(*state_, options));
  StartUnary<v1::WriteBatchRequest, v1::WriteBatchResponse>(
      std::move(setup), std::move(request), state_->writes(),
      [](auto& stub, auto... arguments) { stub.async()->WriteBatch(std::move(arguments)...); },
      [id](const v1::WriteBatchResponse& response) { return FromWire(response, id); },
      std::move(done));
}

absl::StatusOr<WriteResult> Client::WriteBatch(std::vector<Operation> operations,
                                               const CallOptions& options) {
  return Blocking<WriteResult>([&](WriteCallback done) {
    WriteBatchAsync(std::move(operations), options, std::move(done));
  });
}

void Client::UploadAsync(UploadSpec spec, std::unique_ptr<UploadSource> source,
                         const CallOptions& options, WriteCallback done) {
  Call::Setup setup = SetupOf(*state_, options, Kind::kWrite);
  setup.wait_bounds_attempt = false;
  const std::string& id = setup.limits.request_id;
  if (absl::Status status = CheckPath(spec.path, id); !status.ok()) {
    return FailLater(*state_, std::move(status), std::move(done));
  }
  std::make_shared<UploadCall>(std::move(setup), std::move(spec), LevelOf(*state_, options),
                               std::move(source), std::move(done))
      ->Start();
}

absl::StatusOr<WriteResult> Client::Upload(UploadSpec spec, std::unique_ptr<UploadSource> source,
                                           const CallOptions& options) {
  return Blocking<WriteResult>([&](WriteCallback done) {
    UploadAsync(std::move(spec), std::move(source), options, std::move(done));
  });
}

absl::StatusOr<WriteResult> Client::UploadFile(UploadSpec spec, std::string file,
                                               const CallOptions& options) {
  return Upload(std::move(spec), MakeFileSource(std::move(file)), options);
}

void Client::WaitDurableAsync(WriteKey key, const CallOptions& options, WriteCallback done) {
  auto request = ToKey<v1::WaitDurableRequest>(key);
  request.set_level(ToWire(LevelOf(*state_, options)));
  std::string id = request.request_id();
  StartUnary<v1::WaitDurableRequest, v1::WaitDurableResponse>(
      SetupOf(*state_, options, Kind::kWait), std::move(request), state_->writes(),
      [](auto& stub, auto... arguments) { stub.async()->WaitDurable(std::move(arguments)...); },
      [id = std::move(id)](const v1::WaitDurableResponse& response) {
        WriteResult result = FromWire(response);
        result.request_id = id;
        return result;
      },
      std::move(done));
}

absl::StatusOr<WriteResult> Client::WaitDurable(WriteKey key, const CallOptions& options) {
  return Blocking<WriteResult>(
      [&](WriteCallback done) { WaitDurableAsync(std::move(key), options, std::move(done)); });
}

void Client::GetWriteAsync(WriteKey key, const CallOptions& options, InfoCallback done) {
  StartUnary<v1::GetWriteRequest, v1::GetWriteResponse>(
      SetupOf(*state_, options, Kind::kRead), ToKey<v1::GetWriteRequest>(key), state_->writes(),
      [](auto& stub, auto... arguments) { stub.async()->GetWrite(std::move(arguments)...); },
      [](const v1::GetWriteResponse& response) { return FromWire(response); }, std::move(done));
}

absl::StatusOr<WriteInfo> Client::GetWrite(WriteKey key, const CallOptions& options) {
  return Blocking<WriteInfo>(
      [&](InfoCallback done) { GetWriteAsync(std::move(key), options, std::move(done)); });
}

void Client::GetStatusAsync(const CallOptions& options, StatusCallback done) {
  StartUnary<v1::GetStatusRequest, v1::GetStatusResponse>(
      SetupOf(*state_, options, Kind::kRead), v1::GetStatusRequest(), state_->admin(),
      [](auto& stub, auto... arguments) { stub.async()->GetStatus(std::move(arguments)...); },
      [](const v1::GetStatusResponse& response) { return FromWire(response); }, std::move(done));
}

absl::StatusOr<DaemonStatus> Client::GetStatus(const CallOptions& options) {
  return Blocking<DaemonStatus>(
      [&](StatusCallback done) { GetStatusAsync(options, std::move(done)); });
}

std::unique_ptr<WriteStream> Client::OpenWriteStream(WriteStreamOptions options) {
  auto core = std::make_shared<StreamCore>(state_.get(), options);
  core->Start();
  return std::make_unique<WriteStream>(std::move(core));
}

}  // namespace tandem::client
