#include "tests/lab/load/model.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tandem::lab {
namespace {

namespace fs = std::filesystem;
using client::Operation;
using client::OperationType;

constexpr size_t kMostDifferences = 20;

struct Entry {
  mode_t mode = 0;
  std::string content;
};

std::map<std::string, Entry> EntriesOf(const std::string& root, std::string& error) {
  std::map<std::string, Entry> entries;
  std::error_code failed;
  for (auto at = fs::recursive_directory_iterator(root, failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (at->path().filename() == ".tandem") {
      at.disable_recursion_pending();
      continue;
    }
    struct stat stat {};
    if (lstat(at->path().c_str(), &stat) != 0) continue;
    Entry& entry = entries[at->path().lexically_relative(root)];
    entry.mode = stat.st_mode;
    if (S_ISREG(stat.st_mode)) entry.content = Contents(at->path());
  }
  if (failed) error = absl::StrCat("cannot list ", root, ": ", failed.message());
  return entries;
}

// On one line, as all answers are.
std::string Excerpt(const std::string& content, size_t from) {
  return absl::StrCat(content.size(), " bytes, from ", from, " on '",
                      absl::CEscape(content.substr(from, 24)), "'");
}

std::string ContentDifference(const std::string& found, const std::string& wanted) {
  const auto [at, unused] = std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end());
  const auto from = static_cast<size_t>(at - found.begin());
  return absl::StrCat("holds ", Excerpt(found, from), ", acknowledged were ",
                      Excerpt(wanted, from));
}

void ApplyOne(const Operation& operation, Tree& tree) {
  switch (operation.type) {
    case OperationType::kPut:
      tree[operation.path] = operation.data;
      return;
    case OperationType::kAppend:
      tree[operation.path] += operation.data;
      return;
    case OperationType::kWriteAt: {
      std::string& content = tree[operation.path];
      const size_t end = operation.offset + operation.data.size();
      if (content.size() < end) content.resize(end);
      content.replace(operation.offset, operation.data.size(), operation.data);
      return;
    }
    case OperationType::kTruncate:
      tree[operation.path].resize(operation.size);
      return;
    case OperationType::kDelete:
      tree.erase(operation.path);
      return;
    case OperationType::kRename: {
      std::string content = std::move(tree[operation.path]);
      tree.erase(operation.path);
      tree[operation.new_path] = std::move(content);
      return;
    }
  }
}

// The unknown write is there, as a whole, if any of its files is as it would have left them.
const Tree& Expected(const Model& model, const std::map<std::string, Entry>& found, Tree& after) {
  if (model.unknown.empty()) return model.files;
  after = model.files;
  Apply(model.unknown, after);
  for (const Operation& operation : model.unknown) {
    for (const std::string& path : {operation.path, operation.new_path}) {
      const auto was = model.files.find(path);
      const auto is = found.find(path);
      const bool unchanged = was == model.files.end()
                                 ? is == found.end()
                                 : is != found.end() && is->second.content == was->second;
      if (!unchanged) return after;
    }
  }
  return model.files;
}

// What is wrong in a shared file that holds `content`.
std::string SharedDifference(const std::string& content, std::vector<const SharedAppend*> appends) {
  std::vector<const SharedAppend*> placed;
  std::vector<const SharedAppend*> others;
  for (const SharedAppend* append : appends) {
    (append->place.has_value() ? placed : others).push_back(append);
  }
  std::sort(placed.begin(), placed.end(), [](const SharedAppend* a, const SharedAppend* b) {
    return a->place->sequence < b->place->sequence;
  });
  size_t end = 0;
  // Over those at `end` of which nobody was told where they lie.
  const auto pass_others = [&] {
    for (auto other = others.begin(); other != others.end();) {
      const std::string& data = (*other)->data;
      if (content.compare(end, data.size(), data) != 0) {
        ++other;
        continue;
      }
      end += data.size();
      others.erase(other);
      other = others.begin();
    }
  };
  for (const SharedAppend* append : placed) {
    const auto [sequence, offset] = *append->place;
    if (offset > end) pass_others();
    if (offset != end) {
      return absl::StrCat("has sequence ", sequence, " at ", offset, ", those before it end at ",
                          end);
    }
    if (content.compare(offset, append->data.size(), append->data) != 0) {
      return absl::StrCat("at sequence ", sequence, " ",
                          ContentDifference(content, content.substr(0, offset) + append->data));
    }
    end += append->data.size();
  }
  pass_others();
  for (const SharedAppend* other : others) {
    if (other->accepted) return absl::StrCat("lacks ", Excerpt(other->data, 0));
  }
  if (content.size() > end) return absl::StrCat("also holds ", Excerpt(content, end));
  return "";
}

// Takes the shared files out of `found`.
void CompareShared(const std::vector<const Model*>& models, std::map<std::string, Entry>& found,
                   std::vector<std::string>& differences) {
  std::map<std::string, std::vector<const SharedAppend*>> files;
  for (const Model* model : models) {
    for (const SharedAppend& append : model->shared) files[append.path].push_back(&append);
  }
  for (const auto& [path, appends] : files) {
    const auto entry = found.find(path);
    const bool is_file = entry != found.end() && S_ISREG(entry->second.mode);
    std::string error = SharedDifference(is_file ? entry->second.content : "", appends);
    if (!error.empty()) differences.push_back(absl::StrCat(path, " ", error));
    if (entry != found.end()) found.erase(entry);
  }
}

}  // namespace

