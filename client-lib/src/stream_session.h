// One connection of a WriteStream.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <memory>
#include <utility>

#include "stream_core.h"

namespace tandem::client {

// Deletes itself in OnDone; keeps its core alive until then. Its own methods need the core's lock,
// the reactions take it.
class StreamCore::Session final
    : public grpc::ClientBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse> {
 public:
  explicit Session(std::shared_ptr<StreamCore> core) : core_(std::move(core)) {}

  void Start(v1::TandemService::Stub& stub) {
    stub.async()->WriteStream(context_.get(), this);
    AddHold();  // writes come from outside the reactions
    StartRead(&response_);
    StartCall();
  }

  void Send(std::shared_ptr<const v1::WriteStreamRequest> request) {
    request_ = std::move(request);
    StartWrite(request_.get());
  }

  // No Send comes after this.
  void Release() {
    if (!std::exchange(released_, true)) RemoveHold();
  }

  void End() {
    if (!released_) StartWritesDone();
    Release();
  }

  void Abandon() {
    context_->TryCancel();
    Release();
  }

  // After OnDone. A context keeps the channel, and a channel must not end on gRPC's own thread: it
  // would wait for that thread.
  void DropContext() { context_ = nullptr; }

  void OnWriteDone(bool ok) override { ok ? core_->OnSent() : core_->OnBreak(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      core_->OnBreak();
      return;
    }
    core_->OnAnswer(response_);
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    core_->OnSessionDone(status);
    delete this;
  }

 private:
  std::shared_ptr<StreamCore> core_;
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();
  std::shared_ptr<const v1::WriteStreamRequest> request_;  // until OnWriteDone
  v1::WriteStreamResponse response_;
  bool released_ = false;
};

}  // namespace tandem::client
