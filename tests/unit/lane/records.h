// Records as core writes them, for tests of the lane.
#pragma once

#include <string>
#include <utility>

#include "daemon/journal/record.h"

namespace tandem {

inline Record MakeRecord(RecordType type, Sequence sequence, std::string path) {
  Record record;
  record.type = type;
  record.sequence = sequence;
  record.path = std::move(path);
  record.mode = 0640;
  return record;
}

inline Record PutRecord(Sequence sequence, std::string path, std::string payload,
                        PathState base = {}) {
  Record record = MakeRecord(RecordType::kPut, sequence, std::move(path));
  record.payload = std::move(payload);
  record.payload_length = static_cast<uint32_t>(record.payload.size());
  record.base = base;
  record.result_size = record.payload.size();
  return record;
}

// A write of `payload` at `offset` of a file that had `base_size` bytes.
inline Record AppendRecord(Sequence sequence, std::string path, std::string payload,
                           uint64_t offset, PathState base) {
  Record record = PutRecord(sequence, std::move(path), std::move(payload), base);
  record.type = RecordType::kAppend;
  record.offset = offset;
  record.result_size = offset + record.payload.size();
  return record;
}

inline Record TruncateRecord(Sequence sequence, std::string path, uint64_t size, PathState base) {
  Record record = MakeRecord(RecordType::kTruncate, sequence, std::move(path));
  record.offset = size;
  record.base = base;
  record.result_size = size;
  return record;
}

inline Record DeleteRecord(Sequence sequence, std::string path, PathState base = {}) {
  Record record = MakeRecord(RecordType::kDelete, sequence, std::move(path));
  record.base = base;
  record.flags = kRecordExisted;
  return record;
}

inline Record RenameRecord(Sequence sequence, std::string path, std::string new_path,
                           PathState base, PathState new_base = {}) {
  Record record = MakeRecord(RecordType::kRename, sequence, std::move(path));
  record.new_path = std::move(new_path);
  record.base = base;
  record.new_base = new_base;
  record.result_size = base.size;
  return record;
}

inline PathState FileOf(uint64_t size) { return {.kind = PathKind::kFile, .size = size}; }

}  // namespace tandem
