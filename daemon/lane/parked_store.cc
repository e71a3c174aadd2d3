#include "daemon/lane/parked_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/bytes.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

std::string RecordName(Sequence sequence) {
  return absl::StrCat(absl::Hex(sequence, absl::kZeroPad16), ".rec");
}
std::string DataName(Sequence sequence) {
  return absl::StrCat(absl::Hex(sequence, absl::kZeroPad16), ".data");
}

void ToMessage(const PathState& state, internal::v1::ParkedBase* message) {
  message->set_kind(static_cast<uint32_t>(state.kind));
  message->set_size(state.size);
}
PathState FromMessage(const internal::v1::ParkedBase& message) {
  return {.kind = static_cast<PathKind>(std::min<uint32_t>(message.kind(), 3)),
          .size = message.size()};
}

internal::v1::ParkedRecord ToProto(const Record& record, const ParkedWrite& write) {
  internal::v1::ParkedRecord proto;
  proto.set_type(static_cast<uint32_t>(record.type));
  proto.set_flags(record.flags);
  proto.set_sequence(record.sequence);
  proto.set_wall_time_ms(record.wall_time_ms);
  proto.set_request_id(record.request_id.bytes.data(), record.request_id.bytes.size());
  proto.set_path(record.path);
  proto.set_new_path(record.new_path);
  proto.set_offset(record.offset);
  proto.set_mode(record.mode);
  proto.set_result_size(record.result_size);
  if (record.type != RecordType::kUploadCommit) proto.set_payload(record.payload);
  proto.set_error(write.error);
  proto.set_since_ms(write.since_ms);
  proto.set_content_bytes(write.payload_bytes);
  if (write.skip.has_value()) ToMessage(*write.skip, proto.mutable_skip());
  ToMessage(record.base, proto.mutable_base());
  ToMessage(record.new_base, proto.mutable_new_base());
  if (write.sizes.has_value()) {
    proto.mutable_sizes()->set_least(write.sizes->least);
    proto.mutable_sizes()->set_most(write.sizes->most);
  }
  return proto;
}

Record FromProto(internal::v1::ParkedRecord& proto, ParkedWrite& write) {
  Record record;
  record.type = static_cast<RecordType>(proto.type());
  record.flags = static_cast<uint8_t>(proto.flags());
  record.sequence = proto.sequence();
  record.wall_time_ms = proto.wall_time_ms();
  std::copy_n(proto.request_id().begin(),
              std::min(proto.request_id().size(), record.request_id.bytes.size()),
              record.request_id.bytes.begin());
  record.path = proto.path();
  record.new_path = proto.new_path();
  record.offset = proto.offset();
  record.mode = proto.mode();
  record.result_size = proto.result_size();
  record.base = FromMessage(proto.base());
  record.new_base = FromMessage(proto.new_base());
  if (proto.has_sizes()) {
    write.sizes = {.least = proto.sizes().least(), .most = proto.sizes().most()};
  }
  record.payload = std::move(*proto.mutable_payload());
  record.payload_length = static_cast<uint32_t>(record.payload.size());
  write.header = record;
  write.error = proto.error();
  write.since_ms = proto.since_ms();
  write.payload_bytes = proto.content_bytes();
  if (proto.has_skip()) {
    const internal::v1::Skip& skip = proto.skip();
    write.skip = {.reason = skip.reason(),
                  .caller = skip.caller(),
                  .time_ms = skip.time_ms(),
                  .diverged = {skip.diverged().begin(), skip.diverged().end()}};
  }
  return record;
}

}  // namespace

void ToMessage(const SkipNote& skip, internal::v1::Skip* message) {
  message->set_reason(skip.reason);
  message->set_caller(skip.caller);
  message->set_time_ms(skip.time_ms);
  for (const std::string& path : skip.diverged) message->add_diverged(path);
}

bool IsOverParkedLimit(const absl::Status& status) {
  return absl::IsResourceExhausted(status) && ErrnoOf(status) == 0;
}

