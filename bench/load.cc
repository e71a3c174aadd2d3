#include "bench/load.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "bench/daemon.h"
#include "tandem/client/request_id.h"
#include "tandem/v1/tandem.grpc.pb.h"

namespace tandem::bench {
namespace {

using std::chrono::steady_clock;

// One call after the other. Owner: the call under way, so gRPC's threads, one at a time.
class Worker {
 public:
  Worker(const LoadOptions& options, v1::TandemService::Stub* stub, client::RequestIdGenerator* ids,
         const std::atomic<bool>* stop, absl::BlockingCounter* ended, int number)
      : options_(options), stub_(stub), ids_(ids), stop_(stop), ended_(ended), number_(number) {
    request_.set_level(options.level);
    *request_.mutable_operation() = MakeOperation(options, number, 0);
  }

  void Next() {
    if (*stop_) return End();
    context_.emplace();
    request_.set_request_id(ids_->Next());
    if (options_.kind == Kind::kPut) {
      *request_.mutable_operation() = MakeOperation(options_, number_, latencies_us_.size());
    }
    response_.Clear();
    sent_ = steady_clock::now();
    stub_->async()->Write(&*context_, &request_, &response_,
                          [this](const grpc::Status& status) { Done(status); });
  }

  [[nodiscard]] const std::vector<uint32_t>& latencies_us() const { return latencies_us_; }
  [[nodiscard]] const grpc::Status& status() const { return status_; }

 private:
  // The last thing that touches the worker.
  void End() { ended_->DecrementCount(); }

  void Done(const grpc::Status& status) {
    if (!status.ok()) {
      status_ = status;
      return End();
    }
    latencies_us_.push_back(static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - sent_)
            .count()));
    Next();
  }

  const LoadOptions& options_;
  v1::TandemService::Stub* const stub_;
  client::RequestIdGenerator* const ids_;
  const std::atomic<bool>* const stop_;
  absl::BlockingCounter* const ended_;
  const int number_;
  v1::WriteRequest request_;
  v1::WriteResponse response_;
  std::optional<grpc::ClientContext> context_;
  steady_clock::time_point sent_;
  std::vector<uint32_t> latencies_us_;
  grpc::Status status_;
};

}  // namespace

v1::Operation MakeOperation(const LoadOptions& options, int worker, uint64_t count) {
  v1::Operation operation;
  std::string data(kPayloadBytes, static_cast<char>('a' + worker % 26));
  if (options.kind != Kind::kPut) {
    operation.mutable_append()->set_path(
        absl::StrCat(options.run, "/", options.kind == Kind::kLedger ? 0 : worker));
    operation.mutable_append()->set_data(std::move(data));
  } else {
    operation.mutable_put()->set_path(absl::StrCat(options.run, "/", worker, "-", count));
    operation.mutable_put()->set_data(std::move(data));
  }
  return operation;
}

absl::StatusOr<LoadResult> RunUnary(const LoadOptions& options) {
  const auto stub = v1::TandemService::NewStub(Connect(options.socket));
  client::RequestIdGenerator ids;
  std::atomic<bool> stop = false;
  absl::BlockingCounter ended(options.in_flight);
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options.in_flight; ++i) {
    workers.push_back(std::make_unique<Worker>(options, stub.get(), &ids, &stop, &ended, i));
  }
  const auto start = steady_clock::now();
  for (const auto& worker : workers) worker->Next();
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  stop = true;
  ended.Wait();
  const std::chrono::duration<double> took = steady_clock::now() - start;

  std::vector<uint32_t> latencies;
  for (const auto& worker : workers) {
    if (!worker->status().ok()) {
      return absl::UnavailableError(
          absl::StrCat("Write on ", options.socket, ": ", worker->status().error_message()));
    }
    latencies.insert(latencies.end(), worker->latencies_us().begin(), worker->latencies_us().end());
  }
  if (latencies.empty()) return absl::UnavailableError("no write was answered");
  std::sort(latencies.begin(), latencies.end());
  return LoadResult{.ops_per_s = static_cast<double>(latencies.size()) / took.count(),
                    .operations = latencies.size(),
                    .p50_us = latencies[latencies.size() / 2],
                    .p99_us = latencies[latencies.size() * 99 / 100]};
}

}  // namespace tandem::bench
