// Who may write to a target as this writer: `.tandem/writers/<writer>/epoch.json`. A second daemon
// of the same writer with another journal, or an old one that comes back, finds itself shut out.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/lane/directories.h"

namespace tandem {

struct EpochFile {
  std::string writer;
  std::string instance;   // a UUID, of the journal's lane state; "": let go of, anybody may take it
  uint64_t epoch = 0;     // one more each time that it is taken
  std::string host;       // where the process runs, for people
  int64_t pid = 0;        // there
  int64_t taken_ms = 0;   // wall time
  std::string root;       // the directory it owns on the target; "": the target itself
  bool claiming = false;  // it has not looked yet whether somebody else has that root: may withdraw
};

// For people: who it is.
[[nodiscard]] std::string HolderOf(const EpochFile& file);

[[nodiscard]] std::string EncodeEpochFile(const EpochFile& file);
// DATA_LOSS if it is not one, or of another format.
[[nodiscard]] absl::StatusOr<EpochFile> DecodeEpochFile(const std::string& json);

// `top` is the target's own directory, open. NOT_FOUND: there is none.
Awaitable<absl::StatusOr<EpochFile>> ReadEpochFile(Env& env, FileHandle top, std::string writer);

// Durably. It need not be there.
Awaitable<absl::Status> RemoveEpochFile(Env& env, Directory& own);

// Replaces it, durably, like ReplaceOwnFile.
Awaitable<absl::Status> WriteEpochFile(Env& env, Directory& own, int flags, std::string temp,
                                       const EpochFile& file);

// For an operator who knows that nobody writes there as `writer` any more, and that what is there
// is to be gone on from: whoever comes next takes it as it is. Returns who had it, or was about to.
// NOT_FOUND: nobody.
Awaitable<absl::StatusOr<EpochFile>> ReleaseEpoch(Env& env, FileHandle top, std::string writer);

}  // namespace tandem