Awaitable<absl::Status> ParkedStore::Load() {
  // What a predecessor parked may be in the cache only; the checkpoint is about to pass it.
  CO_RETURN_IF_ERROR(co_await directory_->Sync());
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      co_await env_.files.List(directory_->handle));
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".rec")) continue;
    ParkedWrite write;
    auto record = co_await Decode(name, write);
    if (!record.ok()) co_return Annotate(record.status(), name);
    Loaded(std::move(write));
  }
  co_return co_await RemoveLeftovers(names);
}

// Left by a crash: content whose record was never parked, or is gone.
Awaitable<absl::Status> ParkedStore::RemoveLeftovers(std::vector<std::string> names) {
  for (const std::string& name : names) {
    Sequence sequence = 0;
    const absl::string_view stem = absl::string_view(name).substr(0, name.find('.'));
    const bool content = absl::EndsWith(name, ".data");
    if (!content && !absl::EndsWith(name, ".new")) continue;
    if (content && absl::SimpleHexAtoi(stem, &sequence) && writes_.contains(sequence)) continue;
    CO_RETURN_IF_ERROR(co_await env_.files.Unlink(directory_->handle, name));
  }
  co_return absl::OkStatus();
}

void ParkedStore::Loaded(ParkedWrite write) {
  const Sequence sequence = write.header.sequence;
  if (write.skip.has_value()) {
    for (const std::string& path : write.skip->diverged) diverged_.Add(path, sequence);
    skipped_.emplace(sequence, std::move(write));
    return;
  }
  bytes_ += write.payload_bytes;
  keys_.Add(write.header);
  writes_.emplace(sequence, std::move(write));
}

Awaitable<absl::Status> ParkedStore::Park(const Record& record, Content* content,
                                          absl::Status error, uint64_t attempts,
                                          std::optional<SizeRange> sizes) {
  if (writes_.contains(record.sequence)) co_return absl::OkStatus();
  TANDEM_CHECK(!skipped_.contains(record.sequence));
  const uint64_t bytes = content != nullptr ? record.result_size : record.payload.size();
  if (writes_.size() >= max_writes_ || bytes_ + bytes > max_bytes_) {
    co_return absl::ResourceExhaustedError("too many writes are parked");
  }
  ParkedWrite write{.header = record,
                    .payload_bytes = record.payload.size(),
                    .error = std::string(error.message()),
                    .since_ms = env_.clock.WallMs(),
                    .attempts = attempts,
                    .sizes = sizes};
  if (content != nullptr) {
    CO_ASSIGN_OR_RETURN(write.payload_bytes,
                        co_await CopyContent(DataName(record.sequence), *content));
  }
  CO_RETURN_IF_ERROR(co_await Save(record, write));
  Loaded(std::move(write));
  co_return absl::OkStatus();
}

Awaitable<absl::Status> ParkedStore::Save(const Record& record, const ParkedWrite& write) {
  std::string bytes(4, '\0');
  bytes += ToProto(record, write).SerializeAsString();
  PutLittleEndian<uint32_t>(bytes.data(), Crc32c(absl::string_view(bytes).substr(4)));
  const std::string name = RecordName(record.sequence);
  co_return co_await WriteFile(name, bytes);
}

Awaitable<absl::Status> ParkedStore::WriteFile(std::string name, const std::string& bytes) {
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  const std::string new_name = absl::StrCat(name, ".new");
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env_.files.Open(directory_->handle, new_name, flags));
  absl::Status status = co_await env_.files.Write(file, bytes, 0);
  if (status.ok()) status = co_await env_.files.Sync(file);
  const absl::Status closed = co_await env_.files.Close(file);
  CO_RETURN_IF_ERROR(status);
  CO_RETURN_IF_ERROR(closed);
  CO_RETURN_IF_ERROR(
      co_await env_.files.Rename(directory_->handle, new_name, directory_->handle, name));
  co_return co_await directory_->Sync();
}

