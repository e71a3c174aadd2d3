// Where an upload's bytes come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tandem::client {

// Calls come one after the other, from any thread of the library.
class UploadSource {
 public:
  virtual ~UploadSource() = default;
  // Called before each attempt, the first included: the next bytes are the file's first ones. An
  // error ends the upload.
  virtual absl::Status Restart() = 0;
  // The next bytes, 1 to `max_bytes`; empty at the end.
  virtual absl::StatusOr<std::string> Next(size_t max_bytes) = 0;
  // Bytes in all, if known before the end. Asked after Restart.
  virtual std::optional<uint64_t> Size() { return std::nullopt; }
};

// A local file; NOT_FOUND and the like come from Restart.
[[nodiscard]] std::unique_ptr<UploadSource> MakeFileSource(std::string file);

// `next` as UploadSource::Next. It cannot start again, so a broken attempt is not repeated, unless
// `restart` is given.
[[nodiscard]] std::unique_ptr<UploadSource> MakeGeneratorSource(
    std::function<absl::StatusOr<std::string>(size_t max_bytes)> next,
    std::function<absl::Status()> restart = nullptr);

struct UploadSpec {
  std::string path;        // of the file to write, relative
  uint32_t mode = 0;       // permission bits; 0: the daemon's default (0640)
  bool if_absent = false;  // PATH_EXISTS if a file is there
};

}  // namespace tandem::client
