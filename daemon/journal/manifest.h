// `<dir>/MANIFEST`: what is true of the journal as a whole.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/base/async.h"
#include "daemon/io/files.h"

namespace tandem {

struct Manifest {
  uint64_t epoch = 0;          // of the last owner that opened the journal to the end
  uint64_t segment = 0;        // its first segment: one with this id or a later one must be there
  uint64_t segment_bytes = 0;  // that new segments had then
  std::string writer;          // whose journal this is; "" where nobody said
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// Lines of text, the last with the CRC32C of those before.
[[nodiscard]] std::string EncodeManifest(const Manifest& manifest);
// DATA_LOSS if it is damaged, FAILED_PRECONDITION if a newer version wrote it.
[[nodiscard]] absl::StatusOr<Manifest> DecodeManifest(absl::string_view text);

// nullopt: there is none.
Awaitable<absl::StatusOr<std::optional<Manifest>>> ReadManifest(Files& files, FileHandle directory);

// Replaces it: temp file, sync, rename, sync of the directory.
Awaitable<absl::Status> WriteManifest(Files& files, FileHandle directory, const Manifest& manifest);

}  // namespace tandem
