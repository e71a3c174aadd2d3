// Upload: one file in chunks, in bounded memory: the next chunk is read when core has taken the one
// before.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <optional>

#include "daemon/rpc/call.h"

namespace tandem {

// One step at a time, in turn on gRPC's threads (reading) and on core's (everything about the
// upload itself). Only cancelling comes in between.
class UploadCall final : public grpc::ServerReadReactor<v1::UploadRequest>, public Call {
 public:
  UploadCall(RpcShared& shared, grpc::CallbackServerContext* context, v1::UploadResponse* response)
      : Call(shared, context, RpcMethod::kUpload), response_(response) {}

  void Start() {
    EnterStreams();
    shared().draining ? Abandon(ShuttingDown()) : ReadNext();
  }

  // An upload that has not come whole is aborted: it is sent again. One that has is answered.
  void Drain() override;

  void OnReadDone(bool ok) override;
  void OnSendInitialMetadataDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override {
    LeaveStreams();
    Done();
  }

  void Deliver(absl::StatusOr<WriteReply> reply);
  void Fail(const absl::Status& status);

 private:
  // Nothing, if the call is claimed: once it is finished gRPC's half of it may be gone. Any thread.
  void ReadNext();

  // gRPC's threads.
  void Open(v1::UploadHeader&& header);
  void Add(std::string data);

  // Core's thread.
  void RunOpen(Core* core);
  void OnOpened(Core* core, absl::StatusOr<std::variant<UploadId, WriteReply>> opened);
  void RunAdd(Core* core, std::string data);
  void OnAdded(const absl::Status& status);
  void RunCommit(Core* core);
  void RunAbort(Core* core);
  void ArmDeadline(Core* core);
  void OnDeadline(Core* core);

  // Answers with an error; an upload that is open is aborted. Any thread.
  void Abandon(const absl::Status& status);
  // For the claimer.
  void Close(const absl::Status& status);

  std::mutex mutex_;                 // held to start an operation, and to finish
  std::atomic<bool> whole_ = false;  // nothing more will come: it is being committed
  v1::UploadResponse* const response_;
  v1::UploadRequest request_;  // being read; untouched otherwise
  UploadRequest upload_;
  bool header_seen_ = false;  // gRPC's threads, one after the other
  bool counted_ = false;

  std::optional<boost::asio::steady_timer> deadline_;  // core's thread
  std::optional<UploadId> id_;  // core's thread: open, and ours to commit or to abort
};

}  // namespace tandem
