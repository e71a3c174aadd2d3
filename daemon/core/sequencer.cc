#include "daemon/core/sequencer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

Demand DemandOf(const Operation& operation) {
  switch (operation.type) {
    case OperationType::kPut:
    case OperationType::kUploadCommit:
      return operation.if_absent ? Demand::kPutIfAbsent : Demand::kPut;
    case OperationType::kAppend:
      return Demand::kAppend;
    case OperationType::kWriteAt:
      return Demand::kWriteAt;
    case OperationType::kTruncate:
      return Demand::kTruncate;
    case OperationType::kDelete:
      return Demand::kDelete;
    case OperationType::kRename:
      return Demand::kRenameFrom;
  }
  return Demand::kPut;
}

absl::Status CheckFileSize(uint64_t size, uint64_t limit, absl::string_view path) {
  if (size <= limit) return absl::OkStatus();
  return Refuse(Reason::kFileTooLarge,
                absl::StrCat(path, ": the file would have ", size, " bytes, over ", limit));
}

}  // namespace

Decision Sequencer::Decide(const std::vector<Operation>& operations,
                           const std::optional<UploadFacts>& upload) {
  Decision decision;
  decision.records.resize(operations.size());
  PathOverlay overlay;
  const bool batch = operations.size() > 1;
  for (size_t i = 0; i < operations.size(); ++i) {
    Record& record = decision.records[i];
    absl::Status status =
        DecideOne(operations[i], upload, batch ? &overlay : nullptr, record, decision);
    if (!decision.unknown.empty()) {
      decision.kind = Decision::Kind::kUnknown;
      AddUnknown(operations, i + 1, overlay, decision.unknown);
      return decision;
    }
    if (!status.ok()) {
      decision.kind = Decision::Kind::kRefused;
      decision.refusal = std::move(status);
      return decision;
    }
    if (batch) {
      if (i > 0) record.flags |= kRecordBatchLater;
      if (i + 1 < operations.size()) record.flags |= kRecordBatchMore;
      states_.ApplyTo(overlay, record);
    }
  }
  return decision;
}

// Asked at once, not one after the other: each answer may take a network's round trip.
void Sequencer::AddUnknown(const std::vector<Operation>& operations, size_t from,
                           const PathOverlay& overlay, std::vector<std::string>& unknown) {
  const auto add = [&](const std::string& path) {
    if (!states_.Resolve(path, &overlay).known) unknown.push_back(path);
  };
  for (size_t i = from; i < operations.size(); ++i) {
    add(operations[i].path);
    if (operations[i].type == OperationType::kRename) add(operations[i].new_path);
  }
}

absl::Status Sequencer::DecideOne(const Operation& operation,
                                  const std::optional<UploadFacts>& upload,
                                  const PathOverlay* overlay, Record& record, Decision& decision) {
  // What an earlier operation of the batch found counts too: this one may refuse because of it.
  const auto resolve = [&](const std::string& path) {
    const ResolvedPath found = states_.Resolve(path, overlay);
    if (!found.known) decision.unknown.push_back(path);
    decision.depends_on = std::max(decision.depends_on, found.depends_on);
    return found;
  };
  const bool rename = operation.type == OperationType::kRename;
  const ResolvedPath found = resolve(operation.path);
  const ResolvedPath to = rename ? resolve(operation.new_path) : ResolvedPath();
  if (!decision.unknown.empty()) return absl::OkStatus();
  if (absl::Status status = CheckStanding(DemandOf(operation), found.standing, operation.path);
      !status.ok()) {
    return status;
  }
  record.type = static_cast<RecordType>(operation.type);
  record.path = operation.path;
  record.mode = operation.mode;
  record.base = found.AsPathState();
  if (found.standing == Standing::kFile) record.flags |= kRecordExisted;
  if (rename) {
    const Demand demand = operation.if_absent ? Demand::kRenameToIfAbsent : Demand::kRenameTo;
    // Beneath a file, and that is what the source is, there is no place for the destination.
    if (absl::Status status = CheckStanding(demand, to.standing, operation.new_path);
        !status.ok()) {
      return status;
    }
    record.new_path = operation.new_path;
    record.new_base = to.AsPathState();
    record.result_size = found.size;
    return absl::OkStatus();
  }
  if (operation.type == OperationType::kUploadCommit) {
    TANDEM_CHECK(upload.has_value());
    record.offset = upload->crc32c;
    record.result_size = upload->size;
    return CheckFileSize(record.result_size, max_file_bytes_, operation.path);
  }
  return DecideData(operation, found, record);
}

absl::Status Sequencer::DecideData(const Operation& operation, const ResolvedPath& found,
                                   Record& record) {
  const uint64_t length = operation.payload.size();
  const uint64_t size = found.standing == Standing::kFile ? found.size : 0;
  switch (operation.type) {
    case OperationType::kPut:
      record.result_size = length;
      break;
    case OperationType::kAppend:
      record.offset = size;
      record.result_size = size + length;
      break;
    case OperationType::kWriteAt:
      if (operation.offset > max_file_bytes_) {
        return CheckFileSize(operation.offset, max_file_bytes_, operation.path);
      }
      record.offset = operation.offset;
      // Writing nothing extends nothing.
      record.result_size = length == 0 ? size : std::max(size, operation.offset + length);
      break;
    case OperationType::kTruncate:
      record.offset = operation.offset;
      record.result_size = operation.offset;
      break;
    default:
      return absl::OkStatus();
  }
  // A file that is over the limit already may still shrink.
  if (record.result_size <= size) return absl::OkStatus();
  return CheckFileSize(record.result_size, max_file_bytes_, operation.path);
}

void Sequencer::MakeRecords(std::vector<Record>& records, std::vector<Operation>& operations,
                            const Uuid& request_id, const Digest& digest, Sequence first,
                            int64_t wall_ms) {
  TANDEM_CHECK(records.size() == operations.size());
  for (size_t i = 0; i < records.size(); ++i) {
    Record& record = records[i];
    record.sequence = first + i;
    record.wall_time_ms = wall_ms;
    record.request_id = request_id;
    record.digest = digest;
    record.payload = std::move(operations[i].payload);
    record.payload_length = static_cast<uint32_t>(record.payload.size());
    record.payload_crc32c = Crc32c(record.payload);
    states_.Apply(record, /*recovering=*/false);
  }
}

OperationResult ResultOf(const RecordHeader& record) {
  OperationResult result;
  result.sequence = record.sequence;
  result.crc32c = record.payload_crc32c;
  result.size = record.result_size;
  result.existed = (record.flags & kRecordExisted) != 0;
  if (record.type == RecordType::kAppend || record.type == RecordType::kWriteAt) {
    result.offset = record.offset;
  }
  if (record.type == RecordType::kUploadCommit) {
    result.crc32c = static_cast<uint32_t>(record.offset);
  }
  return result;
}

}  // namespace tandem
