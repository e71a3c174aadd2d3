#include "upload_call.h"

#include <grpcpp/support/client_callback.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "convert.h"
#include "crc32c.h"

namespace tandem::client {

// Deletes itself in OnDone.
class UploadCall::Sender final : public grpc::ClientWriteReactor<v1::UploadRequest> {
 public:
  Sender(std::shared_ptr<UploadCall> call, grpc::ClientContext* context, absl::Duration wait)
      : call_(std::move(call)), context_(context) {
    v1::UploadHeader* header = part_.mutable_header();
    header->set_request_id(call_->request_id());
    header->set_path(call_->spec_.path);
    header->set_mode(call_->spec_.mode);
    header->set_if_absent(call_->spec_.if_absent);
    header->set_level(ToWire(call_->level_));
    if (wait > absl::ZeroDuration()) {
      const int64_t nanos = absl::ToInt64Nanoseconds(wait);
      header->mutable_wait_timeout()->set_seconds(nanos / 1'000'000'000);
      header->mutable_wait_timeout()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
    }
    if (const std::optional<uint64_t> size = call_->source_->Size(); size.has_value()) {
      header->set_size(*size);
    }
    if (call_->whole_.has_value()) {
      header->set_size(call_->whole_->bytes);
      header->set_data_crc32c(call_->whole_->crc32c);
    }
  }

  void Run() {
    call_->state().writes().async()->Upload(context_, &call_->response_, this);
    StartWrite(&part_);
    StartCall();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;  // the server has answered already; OnDone brings it
    absl::StatusOr<std::string> data =
        call_->source_->Next(call_->state().options().upload_chunk_bytes);
    if (!data.ok()) {
      source_error_ = data.status();
      context_->TryCancel();
    } else if (data->empty()) {
      call_->whole_ = {.bytes = call_->sent_bytes_, .crc32c = call_->crc32c_};
      StartWritesDone();
    } else {
      call_->crc32c_ = Crc32c(*data, call_->crc32c_);
      call_->sent_bytes_ += data->size();
      part_.set_data(*std::move(data));
      StartWrite(&part_);
    }
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<UploadCall> call = std::move(call_);
    const absl::Status source_error = std::move(source_error_);
    delete this;
    if (!source_error.ok()) {
      call->AttemptFailedHere(source_error);
    } else {
      call->AttemptDone(status);
    }
  }

 private:
  std::shared_ptr<UploadCall> call_;
  grpc::ClientContext* const context_;
  v1::UploadRequest part_;
  absl::Status source_error_;
};

UploadCall::UploadCall(Setup setup, UploadSpec spec, Level level,
                       std::unique_ptr<UploadSource> source, WriteCallback done)
    : Call(std::move(setup)),
      spec_(std::move(spec)),
      level_(level),
      source_(std::move(source)),
      done_(std::move(done)) {}

UploadCall::~UploadCall() = default;

void UploadCall::Attempt(grpc::ClientContext* context, absl::Duration wait) {
  response_.Clear();
  crc32c_ = 0;
  sent_bytes_ = 0;
  if (absl::Status status = source_->Restart(); !status.ok()) {
    AttemptFailedHere(status);
    return;
  }
  auto self = std::static_pointer_cast<UploadCall>(shared_from_this());
  auto sender = std::make_unique<Sender>(std::move(self), context, wait);
  sender.release()->Run();
}

void UploadCall::Deliver(const absl::Status& status) {
  if (!status.ok()) {
    done_(status);
    return;
  }
  WriteResult result = FromWire(response_, request_id());
  // An answer to an earlier attempt may come before all bytes were sent again.
  if (!result.earlier_attempt && result.results.front().data_crc32c != crc32c_) {
    done_(absl::DataLossError(
        absl::StrCat("the daemon journaled other bytes of ", spec_.path, " than were sent")));
    return;
  }
  done_(std::move(result));
}

}  // namespace tandem::client
