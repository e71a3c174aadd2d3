#include "daemon/rpc/write_stream.h"

#include <memory>
#include <utility>

#include "daemon/base/reason.h"
#include "daemon/rpc/errors.h"

namespace tandem {

// One write of the stream, from the message to its reply. Replies exactly once, at the latest when
// it is destroyed.
class WriteStream::PendingWrite {
 public:
  PendingWrite(WriteStream* stream, uint64_t tag, bool batch)
      : stream_(stream), tag_(tag), batch_(batch) {}
  ~PendingWrite() {
    if (!replied_) Deliver(OutcomeUnknown());
    if (counted_) stream_->calls_->Return(1);
  }
  PendingWrite(const PendingWrite&) = delete;
  PendingWrite& operator=(const PendingWrite&) = delete;

  absl::Status Take(absl::StatusOr<WriteRequest> write) {
    if (!write.ok()) return write.status();
    bytes_ = PayloadBytes(*write);
    if (absl::Status status = CheckPayload(bytes_, stream_->shared()); !status.ok()) return status;
    if (!stream_->calls_->TryTake(1)) return QueueFull();
    counted_ = true;
    if (!stream_->shared().queued_bytes.TryTake(bytes_)) return QueueFull();
    write_ = *std::move(write);
    write_.wait_timeout_ms = EffectiveWaitMs(write_.wait_timeout_ms, stream_->LeftMs());
    return absl::OkStatus();
  }

  static void Run(std::unique_ptr<PendingWrite> self, Core* core) {
    self->stream_->shared().queued_bytes.Return(self->bytes_);
    if (core == nullptr) return self->Deliver(ShuttingDown());
    if (self->stream_->claimed()) {
      self->replied_ = true;  // nobody listens, and the write never was
      return;
    }
    WriteRequest write = std::move(self->write_);
    core->Write(std::move(write),
                [pending = std::move(self)](absl::StatusOr<WriteReply> reply) mutable {
                  pending->Deliver(std::move(reply));
                  pending.reset();
                });
  }

  void Deliver(absl::StatusOr<WriteReply> reply) {
    replied_ = true;
    if (stream_->claimed()) return;
    Response response;
    response.set_tag(tag_);
    absl::Status status = reply.status();
    if (status.ok()) {
      status = batch_ ? ToProto(*reply, response.mutable_batch())
                      : ToProto(*reply, response.mutable_single());
    }
    if (!status.ok()) *response.mutable_error() = ToRpcStatus(status);
    stream_->Reply(std::move(response));
  }

 private:
  CallRef<WriteStream> stream_;
  const uint64_t tag_;
  const bool batch_;
  WriteRequest write_;
  uint64_t bytes_ = 0;
  bool counted_ = false;
  bool replied_ = false;
};

void WriteStream::Accept() {
  const bool batch = request_.has_batch();
  auto pending = std::make_unique<PendingWrite>(this, request_.tag(), batch);
  absl::Status status;
  switch (request_.write_case()) {
    case v1::WriteStreamRequest::kSingle:
      status =
          pending->Take(FromProto(std::move(*request_.mutable_single()), shared().convert.Get()));
      break;
    case v1::WriteStreamRequest::kBatch:
      status =
          pending->Take(FromProto(std::move(*request_.mutable_batch()), shared().convert.Get()));
      break;
    case v1::WriteStreamRequest::WRITE_NOT_SET:
      status = Refuse(Reason::kArgumentInvalid, "neither single nor batch is set");
      break;
  }
  if (!status.ok()) return pending->Deliver(std::move(status));
  shared().inbox.Push([pending = std::move(pending)](Core* core) mutable {
    PendingWrite::Run(std::move(pending), core);
  });
}

void WriteStream::OnReadDone(bool ok) {
  if (!ok) {
    {
      const std::lock_guard lock(mutex_);
      half_closed_ = true;
    }
    return FinishIfDone();
  }
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return;  // as if it had never come: the client learns that the stream ended
    ++pending_;
  }
  Accept();
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return;
    read_paused_ = pending_ >= shared().max_stream_pending;
    if (read_paused_) return;
  }
  StartRead(&request_);
}

void WriteStream::Reply(Response response) {
  {
    const std::lock_guard lock(mutex_);
    replies_.push_back(std::move(response));
  }
  WriteNext();
}

void WriteStream::WriteNext() {
  const Response* next = nullptr;
  grpc::WriteOptions options;
  {
    const std::lock_guard lock(mutex_);
    if (writing_ || cancelled_ || replies_.empty()) return;
    writing_ = true;
    next = &replies_.front();
    if (replies_.size() > 1) options.set_buffer_hint();
  }
  StartWrite(next, options);
}

void WriteStream::OnWriteDone(bool ok) {
  bool resume = false;
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    replies_.pop_front();
    --pending_;
    if (!ok) cancelled_ = true;
    resume = read_paused_ && !cancelled_ && !draining_ && pending_ < shared().max_stream_pending;
    if (resume) read_paused_ = false;
  }
  WriteNext();
  if (resume) StartRead(&request_);
  FinishIfDone();
}

void WriteStream::OnCancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  FinishIfDone();
}

void WriteStream::Drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  FinishIfDone();
}

void WriteStream::FinishIfDone() {
  absl::Status status;
  {
    const std::lock_guard lock(mutex_);
    const bool owed = pending_ > 0;
    // A write under way ends first, also when the stream is cancelled.
    if (writing_ || !(cancelled_ || (!owed && (half_closed_ || draining_)))) return;
    if (cancelled_) {
      status = absl::CancelledError();
    } else if (!half_closed_) {
      status = ShuttingDown();
    }
  }
  if (Claim()) Finish(Conclude(status));
}

}  // namespace tandem
