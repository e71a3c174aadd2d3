// The unary calls about parked writes.
#pragma once

#include <utility>

#include "daemon/rpc/unary_call.h"

namespace tandem {

class ListPendingCall final : public UnaryCall {
 public:
  ListPendingCall(RpcShared& shared, grpc::CallbackServerContext* context,
                  v1::ListPendingResponse* response)
      : UnaryCall(shared, context, RpcMethod::kListPending), response_(response) {}

  void Start(const v1::ListPendingRequest& request) {
    absl::StatusOr<ListPendingCommand> command = FromProto(request);
    if (!command.ok()) return Answer(command.status());
    shared().inbox.Push([call = CallRef<ListPendingCall>(this),
                         command = *std::move(command)](Core* core) { call->Run(core, command); });
  }

 private:
  void Run(Core* core, const ListPendingCommand& command) {
    if (core == nullptr) return Answer(ShuttingDown());
    const absl::StatusOr<PendingPage> page =
        core->ListPending(command.target, command.after, command.limit);
    if (!Claim()) return;
    if (page.ok()) ToProto(*page, response_);
    Close(page.status());
  }

  v1::ListPendingResponse* const response_;
};

// RetryPending and SkipPending.
template <typename Request, typename Response>
class ResolvePendingCall final : public UnaryCall {
 public:
  ResolvePendingCall(RpcShared& shared, grpc::CallbackServerContext* context, RpcMethod method,
                     Response* response)
      : UnaryCall(shared, context, method), response_(response) {}

  void Start(const Request& message) {
    absl::StatusOr<PendingRequest> request = FromProto(message, CallerOf(*context()));
    if (!request.ok()) return Answer(request.status());
    request->wait_timeout_ms = EffectiveWaitMs(request->wait_timeout_ms, LeftMs());
    shared().inbox.Push([call = CallRef<ResolvePendingCall>(this), request = *std::move(request)](
                            Core* core) mutable { call->Run(core, std::move(request)); });
  }

 private:
  void Run(Core* core, PendingRequest request) {
    if (core == nullptr) return Answer(ShuttingDown());
    if (claimed()) return;
    core->ResolvePending(std::move(request),
                         [call = CallRef<ResolvePendingCall>(this)](
                             absl::StatusOr<internal::v1::PendingResult> result) {
                           if (!call->Claim()) return;
                           if (result.ok()) ToProto(*result, call->response_);
                           call->Close(result.status());
                         });
  }

  Response* const response_;
};

}  // namespace tandem
