// A server on a unix socket in a directory of its own, with a MemoryCore on a thread of its own.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/rpc/server.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tandem/v1/admin.grpc.pb.h"
#include "tandem/v1/tandem.grpc.pb.h"
#include "tests/unit/rpc/memory_core.h"

namespace tandem {

// Counts, for any thread.
class CountingRpcMetrics final : public RpcMetrics {
 public:
  void OnStarted(RpcMethod method) override {
    const std::lock_guard lock(mutex_);
    ++started_[method];
  }
  void OnHandled(RpcMethod method, int code, int64_t) override {
    const std::lock_guard lock(mutex_);
    ++handled_[{method, code}];
    changed_.notify_all();
  }
  int started(RpcMethod method) {
    const std::lock_guard lock(mutex_);
    return started_[method];
  }
  int handled(RpcMethod method, int code) {
    const std::lock_guard lock(mutex_);
    return handled_[{method, code}];
  }
  void WaitHandled(RpcMethod method, int code, int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return handled_[{method, code}] >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<RpcMethod, int> started_;
  std::map<std::pair<RpcMethod, int>, int> handled_;
};

// What a failed call says.
struct WireError {
  google::rpc::ErrorInfo info;
  int64_t retry_ms = 0;
  int code = 0;
};
WireError WireErrorOf(const grpc::Status& status);

// "00000000-0000-4000-8000-00000000000n".
std::string IdOf(int number);

v1::WriteRequest PutRequest(int id, const std::string& path, const std::string& data);

// One asynchronous Write that a test can wait for.
struct AsyncWrite {
  void Start(v1::TandemService::Stub& stub) {
    stub.async()->Write(&context, &request, &response,
                        [this](const grpc::Status& status) { done.set_value(status); });
  }
  grpc::Status Wait() { return done.get_future().get(); }

  grpc::ClientContext context;
  v1::WriteRequest request;
  v1::WriteResponse response;
  std::promise<grpc::Status> done;
};

class RpcTest : public testing::Test {
 protected:
  RpcTest();
  ~RpcTest() override;

  // Starts the server with `options_`; core must be set up before.
  void StartServer();
  void StopServer(int64_t deadline_ms = 1'000);

  // Runs `task` on core's thread and waits for it.
  template <typename Task>
  auto OnCore(Task task) {
    std::promise<decltype(task(std::declval<MemoryCore&>()))> promise;
    boost::asio::post(io_, [&] {
      if constexpr (std::is_void_v<decltype(task(core_))>) {
        task(core_);
        promise.set_value();
      } else {
        promise.set_value(task(core_));
      }
    });
    return promise.get_future().get();
  }

  // Waits until `condition` holds on core's thread; it is asked again after everything core does.
  void Until(const std::function<bool(MemoryCore&)>& condition) {
    while (!OnCore(condition)) std::this_thread::yield();
  }

  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::shared_ptr<grpc::Channel> NewChannel() const;

  std::string directory_;
  RpcOptions options_;
  MemoryCore core_;  // core's thread only, once the server runs
  CountingRpcMetrics metrics_;
  std::unique_ptr<Logger> log_ = MakeNullLogger();
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<Executor> work_{io_.get_executor()};
  std::thread thread_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::TandemService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace tandem
