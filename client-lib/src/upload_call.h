// An upload and its attempts.
#pragma once

#include <memory>
#include <optional>
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
  uint64_t sent_bytes_ = 0;
  // Of the whole source, once an attempt came to its end. The daemon can compare it with what an
  // earlier attempt has journaled, and need not be sent it again.
  struct Whole {
    uint64_t bytes = 0;
    uint32_t crc32c = 0;
  };
  std::optional<Whole> whole_;
};

}  // namespace tandem::client
