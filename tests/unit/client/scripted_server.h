// A gRPC server with the generated services whose answers the test writes.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tandem/v1/admin.grpc.pb.h"
#include "tandem/v1/tandem.grpc.pb.h"

namespace tandem::client {

struct ErrorSpec {
  grpc::StatusCode code = grpc::StatusCode::UNAVAILABLE;
  std::string reason;  // empty: no details at all
  std::optional<int64_t> retry_delay_ms;
  std::map<std::string, std::string> metadata;
};

// As the daemon makes them: with google.rpc details.
[[nodiscard]] grpc::Status ErrorStatus(const ErrorSpec& spec);
[[nodiscard]] google::rpc::Status ErrorMessage(const ErrorSpec& spec);

// What a daemon in good order answers.
void AnswerWrite(uint64_t sequence, v1::WriteResponse* response);

// Owner: the test's thread; handlers run on gRPC's threads. Handlers of one RPC are used up one per
// call, the last one stays.
class ScriptedServer {
 public:
  template <typename Request, typename Response>
  using Handler = std::function<grpc::Status(grpc::ServerContext*, const Request&, Response*)>;
  using WriteHandler = Handler<v1::WriteRequest, v1::WriteResponse>;
  using BatchHandler = Handler<v1::WriteBatchRequest, v1::WriteBatchResponse>;
  using WaitHandler = Handler<v1::WaitDurableRequest, v1::WaitDurableResponse>;
  using GetHandler = Handler<v1::GetWriteRequest, v1::GetWriteResponse>;
  using StatusHandler = Handler<v1::GetStatusRequest, v1::GetStatusResponse>;
  using ListHandler = Handler<v1::ListPendingRequest, v1::ListPendingResponse>;
  using RetryHandler = Handler<v1::RetryPendingRequest, v1::RetryPendingResponse>;
  using SkipHandler = Handler<v1::SkipPendingRequest, v1::SkipPendingResponse>;
  using StreamHandler = std::function<grpc::Status(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::WriteStreamResponse, v1::WriteStreamRequest>*)>;
  using UploadHandler = std::function<grpc::Status(
      grpc::ServerContext*, grpc::ServerReader<v1::UploadRequest>*, v1::UploadResponse*)>;

  // Listens on a socket in a new temporary directory; without `health` no health service is there.
  explicit ScriptedServer(bool health = true);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }

  void Start();
  void Stop();  // breaks what is under way
  void SetServing(bool serving);

  void OnWrite(WriteHandler handler) { writes_.Add(std::move(handler)); }
  void OnBatch(BatchHandler handler) { batches_.Add(std::move(handler)); }
  void OnWait(WaitHandler handler) { waits_.Add(std::move(handler)); }
  void OnGet(GetHandler handler) { gets_.Add(std::move(handler)); }
  void OnStatus(StatusHandler handler) { statuses_.Add(std::move(handler)); }
  void OnList(ListHandler handler) { lists_.Add(std::move(handler)); }
  void OnRetry(RetryHandler handler) { retries_.Add(std::move(handler)); }
  void OnSkip(SkipHandler handler) { skips_.Add(std::move(handler)); }
  void OnStream(StreamHandler handler) { streams_.Add(std::move(handler)); }
  void OnUpload(UploadHandler handler) { uploads_.Add(std::move(handler)); }

  // All that came so far, in order.
  [[nodiscard]] std::vector<v1::WriteRequest> Writes();
  [[nodiscard]] std::vector<v1::WriteBatchRequest> Batches();

 private:
  template <typename T>
  class Script {
   public:
    void Add(T handler) {
      const std::lock_guard lock(mutex_);
      handlers_.push_back(std::move(handler));
    }
    [[nodiscard]] T Next() {
      const std::lock_guard lock(mutex_);
      if (handlers_.empty()) return nullptr;
      T handler = handlers_.front();
      if (handlers_.size() > 1) handlers_.pop_front();
      return handler;
    }

   private:
    std::mutex mutex_;
    std::deque<T> handlers_;
  };
  class WriteService;
  class AdminService;

  const bool health_;
  std::string directory_;
  std::string address_;
  Script<WriteHandler> writes_;
  Script<BatchHandler> batches_;
  Script<WaitHandler> waits_;
  Script<GetHandler> gets_;
  Script<StatusHandler> statuses_;
  Script<ListHandler> lists_;
  Script<RetryHandler> retries_;
  Script<SkipHandler> skips_;
  Script<StreamHandler> streams_;
  Script<UploadHandler> uploads_;
  std::mutex mutex_;
  std::vector<v1::WriteRequest> write_log_;
  std::vector<v1::WriteBatchRequest> batch_log_;
  std::unique_ptr<WriteService> write_service_;
  std::unique_ptr<AdminService> admin_service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace tandem::client
