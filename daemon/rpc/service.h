// The services as gRPC sees them: each call becomes an object of its own.
#pragma once

#include "daemon/rpc/call.h"
#include "tandem/v1/admin.grpc.pb.h"
#include "tandem/v1/tandem.grpc.pb.h"

namespace tandem {

class TandemServiceImpl final : public v1::TandemService::CallbackService {
 public:
  explicit TandemServiceImpl(RpcShared& shared) : shared_(shared) {}

  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::WriteRequest* request,
                                  v1::WriteResponse* response) override;
  grpc::ServerUnaryReactor* WriteBatch(grpc::CallbackServerContext* context,
                                       const v1::WriteBatchRequest* request,
                                       v1::WriteBatchResponse* response) override;
  grpc::ServerBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse>* WriteStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerReadReactor<v1::UploadRequest>* Upload(grpc::CallbackServerContext* context,
                                                     v1::UploadResponse* response) override;
  grpc::ServerUnaryReactor* WaitDurable(grpc::CallbackServerContext* context,
                                        const v1::WaitDurableRequest* request,
                                        v1::WaitDurableResponse* response) override;
  grpc::ServerUnaryReactor* GetWrite(grpc::CallbackServerContext* context,
                                     const v1::GetWriteRequest* request,
                                     v1::GetWriteResponse* response) override;

 private:
  RpcShared& shared_;
};

class AdminServiceImpl final : public v1::AdminService::CallbackService {
 public:
  explicit AdminServiceImpl(RpcShared& shared) : shared_(shared) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListPending(grpc::CallbackServerContext* context,
                                        const v1::ListPendingRequest* request,
                                        v1::ListPendingResponse* response) override;
  grpc::ServerUnaryReactor* RetryPending(grpc::CallbackServerContext* context,
                                         const v1::RetryPendingRequest* request,
                                         v1::RetryPendingResponse* response) override;
  grpc::ServerUnaryReactor* SkipPending(grpc::CallbackServerContext* context,
                                        const v1::SkipPendingRequest* request,
                                        v1::SkipPendingResponse* response) override;

 private:
  RpcShared& shared_;
};

}  // namespace tandem