Awaitable<absl::StatusOr<uint64_t>> ParkedStore::CopyContent(std::string name, Content& content) {
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env_.files.Open(directory_->handle, name, flags));
  uint64_t size = 0;
  absl::Status status;
  while (status.ok()) {
    auto piece = co_await content.Next();
    status = piece.status();
    if (!status.ok() || piece->empty()) break;
    if (bytes_ + size + piece->size() > max_bytes_) {
      status = absl::ResourceExhaustedError("too many bytes are parked");
      break;
    }
    status = co_await env_.files.Write(file, *piece, size);
    size += piece->size();
  }
  if (status.ok()) status = co_await env_.files.Sync(file);
  const absl::Status closed = co_await env_.files.Close(file);
  if (status.ok()) status = closed;
  if (!status.ok()) {
    (co_await env_.files.Unlink(directory_->handle, name)).IgnoreError();  // or the next start does
    co_return status;
  }
  co_return size;
}

Awaitable<absl::StatusOr<std::string>> ParkedStore::ReadFile(std::string name) {
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env_.files.Open(directory_->handle, name, O_RDONLY));
  auto stat = co_await env_.files.StatFile(file);
  std::string bytes(stat.ok() ? stat->size : 0, '\0');
  auto count = co_await env_.files.Read(file, bytes.data(), bytes.size(), 0);
  (co_await env_.files.Close(file)).IgnoreError();  // only read
  if (!stat.ok()) co_return stat.status();
  if (!count.ok()) co_return count.status();
  bytes.resize(*count);
  co_return bytes;
}

Awaitable<absl::StatusOr<Record>> ParkedStore::Decode(std::string name, ParkedWrite& write) {
  CO_ASSIGN_OR_RETURN(const std::string bytes, co_await ReadFile(name));
  internal::v1::ParkedRecord proto;
  if (bytes.size() < 4 ||
      GetLittleEndian<uint32_t>(bytes.data()) != Crc32c(absl::string_view(bytes).substr(4)) ||
      !proto.ParseFromArray(bytes.data() + 4, static_cast<int>(bytes.size() - 4))) {
    co_return absl::DataLossError("the parked record is damaged");
  }
  co_return FromProto(proto, write);
}

Awaitable<absl::StatusOr<Record>> ParkedStore::Read(Sequence sequence) {
  ParkedWrite write;
  absl::StatusOr<Record> record = co_await Decode(RecordName(sequence), write);
  if (record.ok() && write.skip.has_value())
    record = absl::FailedPreconditionError("it is skipped");
  co_return record;
}

Awaitable<absl::StatusOr<FileHandle>> ParkedStore::OpenContent(Sequence sequence) {
  co_return co_await env_.files.Open(directory_->handle, DataName(sequence), O_RDONLY);
}

Awaitable<absl::Status> ParkedStore::Remove(Sequence sequence) {
  auto found = writes_.find(sequence);
  if (found == writes_.end()) co_return absl::OkStatus();
  found->second.done = true;
  CO_RETURN_IF_ERROR(co_await Unlink(found->second));
  found = writes_.find(sequence);
  bytes_ -= found->second.payload_bytes;
  keys_.Remove(found->second.header);
  writes_.erase(found);
  co_return absl::OkStatus();
}

Awaitable<absl::Status> ParkedStore::Unlink(const ParkedWrite& write) {
  const Sequence sequence = write.header.sequence;
  const bool has_content = write.header.type == RecordType::kUploadCommit;
  const std::string name = RecordName(sequence);
  const absl::Status unlinked = co_await env_.files.Unlink(directory_->handle, name);
  if (!unlinked.ok() && !absl::IsNotFound(unlinked)) co_return unlinked;
  if (has_content) {
    // What a crash leaves of it goes when the store is loaded.
    const std::string data = DataName(sequence);
    (co_await env_.files.Unlink(directory_->handle, data)).IgnoreError();
  }
  co_return co_await directory_->Sync();
}

}  // namespace tandem
