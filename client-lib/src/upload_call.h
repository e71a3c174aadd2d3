// An upload and its attempts.
#pragma once

#include <memory>
#include <string>

#include "call.h"
#include "tandem/client/upload.h"
#include "tandem/client/write_stream.h"

namespace tandem::client {

// gRPC runs one reaction of an attempt at a time, and attempts follow each other: no lock needed
// for the source.
class UploadCall final : public Call {
 public:
  UploadCall(Setup setup, UploadSpec spec, Level level, std::unique_ptr<UploadSource> source,
             WriteCallback done);
  ~UploadCall() override;

 private:
  class Sender;  // the reactor of one attempt

  void Attempt(grpc::ClientContext* context, absl::Duration wait) override;
  void Deliver(const absl::Status& status) override;

  const UploadSpec spec_;
  const Level level_;
  const std::unique_ptr<UploadSource> source_;
  WriteCallback done_;
  v1::UploadResponse response_;
  uint32_t crc32c_ = 0;  // of what was sent in this attempt
};

}  // namespace tandem::client
