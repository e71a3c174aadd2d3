#include "tests/unit/client/scripted_server.h"

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/health_check_service_interface.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "google/rpc/error_details.pb.h"

namespace tandem::client {
namespace {

grpc::Status Unscripted() { return {grpc::StatusCode::INTERNAL, "the test has no answer"}; }

}  // namespace

google::rpc::Status ErrorMessage(const ErrorSpec& spec) {
  google::rpc::Status status;
  status.set_code(spec.code);
  status.set_message("scripted " + spec.reason);
  if (!spec.reason.empty()) {
    google::rpc::ErrorInfo info;
    info.set_domain("tandem");
    info.set_reason(spec.reason);
    info.mutable_metadata()->insert(spec.metadata.begin(), spec.metadata.end());
    status.add_details()->PackFrom(info);
  }
  if (spec.retry_delay_ms.has_value()) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(*spec.retry_delay_ms / 1000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(*spec.retry_delay_ms % 1000 * 1'000'000));
    status.add_details()->PackFrom(retry);
  }
  return status;
}

grpc::Status ErrorStatus(const ErrorSpec& spec) {
  const google::rpc::Status message = ErrorMessage(spec);
  if (message.details().empty()) return {spec.code, message.message()};
  return {spec.code, message.message(), message.SerializeAsString()};
}

void AnswerWrite(uint64_t sequence, v1::WriteResponse* response) {
  response->mutable_result()->set_sequence(sequence);
  response->set_level_reached(v1::DURABILITY_LEVEL_LOCAL);
  v1::TargetOutcome* local = response->add_targets();
  local->set_target("local");
  local->set_state(v1::TARGET_STATE_DURABLE);
  v1::TargetOutcome* corebank = response->add_targets();
  corebank->set_target("corebank");
  corebank->set_state(v1::TARGET_STATE_PENDING);
}

class ScriptedServer::WriteService final : public v1::TandemService::Service {
 public:
  explicit WriteService(ScriptedServer* owner) : owner_(owner) {}

  grpc::Status Write(grpc::ServerContext* context, const v1::WriteRequest* request,
                     v1::WriteResponse* response) override {
    {
      const std::lock_guard lock(owner_->mutex_);
      owner_->write_log_.push_back(*request);
    }
    return Run(owner_->writes_, context, *request, response);
  }
  grpc::Status WriteBatch(grpc::ServerContext* context, const v1::WriteBatchRequest* request,
                          v1::WriteBatchResponse* response) override {
    {
      const std::lock_guard lock(owner_->mutex_);
      owner_->batch_log_.push_back(*request);
    }
    return Run(owner_->batches_, context, *request, response);
  }
  grpc::Status WaitDurable(grpc::ServerContext* context, const v1::WaitDurableRequest* request,
                           v1::WaitDurableResponse* response) override {
    return Run(owner_->waits_, context, *request, response);
  }
  grpc::Status GetWrite(grpc::ServerContext* context, const v1::GetWriteRequest* request,
                        v1::GetWriteResponse* response) override {
    return Run(owner_->gets_, context, *request, response);
  }
  grpc::Status WriteStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::WriteStreamResponse, v1::WriteStreamRequest>* stream) override {
    const StreamHandler handler = owner_->streams_.Next();
    return handler ? handler(context, stream) : Unscripted();
  }
  grpc::Status Upload(grpc::ServerContext* context, grpc::ServerReader<v1::UploadRequest>* reader,
                      v1::UploadResponse* response) override {
    const UploadHandler handler = owner_->uploads_.Next();
    return handler ? handler(context, reader, response) : Unscripted();
  }

  template <typename Request, typename Response>
  static grpc::Status Run(Script<Handler<Request, Response>>& script, grpc::ServerContext* context,
                          const Request& request, Response* response) {
    const Handler<Request, Response> handler = script.Next();
    return handler ? handler(context, request, response) : Unscripted();
  }

 private:
  ScriptedServer* const owner_;
};

class ScriptedServer::AdminService final : public v1::AdminService::Service {
 public:
  explicit AdminService(ScriptedServer* owner) : owner_(owner) {}
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override {
    return WriteService::Run(owner_->statuses_, context, *request, response);
  }
  grpc::Status ListPending(grpc::ServerContext* context, const v1::ListPendingRequest* request,
                           v1::ListPendingResponse* response) override {
    return WriteService::Run(owner_->lists_, context, *request, response);
  }
  grpc::Status RetryPending(grpc::ServerContext* context, const v1::RetryPendingRequest* request,
                            v1::RetryPendingResponse* response) override {
    return WriteService::Run(owner_->retries_, context, *request, response);
  }
  grpc::Status SkipPending(grpc::ServerContext* context, const v1::SkipPendingRequest* request,
                           v1::SkipPendingResponse* response) override {
    return WriteService::Run(owner_->skips_, context, *request, response);
  }

 private:
  ScriptedServer* const owner_;
};

ScriptedServer::ScriptedServer(bool health)
    : health_(health),
      write_service_(std::make_unique<WriteService>(this)),
      admin_service_(std::make_unique<AdminService>(this)) {
  std::string pattern = std::filesystem::temp_directory_path() / "tandem-client-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  directory_ = pattern;
  address_ = "unix:" + directory_ + "/socket";
}

ScriptedServer::~ScriptedServer() {
  Stop();
  std::filesystem::remove_all(directory_);
}

void ScriptedServer::Start() {
  grpc::EnableDefaultHealthCheckService(health_);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  builder.RegisterService(write_service_.get());
  builder.RegisterService(admin_service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) std::abort();
}

void ScriptedServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_ = nullptr;
}

void ScriptedServer::SetServing(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

std::vector<v1::WriteRequest> ScriptedServer::Writes() {
  const std::lock_guard lock(mutex_);
  return write_log_;
}

std::vector<v1::WriteBatchRequest> ScriptedServer::Batches() {
  const std::lock_guard lock(mutex_);
  return batch_log_;
}

}  // namespace tandem::client
