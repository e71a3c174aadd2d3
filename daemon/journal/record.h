// A journal record as the logic sees it; FORMAT.md and record_codec.h say how it lies on disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/digest.h"
#include "daemon/base/sequence_set.h"
#include "daemon/base/uuid.h"
#include "daemon/model/operation.h"

namespace tandem {

// The numbers are on disk. 1..7 are those of OperationType.
enum class RecordType : uint8_t {
  kPut = 1,
  kAppend = 2,  // `offset` is absolute: applying it twice is harmless
  kWriteAt = 3,
  kTruncate = 4,
  kDelete = 5,
  kRename = 6,
  kUploadCommit = 7,  // payload: the places of its chunks (upload_manifest.h)
  kUploadChunk = 16,  // payload: a piece of an open upload; request_id: the upload's
  kUploadAbort = 17,  // the upload's chunks will never be used
  kHeartbeat = 32,    // takes a sequence, changes nothing
  // Takes no sequence of its own: repeats the last one. Witness that the group before it was
  // synced.
  kDurableMark = 48,
};

// A client's write, as opposed to pieces of uploads and what the journal needs itself.
[[nodiscard]] inline bool IsClientWrite(RecordType type) {
  return type <= RecordType::kUploadCommit;
}

// Flags, on disk.
inline constexpr uint8_t kRecordBatchMore = 1;   // more records of the same batch follow
inline constexpr uint8_t kRecordBatchLater = 2;  // not the first record of its batch
inline constexpr uint8_t kRecordExisted = 4;     // a file was at the path before

// Run time of records that are read back and may be as young as the journal's last moment.
inline constexpr int64_t kNewestRun = INT64_MAX;

// All of a record but its payload.
struct RecordHeader {
  RecordType type = RecordType::kPut;
  uint8_t flags = 0;
  Sequence sequence = 0;
  int64_t wall_time_ms = 0;  // since 1970, as the clock said; 0: the journal asks it
  // The journal's run time (journal.h) when it was appended, or later. Not on disk.
  int64_t run_ms = 0;
  Uuid request_id;
  Digest digest{};  // of the whole request; of the batch, if it is one
  std::string path;
  std::string new_path;      // kRename
  uint64_t offset = 0;       // kAppend, kWriteAt: of the payload; kTruncate: the new size
  uint32_t mode = 0;         // permission bits for a file this creates or replaces
  PathState base;            // what `path` was just before this record
  PathState new_base;        // kRename: what `new_path` was just before
  uint64_t result_size = 0;  // of the file afterwards (kRename: of the file at new_path)
  uint32_t payload_crc32c = 0;
  uint32_t payload_length = 0;
};

struct Record : RecordHeader {
  std::string payload;
};

// The record's path, and a rename's other one.
[[nodiscard]] inline std::vector<std::string> PathsOf(const RecordHeader& record) {
  std::vector<std::string> paths = {record.path};
  if (record.type == RecordType::kRename) paths.push_back(record.new_path);
  return paths;
}

// Where a record lies. A reference to a record: the payload can be read again from it while its
// segment is not recycled.
struct RecordPlace {
  uint64_t segment = 0;  // the segment's id
  uint64_t offset = 0;   // of the record's header, bytes from the segment's start
  uint32_t length = 0;   // of the whole record, padded
  friend bool operator==(const RecordPlace&, const RecordPlace&) = default;
};

struct PlacedRecord {
  Record record;
  RecordPlace place;
};

// How far the journal is known to be durable and which segment is its newest: all that a reader in
// another process needs to follow it.
struct JournalTail {
  Sequence durable = 0;        // every record up to this one is durable
  uint64_t segment = 0;        // id of the newest segment
  Sequence segment_first = 0;  // the first sequence that segment holds
};

}  // namespace tandem
