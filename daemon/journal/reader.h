// A log follower's view of the journal: reads records in sequence order up to the durable
// watermark, never past it. Runs in core (recovery, verification) and in every lane's process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/base/async.h"
#include "daemon/io/env.h"
#include "daemon/journal/record.h"

namespace tandem {

// Owner: one thread. One Seek, Read or Close at a time; ReadAt may run beside it and
// beside others.
class JournalReader {
 public:
  // `directory`: the journal's, absolute. Touches nothing yet.
  JournalReader(Env& env, std::string directory);
  ~JournalReader();
  JournalReader(const JournalReader&) = delete;
  JournalReader& operator=(const JournalReader&) = delete;

  // The next Read starts with the record `next`. Finds its segment: the newest one whose first
  // sequence is not above it. NOT_FOUND if that was retired, DATA_LOSS if it is damaged.
  Awaitable<absl::Status> Seek(Sequence next, JournalTail tail);

  // Learns of a newer tail; never goes back.
  void Advance(JournalTail tail);

  // The sequence the next Read begins with.
  [[nodiscard]] Sequence next() const;

  // The records from next() on, payloads included, up to the durable watermark and about
  // `max_bytes` (at least one record if there is one; none if next() is beyond the watermark).
  // Durable marks are left out. DATA_LOSS: damage below the watermark, with segment, offset and
  // sequence; nothing is skipped.
  Awaitable<absl::StatusOr<std::vector<PlacedRecord>>> Read(size_t max_bytes);

  // Reads one record again and checks its CRCs and its sequence. DATA_LOSS if it is not there.
  // NOT_FOUND if its segment was retired.
  Awaitable<absl::StatusOr<Record>> ReadAt(RecordPlace place, Sequence sequence);

  // Closes the files; no ReadAt may be under way. The next Seek begins anew. Without it they stay
  // open until the process ends.
  Awaitable<void> Close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tandem