void Apply(const std::vector<Operation>& operations, Tree& tree) {
  for (const Operation& operation : operations) ApplyOne(operation, tree);
}

std::string Difference(const std::vector<const Model*>& models, const std::string& root,
                       const std::string& ignored) {
  std::string error;
  auto found = EntriesOf(root, error);
  if (!error.empty()) return error;
  std::vector<std::string> differences;
  for (const Model* model : models) {
    Tree after;
    for (const auto& [path, content] : Expected(*model, found, after)) {
      const auto entry = found.find(path);
      if (entry == found.end() || !S_ISREG(entry->second.mode)) {
        differences.push_back(absl::StrCat(path, " is missing"));
        continue;
      }
      if (entry->second.content != content) {
        differences.push_back(
            absl::StrCat(path, " ", ContentDifference(entry->second.content, content)));
      }
      found.erase(entry);
    }
  }
  CompareShared(models, found, differences);
  for (const auto& [path, entry] : found) {
    if (S_ISDIR(entry.mode) || absl::StartsWith(path, ignored)) continue;
    differences.push_back(absl::StrCat(path, " is there, nobody was told so"));
  }
  if (differences.size() > kMostDifferences) differences.resize(kMostDifferences);
  return absl::StrJoin(differences, "; ");
}

std::string TreeDifference(const std::string& a, const std::string& b) {
  std::string error;
  const auto in_a = EntriesOf(a, error);
  const auto in_b = EntriesOf(b, error);
  if (!error.empty()) return error;
  std::vector<std::string> differences;
  for (const auto& [path, entry] : in_a) {
    const auto other = in_b.find(path);
    if (other == in_b.end()) {
      differences.push_back(absl::StrCat(path, " is missing in ", b));
    } else if (entry.mode != other->second.mode) {
      differences.push_back(absl::StrCat(path, " has modes ", absl::Hex(entry.mode), " and ",
                                         absl::Hex(other->second.mode)));
    } else if (entry.content != other->second.content) {
      differences.push_back(absl::StrCat(path, " has different contents"));
    }
  }
  for (const auto& [path, entry] : in_b) {
    if (!in_a.contains(path)) differences.push_back(absl::StrCat(path, " is missing in ", a));
  }
  if (differences.size() > kMostDifferences) differences.resize(kMostDifferences);
  return absl::StrJoin(differences, "; ");
}

std::string Contents(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

}  // namespace tandem::lab
