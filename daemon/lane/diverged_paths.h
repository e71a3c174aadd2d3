// Which paths of one target lack writes that an operator has skipped.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "daemon/journal/record.h"

namespace tandem {

// Put, UploadCommit, Delete: what was at the path does not matter to what is there afterwards.
[[nodiscard]] inline bool ReplacesContent(const RecordHeader& record) {
  return record.type == RecordType::kPut || record.type == RecordType::kUploadCommit ||
         record.type == RecordType::kDelete;
}

// Owner: the lane's thread.
class DivergedPaths {
 public:
  // `path` lacks the write `skipped`.
  void Add(const std::string& path, Sequence skipped) { marks_[path].insert(skipped); }
  void Remove(const std::string& path, Sequence skipped) {
    const auto found = marks_.find(path);
    if (found == marks_.end()) return;
    found->second.erase(skipped);
    if (found->second.empty()) marks_.erase(found);
  }

  // The newest write before `sequence` that `path` lacks; 0: none.
  [[nodiscard]] Sequence LacksBefore(const std::string& path, Sequence sequence) const {
    const auto found = marks_.find(path);
    if (found == marks_.end()) return 0;
    const auto after = found->second.lower_bound(sequence);
    return after == found->second.begin() ? 0 : *std::prev(after);
  }
  // Of either end of a rename; 0: none.
  [[nodiscard]] Sequence LacksBefore(const RecordHeader& record) const {
    if (marks_.empty()) return 0;
    const Sequence lacks = LacksBefore(record.path, record.sequence);
    if (lacks != 0 || record.type != RecordType::kRename) return lacks;
    return LacksBefore(record.new_path, record.sequence);
  }

 private:
  absl::flat_hash_map<std::string, std::set<Sequence>> marks_;
};

}  // namespace tandem
