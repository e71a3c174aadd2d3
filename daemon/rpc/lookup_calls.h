// The unary calls that change nothing: WaitDurable, GetWrite, GetStatus.
#pragma once

#include <utility>

#include "daemon/rpc/unary_call.h"

namespace tandem {

class WaitDurableCall final : public UnaryCall {
 public:
  WaitDurableCall(RpcShared& shared, grpc::CallbackServerContext* context,
                  v1::WaitDurableResponse* response)
      : UnaryCall(shared, context, RpcMethod::kWaitDurable), response_(response) {}

  void Start(const v1::WaitDurableRequest& request) {
    if (shared().closing) return Answer(ShuttingDown());
    absl::StatusOr<WaitRequest> wait = FromProto(request, shared().convert.Get());
    if (!wait.ok()) return Answer(wait.status());
    if (!shared().calls->TryTake(1)) return Answer(QueueFull());
    counted_ = true;
    wait_ = *wait;
    wait_.wait_timeout_ms = EffectiveWaitMs(wait_.wait_timeout_ms, LeftMs());
    shared().inbox.Push([call = CallRef<WaitDurableCall>(this)](Core* core) { call->Run(core); });
  }

  void Deliver(absl::StatusOr<WriteReply> reply) {
    if (!Claim()) return;
    Close(reply.ok() ? ToProto(*reply, response_) : reply.status());
  }
  void Fail(const absl::Status& status) { Answer(status); }

 private:
  void Run(Core* core) {
    if (core == nullptr) return Answer(ShuttingDown());
    if (claimed()) return;
    core->WaitDurable(wait_.key, wait_.level, wait_.wait_timeout_ms,
                      PendingAnswer<WaitDurableCall>(this));
  }

  void Released() override {
    if (counted_) shared().calls->Return(1);
  }

  v1::WaitDurableResponse* const response_;
  WaitRequest wait_;
  bool counted_ = false;
};

class GetWriteCall final : public UnaryCall {
 public:
  GetWriteCall(RpcShared& shared, grpc::CallbackServerContext* context,
               v1::GetWriteResponse* response)
      : UnaryCall(shared, context, RpcMethod::kGetWrite), response_(response) {}

  void Start(const v1::GetWriteRequest& request) {
    if (shared().closing) return Answer(ShuttingDown());
    const absl::StatusOr<WriteKey> key = FromProto(request);
    if (!key.ok()) return Answer(key.status());
    shared().inbox.Push(
        [call = CallRef<GetWriteCall>(this), key = *key](Core* core) { call->Run(core, key); });
  }

 private:
  void Run(Core* core, const WriteKey& key) {
    if (core == nullptr) return Answer(ShuttingDown());
    const absl::StatusOr<WriteInfo> info = core->GetWrite(key);
    if (!Claim()) return;
    Close(info.ok() ? ToProto(*info, response_) : info.status());
  }

  v1::GetWriteResponse* const response_;
};

class GetStatusCall final : public UnaryCall {
 public:
  GetStatusCall(RpcShared& shared, grpc::CallbackServerContext* context,
                v1::GetStatusResponse* response)
      : UnaryCall(shared, context, RpcMethod::kGetStatus), response_(response) {}

  void Start() {
    if (shared().closing) return Answer(ShuttingDown());
    shared().inbox.Push([call = CallRef<GetStatusCall>(this)](Core* core) { call->Run(core); });
  }

 private:
  void Run(Core* core) {
    if (core == nullptr) return Answer(ShuttingDown());
    const CoreView view = core->View();
    if (!Claim()) return;
    ToProto(view, shared().status, response_);
    Close(absl::OkStatus());
  }

  v1::GetStatusResponse* const response_;
};

}  // namespace tandem
