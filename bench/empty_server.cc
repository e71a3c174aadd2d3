#include "bench/empty_server.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <mutex>

#include "tandem/v1/tandem.grpc.pb.h"

namespace tandem::bench {
namespace {

// Answers each message with its tag, in order. Owner: itself; gRPC's threads, under mutex_.
class EmptyStream
    : public grpc::ServerBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse> {
 public:
  EmptyStream() { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    if (!ok) {
      ended_ = true;
      return FinishIfQuiet();
    }
    tags_.push_back(request_.tag());
    Answer();
    StartRead(&request_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ok) Answer();
    if (!ok) tags_.clear();
    FinishIfQuiet();
  }

  void OnDone() override { delete this; }

 private:
  void Answer() {
    if (writing_ || tags_.empty()) return;
    response_.set_tag(tags_.front());
    response_.mutable_single();
    tags_.pop_front();
    writing_ = true;
    StartWrite(&response_);
  }

  void FinishIfQuiet() {
    if (ended_ && !writing_ && tags_.empty()) Finish(grpc::Status::OK);
  }

  std::mutex mutex_;
  v1::WriteStreamRequest request_;
  v1::WriteStreamResponse response_;
  std::deque<uint64_t> tags_;  // to be answered
  bool writing_ = false;
  bool ended_ = false;
};

class EmptyService : public v1::TandemService::CallbackService {
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context, const v1::WriteRequest*,
                                  v1::WriteResponse*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse>* WriteStream(
      grpc::CallbackServerContext*) override {
    return new EmptyStream;
  }
};

}  // namespace

int ServeEmpty(const std::string& socket) {
  EmptyService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  server->Wait();
  return 0;
}

}  // namespace tandem::bench
