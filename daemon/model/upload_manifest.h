// The payload of a kUploadCommit record: which chunk records make up the file, and where they lie.
// Core writes it when all chunks are durable; a lane follows it to put the file together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/base/sequence_set.h"

namespace tandem {

struct UploadChunk {
  Sequence sequence = 0;  // of the chunk's record
  uint64_t segment = 0;   // RecordPlace of it
  uint64_t offset = 0;
  uint32_t record_length = 0;
  uint32_t payload_length = 0;  // bytes of the file
};

struct UploadManifest {
  uint64_t size = 0;    // bytes of the whole file: the sum of the chunks'
  uint32_t crc32c = 0;  // of the whole file
  std::vector<UploadChunk> chunks;
};

[[nodiscard]] std::string EncodeUploadManifest(const UploadManifest& manifest);
// DATA_LOSS if it is not one, or does not add up.
[[nodiscard]] absl::StatusOr<UploadManifest> DecodeUploadManifest(absl::string_view bytes);

}  // namespace tandem
