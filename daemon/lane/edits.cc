#include "daemon/lane/edits.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"

namespace tandem {
namespace {

// For every record, the least size that a later one cuts the file to.
std::vector<uint64_t> LimitsOf(const std::vector<const Record*>& records, size_t from) {
  std::vector<uint64_t> limits(records.size(), UINT64_MAX);
  for (size_t i = records.size() - 1; i > from; --i) {
    const bool cuts = records[i]->type == RecordType::kTruncate;
    limits[i - 1] = std::min(limits[i], cuts ? records[i]->offset : UINT64_MAX);
  }
  return limits;
}

}  // namespace

std::vector<Edit> EditsOf(const std::vector<const Record*>& records, size_t from) {
  std::vector<Edit> edits;
  if (from >= records.size()) return edits;
  const std::vector<uint64_t> limits = LimitsOf(records, from);
  size_t i = from;
  while (i < records.size()) {
    const Record& record = *records[i];
    const uint64_t limit = limits[i];
    if (record.type == RecordType::kTruncate) {
      edits.push_back({.cuts = true, .offset = std::min(record.offset, limit)});
      ++i;
      continue;
    }
    TANDEM_CHECK(record.type == RecordType::kAppend || record.type == RecordType::kWriteAt);
    const uint64_t kept = limit > record.offset ? limit - record.offset : 0;
    uint64_t end_offset = record.offset + record.payload.size();
    size_t end = i + 1;
    while (end < records.size() && records[end]->type != RecordType::kTruncate &&
           records[end]->offset == end_offset) {
      end_offset += records[end]->payload.size();
      ++end;
    }
    Edit edit{.offset = record.offset, .single = absl::string_view(record.payload).substr(0, kept)};
    if (end > i + 1 && kept > 0) {
      edit.merged.reserve(end_offset - record.offset);
      for (size_t j = i; j < end; ++j) edit.merged += records[j]->payload;
      edit.merged.resize(std::min<uint64_t>(edit.merged.size(), kept));
    }
    if (!edit.data().empty()) edits.push_back(std::move(edit));
    i = end;
  }
  return edits;
}

bool AnyCuts(const std::vector<Edit>& edits) {
  return std::any_of(edits.begin(), edits.end(), [](const Edit& edit) { return edit.cuts; });
}

}  // namespace tandem
