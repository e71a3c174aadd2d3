#include "daemon/model/upload_manifest.h"

#include "daemon/base/bytes.h"

namespace tandem {
namespace {

// size, crc32c, chunk count; then for each chunk: sequence, segment, offset, the two lengths
constexpr size_t kHeadBytes = 8 + 4 + 4;
constexpr size_t kChunkBytes = 8 + 8 + 8 + 4 + 4;

}  // namespace

std::string EncodeUploadManifest(const UploadManifest& manifest) {
  std::string bytes(kHeadBytes + manifest.chunks.size() * kChunkBytes, '\0');
  char* at = bytes.data();
  PutLittleEndian<uint64_t>(at, manifest.size);
  PutLittleEndian<uint32_t>(at + 8, manifest.crc32c);
  PutLittleEndian<uint32_t>(at + 12, static_cast<uint32_t>(manifest.chunks.size()));
  at += kHeadBytes;
  for (const UploadChunk& chunk : manifest.chunks) {
    PutLittleEndian<uint64_t>(at, chunk.sequence);
    PutLittleEndian<uint64_t>(at + 8, chunk.segment);
    PutLittleEndian<uint64_t>(at + 16, chunk.offset);
    PutLittleEndian<uint32_t>(at + 24, chunk.record_length);
    PutLittleEndian<uint32_t>(at + 28, chunk.payload_length);
    at += kChunkBytes;
  }
  return bytes;
}

absl::StatusOr<UploadManifest> DecodeUploadManifest(absl::string_view bytes) {
  if (bytes.size() < kHeadBytes) return absl::DataLossError("upload manifest is cut short");
  UploadManifest manifest;
  manifest.size = GetLittleEndian<uint64_t>(bytes.data());
  manifest.crc32c = GetLittleEndian<uint32_t>(bytes.data() + 8);
  const uint64_t count = GetLittleEndian<uint32_t>(bytes.data() + 12);
  if (bytes.size() != kHeadBytes + count * kChunkBytes) {
    return absl::DataLossError("upload manifest is not as long as it says");
  }
  manifest.chunks.reserve(count);
  uint64_t size = 0;
  for (const char* at = bytes.data() + kHeadBytes; at < bytes.data() + bytes.size();
       at += kChunkBytes) {
    manifest.chunks.push_back({.sequence = GetLittleEndian<uint64_t>(at),
                               .segment = GetLittleEndian<uint64_t>(at + 8),
                               .offset = GetLittleEndian<uint64_t>(at + 16),
                               .record_length = GetLittleEndian<uint32_t>(at + 24),
                               .payload_length = GetLittleEndian<uint32_t>(at + 28)});
    size += manifest.chunks.back().payload_length;
  }
  if (size != manifest.size) return absl::DataLossError("upload manifest does not add up");
  return manifest;
}

}  // namespace tandem
