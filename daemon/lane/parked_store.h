// Writes that one target cannot take now, kept durably so that they do not pin the journal.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/journal/record.h"
#include "daemon/lane/content.h"
#include "daemon/lane/directories.h"
#include "daemon/lane/path_locks.h"

namespace tandem {

struct ParkedWrite {
  RecordHeader header;
  uint64_t payload_bytes = 0;  // the payload's, or an upload's content's
  std::string error;           // why, for a person
  int64_t since_ms = 0;        // wall time, since 1970
  bool done = false;           // on the target; only its removal is owed
};

// Files `<sequence>.rec` (and `.data` for an upload) in a directory of the lane, on the journal's
// volume. In memory: everything but payloads. Owner: the lane that holds the target's lock.
class ParkedStore {
 public:
  // Limits in writes and bytes of payload.
  ParkedStore(Env& env, DirectoryRef directory, uint64_t max_writes, uint64_t max_bytes)
      : env_(env),
        directory_(std::move(directory)),
        max_writes_(max_writes),
        max_bytes_(max_bytes) {}

  // Reads what is there. DATA_LOSS: a file is damaged, its name is in the message.
  Awaitable<absl::Status> Load();

  // Durable when OK. Over the limits (IsOverParkedLimit) nothing is written; after any other error
  // the record may be there or not: Park it again until it is. `content`: an upload's, else null.
  Awaitable<absl::Status> Park(const Record& record, Content* content, absl::Status error);

  // The record with its payload (an upload's content: OpenContent).
  Awaitable<absl::StatusOr<Record>> Read(Sequence sequence);
  Awaitable<absl::StatusOr<FileHandle>> OpenContent(Sequence sequence);

  // It is on the target now, or given up: forgotten durably when OK. After an error the record may
  // be gone already: do not apply it again, only Remove it again.
  Awaitable<absl::Status> Remove(Sequence sequence);

  // Does `header` have to wait behind something parked: the same path, an ancestor or descendant,
  // an end of a rename, an earlier member of its batch?
  [[nodiscard]] bool Blocks(const RecordHeader& header) const { return keys_.Conflicts(header); }

  [[nodiscard]] const std::map<Sequence, ParkedWrite>& writes() const { return writes_; }
  [[nodiscard]] bool Contains(Sequence sequence) const { return writes_.contains(sequence); }

 private:
  Awaitable<absl::StatusOr<std::string>> ReadFile(std::string name);
  Awaitable<absl::Status> WriteFile(std::string name, const std::string& bytes);
  Awaitable<absl::StatusOr<uint64_t>> CopyContent(std::string name, Content& content);
  Awaitable<absl::StatusOr<Record>> Decode(std::string name, ParkedWrite& write);

  Env& env_;
  DirectoryRef directory_;
  uint64_t max_writes_;
  uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  std::map<Sequence, ParkedWrite> writes_;
  KeyUses keys_;
};

[[nodiscard]] bool IsOverParkedLimit(const absl::Status& status);

}  // namespace tandem
