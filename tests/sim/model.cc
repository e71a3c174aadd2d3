#include "tests/sim/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

uint64_t SizeOf(const ModelContent& content) { return content ? content->size() : 0; }

// The content after a write of `data` at `offset`.
std::string Written(const ModelContent& before, uint64_t offset, const std::string& data) {
  std::string content = before ? *before : "";
  if (data.empty()) return content;
  if (content.size() < offset + data.size()) content.resize(offset + data.size());
  content.replace(offset, data.size(), data);
  return content;
}

std::string Expect(const char* what, uint64_t said, uint64_t is) {
  return said == is ? "" : absl::StrCat(what, " is ", is, " but the reply said ", said);
}

}  // namespace

ModelContent Model::Find(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second;
}

bool Model::Blocked(const std::string& path) const {
  for (const absl::string_view ancestor : AncestorsOf(path)) {
    if (files_.contains(std::string(ancestor))) return true;
  }
  return false;
}

std::optional<Reason> Model::Verdict(const Operation& operation) const {
  const std::string& path = operation.path;
  if (directories_.contains(path)) return Reason::kPathIsDirectory;
  const bool exists = files_.contains(path);
  switch (operation.type) {
    case OperationType::kPut:
    case OperationType::kUploadCommit:
      if (exists && operation.if_absent) return Reason::kPathExists;
      [[fallthrough]];
    case OperationType::kAppend:
    case OperationType::kWriteAt:
      return Blocked(path) ? std::optional(Reason::kParentNotDirectory) : std::nullopt;
    case OperationType::kTruncate:
      return exists ? std::nullopt : std::optional(Reason::kPathNotFound);
    case OperationType::kDelete:
      return std::nullopt;
    case OperationType::kRename:
      break;
  }
  if (!exists) return Reason::kPathNotFound;
  if (directories_.contains(operation.new_path)) return Reason::kPathIsDirectory;
  if (Blocked(operation.new_path)) return Reason::kParentNotDirectory;
  if (operation.if_absent && files_.contains(operation.new_path)) return Reason::kPathExists;
  return std::nullopt;
}

void Model::Set(const std::string& path, Sequence sequence, ModelContent content, uint32_t mode) {
  history_[path].push_back({sequence, content});
  if (!content) {
    files_.erase(path);
    modes_.erase(path);
    return;
  }
  for (const absl::string_view ancestor : AncestorsOf(path)) {
    directories_.insert(std::string(ancestor));
  }
  files_[path] = std::move(content);
  modes_[path] = mode;
}

std::string Model::Apply(const Operation& operation, const OperationResult& result) {
  if (const auto reason = Verdict(operation)) {
    return absl::StrCat("cannot be applied: ", ReasonName(*reason));
  }
  const std::string& path = operation.path;
  const ModelContent before = Find(path);
  std::string wrong = Expect("existed", result.existed ? 1 : 0, before ? 1 : 0);
  const uint32_t mode = before ? modes_.at(path) : operation.mode;
  std::string content;
  switch (operation.type) {
    case OperationType::kPut:
    case OperationType::kUploadCommit:
      content = operation.payload;
      wrong += Expect("crc32c", result.crc32c, Crc32c(operation.payload));
      Set(path, result.sequence, std::make_shared<const std::string>(content), operation.mode);
      break;
    case OperationType::kAppend:
    case OperationType::kWriteAt: {
      const uint64_t offset =
          operation.type == OperationType::kAppend ? SizeOf(before) : operation.offset;
      wrong += Expect("offset", result.offset, offset);
      wrong += Expect("crc32c", result.crc32c, Crc32c(operation.payload));
      content = Written(before, offset, operation.payload);
      Set(path, result.sequence, std::make_shared<const std::string>(content), mode);
      break;
    }
    case OperationType::kTruncate:
      content = *before;
      content.resize(operation.offset);
      Set(path, result.sequence, std::make_shared<const std::string>(content), mode);
      break;
    case OperationType::kDelete:
      if (before) Set(path, result.sequence, nullptr, 0);
      return wrong;
    case OperationType::kRename:
      if (path != operation.new_path) {
        Set(path, result.sequence, nullptr, 0);
        Set(operation.new_path, result.sequence, before, mode);
      }
      return wrong + Expect("size", result.size, before->size());
  }
  return wrong + Expect("size", result.size, content.size());
}

std::map<std::string, std::string> Model::Tree() const {
  std::map<std::string, std::string> tree;
  for (const std::string& directory : directories_) tree.emplace(directory + "/", "");
  for (const auto& [path, content] : files_) tree.emplace(path, *content);
  return tree;
}

const std::vector<Model::State>& Model::History(const std::string& path) const {
  static const std::vector<State> kNever;
  const auto found = history_.find(path);
  return found == history_.end() ? kNever : found->second;
}

std::vector<ModelContent> Model::Since(const std::string& path, Sequence sequence) const {
  const std::vector<State>& history = History(path);
  const auto after =
      std::upper_bound(history.begin(), history.end(), sequence,
                       [](Sequence limit, const State& state) { return limit < state.sequence; });
  std::vector<ModelContent> states;
  states.push_back(after == history.begin() ? nullptr : std::prev(after)->content);
  for (auto state = after; state != history.end(); ++state) states.push_back(state->content);
  return states;
}

std::optional<Reason> VerdictOfBatch(const Model& model, const std::vector<Operation>& operations) {
  if (operations.size() == 1) return model.Verdict(operations[0]);
  Model after = model;
  for (const Operation& operation : operations) {
    if (const auto reason = after.Verdict(operation)) return reason;
    (void)after.Apply(operation, OperationResult());
  }
  return std::nullopt;
}

}  // namespace tandem
