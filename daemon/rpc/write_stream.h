// WriteStream: many writes on one stream, sequenced in the order sent, answered in any.
#pragma once

#include <deque>
#include <mutex>

#include "absl/status/statusor.h"
#include "daemon/rpc/call.h"

namespace tandem {

// Reads on gRPC's threads, is answered on core's; `mutex_` is held for bookkeeping only. Reading
// stops while max_stream_pending writes are unanswered: the client is then held back by HTTP/2's
// flow control.
class WriteStream final
    : public grpc::ServerBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse>,
      public Call {
 public:
  WriteStream(RpcShared& shared, grpc::CallbackServerContext* context)
      : Call(shared, context, RpcMethod::kWriteStream), calls_(shared.calls) {}

  void Start() {
    EnterStreams();
    if (shared().draining) return Drain();
    StartRead(&request_);
  }

  // What was read is answered first.
  void Drain() override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override {
    LeaveStreams();
    Done();
  }

 private:
  class PendingWrite;
  using Response = v1::WriteStreamResponse;

  // The request that was just read becomes a write of core's, or an error reply.
  void Accept();
  // Puts a reply in line; it goes out when those before it have.
  void Reply(Response response);
  // Writes the first reply in line, if nothing is being written.
  void WriteNext();
  // Finishes the stream if it is over.
  void FinishIfDone();

  // Its writes give their places back even after the server is gone.
  const std::shared_ptr<Budget> calls_;
  v1::WriteStreamRequest request_;  // being read; untouched otherwise

  std::mutex mutex_;
  std::deque<Response> replies_;  // the first is being written, if writing_
  size_t pending_ = 0;            // read and not yet answered on the wire
  bool read_paused_ = false;
  bool half_closed_ = false;  // nothing more will be read
  bool draining_ = false;     // nothing more will be taken
  bool writing_ = false;
  bool cancelled_ = false;
};

}  // namespace tandem
