// The file on a target that says how far it is: `.tandem/writers/<writer>/watermark.json`. Readable
// without a daemon, also when the writer's whole account is gone. WATERMARK.md says what it means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/base/sequence_set.h"
#include "daemon/io/env.h"
#include "daemon/lane/directories.h"

namespace tandem {

struct Watermark {
  std::string writer;
  std::string target;        // its name with that writer: "local", "corebank"
  std::string target_id;     // the identity it was written for
  std::string instance;      // the writer's journal; sequences of two journals do not compare
  uint64_t epoch = 0;        // of the lane that wrote it
  Sequence sequence = 0;     // every write up to this one is here, durably; 0: none is known to be
  int64_t complete_ms = 0;   // every write accepted up to this wall time is here; 0: unknown
  int64_t written_ms = 0;    // wall time of the writing
  uint64_t parked = 0;       // writes that this target refuses for now; they hold `sequence` back
  std::string inconsistent;  // why files may not be as the writer meant them; "": CONSISTENT
};

[[nodiscard]] std::string EncodeWatermark(const Watermark& watermark);
// DATA_LOSS if it is not one, or of another format.
[[nodiscard]] absl::StatusOr<Watermark> DecodeWatermark(const std::string& json);

// `top` is the target's own directory, open. NOT_FOUND: there is none.
Awaitable<absl::StatusOr<Watermark>> ReadWatermark(Env& env, FileHandle top, std::string writer);

// Replaces the file, durably. `own`: `.tandem/writers/<writer>`; `flags`: besides, to open it with;
// `temp`: a temp name that nobody else uses.
Awaitable<absl::Status> WriteWatermark(Env& env, Directory& own, int flags, std::string temp,
                                       const Watermark& watermark);

// Durably. It need not be there.
Awaitable<absl::Status> RemoveWatermark(Env& env, Directory& own);

// The names of all who ever wrote to the target, sorted. NOT_FOUND: it is no target.
Awaitable<absl::StatusOr<std::vector<std::string>>> ListWriters(Env& env, FileHandle top);

// Of a file in `.tandem/writers/<writer>`: replaced whole, durably, as above.
Awaitable<absl::Status> ReplaceOwnFile(Env& env, Directory& own, int flags, std::string temp,
                                       std::string name, const std::string& bytes);

// ".tandem/writers/<writer>"
[[nodiscard]] std::string OwnDirectoryOf(absl::string_view writer);

}  // namespace tandem
