// The unary calls: one message in, one task for core, one answer.
#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "daemon/rpc/call.h"

namespace tandem {

class UnaryCall : public grpc::ServerUnaryReactor, public Call {
 public:
  void OnDone() final { Done(); }
  // OnDone and OnCancel are short: gRPC may call them on the thread that it is on, without waking
  // another for each answer. Not part of its API; without it only time is lost.
  bool InternalInlineable() final { return true; }

 protected:
  using Call::Call;
  ~UnaryCall() override = default;

  // The caller went away or the server is closing: nobody waits for core's answer.
  void OnCancel() final {
    if (Claim()) Close(absl::CancelledError());
  }

  // Answers with an error, or with the response as it is. Nothing happens if someone else did.
  void Answer(const absl::Status& status) {
    if (Claim()) Close(status);
  }

  // For the claimer, once the response is filled in.
  void Close(const absl::Status& status) {
    Released();
    Finish(Conclude(status));
  }

 private:
  // Gives budgets back. Called once, before the call is finished.
  virtual void Released() {}
};

// Stands in for a call in core's hands. Answers OUTCOME_UNKNOWN if core drops it.
template <typename CallType>
class PendingAnswer {
 public:
  explicit PendingAnswer(CallType* call) : call_(call) {}
  PendingAnswer(PendingAnswer&& other) noexcept = default;
  PendingAnswer& operator=(PendingAnswer&&) = delete;
  ~PendingAnswer() {
    if (call_) call_->Fail(OutcomeUnknown());
  }
  void operator()(absl::StatusOr<WriteReply> reply) {
    const CallRef<CallType> call = std::move(call_);
    call->Deliver(std::move(reply));
  }

 private:
  CallRef<CallType> call_;
};

// Write and WriteBatch.
template <typename Request, typename Response>
class WriteCall final : public UnaryCall {
 public:
  WriteCall(RpcShared& shared, grpc::CallbackServerContext* context, RpcMethod method,
            Response* response)
      : UnaryCall(shared, context, method), response_(response) {}

  // Takes the request apart. gRPC's thread.
  void Start(Request&& request) {
    if (shared().closing) return Answer(ShuttingDown());
    absl::StatusOr<WriteRequest> write = FromProto(std::move(request), shared().convert.Get());
    if (!write.ok()) return Answer(write.status());
    bytes_ = PayloadBytes(*write);
    if (absl::Status status = CheckPayload(bytes_, shared()); !status.ok()) return Answer(status);
    if (!shared().calls->TryTake(1)) return Answer(QueueFull());
    counted_ = true;
    if (!shared().queued_bytes.TryTake(bytes_)) return Answer(QueueFull());
    write_ = *std::move(write);
    write_.wait_timeout_ms = EffectiveWaitMs(write_.wait_timeout_ms, LeftMs());
    shared().inbox.Push([call = CallRef<WriteCall>(this)](Core* core) { call->Run(core); });
  }

  void Deliver(absl::StatusOr<WriteReply> reply) {
    if (!Claim()) return;
    Close(reply.ok() ? ToProto(*reply, response_) : reply.status());
  }
  void Fail(const absl::Status& status) { Answer(status); }

 private:
  void Run(Core* core) {
    shared().queued_bytes.Return(bytes_);
    if (core == nullptr) return Answer(ShuttingDown());
    if (claimed()) return;  // cancelled in time: it never was
    core->Write(std::move(write_), PendingAnswer<WriteCall>(this));
  }

  void Released() override {
    if (counted_) shared().calls->Return(1);
  }

  Response* const response_;
  WriteRequest write_;
  uint64_t bytes_ = 0;
  bool counted_ = false;
};

}  // namespace tandem
