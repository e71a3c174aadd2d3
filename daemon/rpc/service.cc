#include "daemon/rpc/service.h"

#include <utility>

#include "daemon/rpc/lookup_calls.h"
#include "daemon/rpc/pending_calls.h"
#include "daemon/rpc/unary_call.h"
#include "daemon/rpc/upload_call.h"
#include "daemon/rpc/write_stream.h"

namespace tandem {
namespace {

// gRPC parses a request into a message of the call's own, which it only destroys afterwards. The
// signature says const; taking the payload out of it spares a copy.
template <typename Message>
Message&& Take(const Message* request) {
  return std::move(*const_cast<Message*>(request));
}

}  // namespace

grpc::ServerUnaryReactor* TandemServiceImpl::Write(grpc::CallbackServerContext* context,
                                                   const v1::WriteRequest* request,
                                                   v1::WriteResponse* response) {
  auto* call = new WriteCall<v1::WriteRequest, v1::WriteResponse>(shared_, context,
                                                                  RpcMethod::kWrite, response);
  call->Start(Take(request));
  return call;
}

grpc::ServerUnaryReactor* TandemServiceImpl::WriteBatch(grpc::CallbackServerContext* context,
                                                        const v1::WriteBatchRequest* request,
                                                        v1::WriteBatchResponse* response) {
  auto* call = new WriteCall<v1::WriteBatchRequest, v1::WriteBatchResponse>(
      shared_, context, RpcMethod::kWriteBatch, response);
  call->Start(Take(request));
  return call;
}

grpc::ServerBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse>*
TandemServiceImpl::WriteStream(grpc::CallbackServerContext* context) {
  auto* call = new class WriteStream(shared_, context);
  call->Start();
  return call;
}

grpc::ServerReadReactor<v1::UploadRequest>* TandemServiceImpl::Upload(
    grpc::CallbackServerContext* context, v1::UploadResponse* response) {
  auto* call = new UploadCall(shared_, context, response);
  call->Start();
  return call;
}

grpc::ServerUnaryReactor* TandemServiceImpl::WaitDurable(grpc::CallbackServerContext* context,
                                                         const v1::WaitDurableRequest* request,
                                                         v1::WaitDurableResponse* response) {
  auto* call = new WaitDurableCall(shared_, context, response);
  call->Start(*request);
  return call;
}

grpc::ServerUnaryReactor* TandemServiceImpl::GetWrite(grpc::CallbackServerContext* context,
                                                      const v1::GetWriteRequest* request,
                                                      v1::GetWriteResponse* response) {
  auto* call = new GetWriteCall(shared_, context, response);
  call->Start(*request);
  return call;
}

grpc::ServerUnaryReactor* AdminServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                      const v1::GetStatusRequest* /*request*/,
                                                      v1::GetStatusResponse* response) {
  auto* call = new GetStatusCall(shared_, context, response);
  call->Start();
  return call;
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListPending(grpc::CallbackServerContext* context,
                                                        const v1::ListPendingRequest* request,
                                                        v1::ListPendingResponse* response) {
  auto* call = new ListPendingCall(shared_, context, response);
  call->Start(*request);
  return call;
}

grpc::ServerUnaryReactor* AdminServiceImpl::RetryPending(grpc::CallbackServerContext* context,
                                                         const v1::RetryPendingRequest* request,
                                                         v1::RetryPendingResponse* response) {
  auto* call = new ResolvePendingCall<v1::RetryPendingRequest, v1::RetryPendingResponse>(
      shared_, context, RpcMethod::kRetryPending, response);
  call->Start(*request);
  return call;
}

grpc::ServerUnaryReactor* AdminServiceImpl::SkipPending(grpc::CallbackServerContext* context,
                                                        const v1::SkipPendingRequest* request,
                                                        v1::SkipPendingResponse* response) {
  auto* call = new ResolvePendingCall<v1::SkipPendingRequest, v1::SkipPendingResponse>(
      shared_, context, RpcMethod::kSkipPending, response);
  call->Start(*request);
  return call;
}

}  // namespace tandem
