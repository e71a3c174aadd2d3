#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/daemon.h"
#include "bench/load.h"
#include "tandem/client/request_id.h"
#include "tandem/v1/tandem.grpc.pb.h"

namespace tandem::bench {
namespace {

using std::chrono::steady_clock;

// Keeps `in_flight` writes unanswered on one stream until the time is over, then ends it.
// Owner: gRPC's threads, under mutex_; the caller waits in Run.
class Stream : public grpc::ClientBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse> {
 public:
  Stream(const LoadOptions& options, v1::TandemService::Stub* stub) : options_(options) {
    for (int i = 0; i < options.in_flight; ++i) {
      v1::WriteStreamRequest& request = requests_.emplace_back();
      request.set_tag(static_cast<uint64_t>(i));
      request.mutable_single()->set_level(options.level);
      *request.mutable_single()->mutable_operation() = MakeOperation(options, i, 0);
      free_.push_back(i);
    }
    sent_.resize(requests_.size());
    stub->async()->WriteStream(&context_, this);
  }

  absl::StatusOr<LoadResult> Run() {
    start_ = steady_clock::now();
    deadline_ = start_ + std::chrono::duration_cast<steady_clock::duration>(
                             std::chrono::duration<double>(options_.seconds));
    StartRead(&response_);
    StartCall();
    std::unique_lock lock(mutex_);
    Send();
    ended_.wait(lock, [this] { return done_; });
    const std::chrono::duration<double> took = steady_clock::now() - start_;
    if (!error_.empty()) return absl::UnavailableError(absl::StrCat("WriteStream: ", error_));
    if (latencies_us_.empty()) return absl::UnavailableError("no write was answered");
    std::sort(latencies_us_.begin(), latencies_us_.end());
    return LoadResult{.ops_per_s = static_cast<double>(latencies_us_.size()) / took.count(),
                      .operations = latencies_us_.size(),
                      .p50_us = latencies_us_[latencies_us_.size() / 2],
                      .p99_us = latencies_us_[latencies_us_.size() * 99 / 100]};
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ok) Send();
  }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    if (!ok) return;
    if (response_.has_error() && error_.empty()) error_ = response_.error().message();
    const auto tag = static_cast<size_t>(response_.tag());
    latencies_us_.push_back(static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - sent_[tag])
            .count()));
    free_.push_back(static_cast<int>(tag));
    Send();
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    if (!status.ok() && error_.empty()) error_ = status.error_message();
    done_ = true;
    ended_.notify_all();
  }

 private:
  // Under mutex_.
  void Send() {
    if (writing_ || closed_) return;
    if (steady_clock::now() >= deadline_ || sent_count_ >= options_.max_writes || !error_.empty()) {
      closed_ = true;
      return StartWritesDone();
    }
    if (free_.empty()) return;
    const auto slot = static_cast<size_t>(free_.back());
    free_.pop_back();
    requests_[slot].mutable_single()->set_request_id(ids_.Next());
    sent_[slot] = steady_clock::now();
    writing_ = true;
    ++sent_count_;
    StartWrite(&requests_[slot]);
  }

  const LoadOptions& options_;
  client::RequestIdGenerator ids_;
  grpc::ClientContext context_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<v1::WriteStreamRequest> requests_;  // by tag
  std::vector<steady_clock::time_point> sent_;    // by tag
  std::vector<int> free_;                         // tags
  v1::WriteStreamResponse response_;
  steady_clock::time_point start_;
  steady_clock::time_point deadline_;
  uint64_t sent_count_ = 0;
  bool writing_ = false;
  bool closed_ = false;
  bool done_ = false;
  std::string error_;
  std::vector<uint32_t> latencies_us_;
};

}  // namespace

absl::StatusOr<LoadResult> RunStream(const LoadOptions& options) {
  const auto stub = v1::TandemService::NewStub(Connect(options.socket));
  Stream stream(options, stub.get());
  return stream.Run();
}

}  // namespace tandem::bench
