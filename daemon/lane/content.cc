#include "daemon/lane/content.h"

#include "daemon/base/status.h"
#include "daemon/lane/errors.h"

namespace tandem {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;

}  // namespace

Awaitable<absl::StatusOr<std::string>> JournalContent::Next() {
  if (next_ == manifest_.chunks.size()) co_return std::string();
  const UploadChunk& chunk = manifest_.chunks[next_++];
  const RecordPlace place{
      .segment = chunk.segment, .offset = chunk.offset, .length = chunk.record_length};
  auto read = co_await reader_.ReadAt(place, chunk.sequence);
  if (absl::IsNotFound(read.status())) co_return PiecesGone();
  CO_ASSIGN_OR_RETURN(Record record, std::move(read));
  if (record.type != RecordType::kUploadChunk || record.payload.size() != chunk.payload_length) {
    co_return absl::DataLossError("the upload's manifest points at another record");
  }
  co_return std::move(record.payload);
}

Awaitable<absl::StatusOr<std::string>> FileContent::Next() {
  std::string piece(kPieceBytes, '\0');
  CO_ASSIGN_OR_RETURN(const size_t count,
                      co_await env_.files.Read(file_, piece.data(), piece.size(), offset_));
  offset_ += count;
  piece.resize(count);
  co_return piece;
}

}  // namespace tandem
