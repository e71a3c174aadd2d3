#include "daemon/rpc/upload_call.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/reason.h"
#include "daemon/rpc/unary_call.h"

namespace tandem {

void UploadCall::ReadNext() {
  const std::lock_guard lock(mutex_);
  if (!claimed()) StartRead(&request_);
}

void UploadCall::OnReadDone(bool ok) {
  if (claimed()) return;
  if (!ok) {
    if (!header_seen_) {
      return Abandon(Refuse(Reason::kArgumentInvalid, "the upload has no header"));
    }
    // Either the client has sent everything, or it is gone: a read cannot tell. Sending can: it
    // fails on a broken stream, and half an upload must never be committed.
    whole_ = true;
    const std::lock_guard lock(mutex_);
    if (!claimed()) StartSendInitialMetadata();  // finishing would send it a second time
    return;
  }
  switch (request_.part_case()) {
    case v1::UploadRequest::kHeader:
      return Open(std::move(*request_.mutable_header()));
    case v1::UploadRequest::kData:
      return Add(std::move(*request_.mutable_data()));
    case v1::UploadRequest::PART_NOT_SET:
      return Abandon(Refuse(Reason::kArgumentInvalid, "neither header nor data is set"));
  }
}

void UploadCall::Open(v1::UploadHeader&& header) {
  if (header_seen_) return Abandon(Refuse(Reason::kArgumentInvalid, "a second header"));
  header_seen_ = true;
  absl::StatusOr<UploadRequest> upload = FromProto(std::move(header), shared().convert.Get());
  if (!upload.ok()) return Abandon(upload.status());
  if (!shared().calls->TryTake(1)) return Abandon(QueueFull());
  {
    // Whoever cancels meanwhile gives the place back, or leaves it to us.
    const std::lock_guard lock(mutex_);
    counted_ = !claimed();
  }
  if (!counted_) return shared().calls->Return(1);
  upload_ = *std::move(upload);
  shared().inbox.Push([call = CallRef<UploadCall>(this)](Core* core) { call->RunOpen(core); });
}

void UploadCall::Add(std::string data) {
  if (!header_seen_) {
    return Abandon(Refuse(Reason::kArgumentInvalid, "the upload does not begin with a header"));
  }
  if (absl::Status status = CheckPayload(data.size(), shared()); !status.ok()) {
    return Abandon(std::move(status));
  }
  if (data.empty()) return ReadNext();
  shared().inbox.Push([call = CallRef<UploadCall>(this), chunk = std::move(data)](
                          Core* core) mutable { call->RunAdd(core, std::move(chunk)); });
}

void UploadCall::RunOpen(Core* core) {
  if (core == nullptr) return Abandon(ShuttingDown());
  if (claimed()) return;
  UploadRequest upload = upload_;
  upload.open_timeout_ms = EffectiveWaitMs(upload_.wait_timeout_ms, LeftMs());
  core->OpenUpload(std::move(upload), [call = CallRef<UploadCall>(this), core](auto opened) {
    call->OnOpened(core, std::move(opened));
  });
}

void UploadCall::OnOpened(Core* core, absl::StatusOr<std::variant<UploadId, WriteReply>> opened) {
  if (!opened.ok()) return Abandon(opened.status());
  if (WriteReply* reply = std::get_if<WriteReply>(&*opened)) return Deliver(std::move(*reply));
  id_ = std::get<UploadId>(*opened);
  if (claimed()) return RunAbort(core);  // cancelled meanwhile
  ReadNext();
}

void UploadCall::RunAdd(Core* core, std::string data) {
  if (core == nullptr) return Abandon(ShuttingDown());
  if (claimed() || !id_.has_value()) return;
  core->AddChunk(*id_, std::move(data), [call = CallRef<UploadCall>(this)](absl::Status status) {
    call->OnAdded(status);
  });
}

void UploadCall::OnAdded(const absl::Status& status) {
  if (!status.ok()) {
    id_.reset();  // core has forgotten it
    return Abandon(status);
  }
  ReadNext();
}

void UploadCall::OnSendInitialMetadataDone(bool ok) {
  if (!ok || context()->IsCancelled()) return Abandon(absl::CancelledError());
  shared().inbox.Push([call = CallRef<UploadCall>(this)](Core* core) { call->RunCommit(core); });
}

void UploadCall::RunCommit(Core* core) {
  if (core == nullptr) return Abandon(ShuttingDown());
  if (claimed() || !id_.has_value()) return;
  ArmDeadline(core);
  const UploadId id = *std::exchange(id_, std::nullopt);
  core->CommitUpload(id, PendingAnswer<UploadCall>(this));
}

// Core's wait begins with the commit, however long the chunks took; the call's deadline may come
// first.
void UploadCall::ArmDeadline(Core* core) {
  const int64_t wait_ms = EffectiveWaitMs(upload_.wait_timeout_ms, LeftMs());
  if (wait_ms >= upload_.wait_timeout_ms) return;
  deadline_.emplace(shared().executor, std::chrono::milliseconds(wait_ms));
  deadline_->async_wait(
      [call = CallRef<UploadCall>(this), core](const boost::system::error_code& error) {
        if (!error) call->OnDeadline(core);
      });
}

void UploadCall::OnDeadline(Core* core) {
  if (claimed()) return;
  const absl::StatusOr<WriteInfo> info = core->GetWrite(upload_.request_id);
  if (!info.ok() || info->reply.level_reached == Level::kNone) return Abandon(OutcomeUnknown());
  const Sequence sequence = info->reply.results.back().sequence;
  Abandon(Refuse(
      Reason::kDurabilityNotReached, "the upload is accepted, but did not reach the level in time",
      {.metadata = {{"sequence", absl::StrCat(sequence)},
                    {"level_reached", std::string(LevelName(info->reply.level_reached))}}}));
}

void UploadCall::RunAbort(Core* core) {
  deadline_.reset();
  if (core == nullptr || !id_.has_value()) return;
  core->AbortUpload(*std::exchange(id_, std::nullopt));
}

void UploadCall::Drain() {
  if (!whole_) Abandon(ShuttingDown());
}

void UploadCall::OnCancel() { Abandon(absl::CancelledError()); }

void UploadCall::Deliver(absl::StatusOr<WriteReply> reply) {
  deadline_.reset();
  if (!reply.ok()) return Abandon(reply.status());
  if (Claim()) Close(ToProto(*reply, response_));
}

void UploadCall::Fail(const absl::Status& status) { Abandon(status); }

void UploadCall::Abandon(const absl::Status& status) {
  if (!Claim()) return;
  shared().inbox.Push([call = CallRef<UploadCall>(this)](Core* core) { call->RunAbort(core); });
  Close(status);
}

void UploadCall::Close(const absl::Status& status) {
  const grpc::Status concluded = Conclude(status);
  const std::lock_guard lock(mutex_);
  if (counted_) shared().calls->Return(1);
  Finish(concluded);
}

}  // namespace tandem
