#include "tandem/client/write_stream.h"

#include <utility>

#include "stream_core.h"

namespace tandem::client {

WriteStream::WriteStream(std::shared_ptr<StreamCore> core) : core_(std::move(core)) {}

WriteStream::~WriteStream() { core_->Destroy(); }

absl::StatusOr<std::string> WriteStream::Send(std::vector<Operation> operations, WriteCallback done,
                                              std::string request_id) {
  return core_->Send(std::move(operations), std::move(done), std::move(request_id), true);
}

absl::StatusOr<std::string> WriteStream::Send(Operation operation, WriteCallback done,
                                              std::string request_id) {
  std::vector<Operation> operations;
  operations.push_back(std::move(operation));
  return core_->Send(std::move(operations), std::move(done), std::move(request_id), true);
}

absl::StatusOr<std::string> WriteStream::TrySend(std::vector<Operation> operations,
                                                 WriteCallback done, std::string request_id) {
  return core_->Send(std::move(operations), std::move(done), std::move(request_id), false);
}

absl::Status WriteStream::Flush(absl::Duration limit) { return core_->Flush(limit); }

absl::Status WriteStream::Close(absl::Duration limit) { return core_->Close(limit); }

}  // namespace tandem::client
