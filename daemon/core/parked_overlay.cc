#include "daemon/core/parked_overlay.h"

#include "absl/strings/match.h"
#include "daemon/journal/record.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr PathState kDirectory = {.kind = PathKind::kDirectory, .size = 0};
constexpr PathState kAbsent = {.kind = PathKind::kAbsent, .size = 0};

// The components of one path, from the top, as far as they are known.
class Components {
 public:
  Components(const std::string& path, const std::optional<std::vector<PathState>>& found)
      : prefixes_(AncestorsOf(path)) {
    prefixes_.push_back(path);
    states_.resize(prefixes_.size());
    if (!found.has_value()) return;
    for (size_t i = 0; i < states_.size(); ++i) {
      states_[i] = i < found->size() ? (*found)[i] : kAbsent;
    }
  }

  // A file is at `path`, so its parents are directories.
  void Put(absl::string_view path, uint64_t size) {
    MakeParents(path);
    Set(path, {.kind = PathKind::kFile, .size = size});
  }
  // `existed`: there was a file.
  void Remove(absl::string_view path, bool existed) {
    if (existed) MakeParents(path);
    Set(path, kAbsent);
  }

  [[nodiscard]] std::optional<std::vector<PathState>> Known() const {
    std::vector<PathState> known;
    for (const std::optional<PathState>& state : states_) {
      if (!state.has_value()) return std::nullopt;
      if (state->kind == PathKind::kAbsent) break;
      known.push_back(*state);
      if (state->kind != PathKind::kDirectory) break;
    }
    return known;
  }

 private:
  void Set(absl::string_view path, PathState state) {
    for (size_t i = 0; i < prefixes_.size(); ++i) {
      if (prefixes_[i] != path) continue;
      states_[i] = state;
      for (size_t below = i + 1; below < states_.size(); ++below) states_[below] = kAbsent;
    }
  }
  void MakeParents(absl::string_view path) {
    for (size_t i = 0; i < prefixes_.size(); ++i) {
      const absl::string_view prefix = prefixes_[i];
      if (path.size() <= prefix.size()) return;
      if (!absl::StartsWith(path, prefix) || path[prefix.size()] != '/') return;
      states_[i] = kDirectory;
    }
  }

  std::vector<absl::string_view> prefixes_;
  std::vector<std::optional<PathState>> states_;
};

void Apply(const internal::v1::ParkedWrite& write, Components& components) {
  switch (static_cast<RecordType>(write.type())) {
    case RecordType::kDelete:
      return components.Remove(write.path(), write.existed());
    case RecordType::kRename:
      components.Remove(write.path(), /*existed=*/true);
      return components.Put(write.new_path(), write.result_size());
    default:
      return components.Put(write.path(), write.result_size());
  }
}

}  // namespace

std::optional<std::vector<PathState>> WithParked(
    const TargetProgress& target, const std::string& path,
    const std::optional<std::vector<PathState>>& found) {
  Components components(path, found);
  auto parked = target.parked().begin();
  auto skipped = target.skipped().begin();
  while (parked != target.parked().end() || skipped != target.skipped().end()) {
    const bool take_parked = skipped == target.skipped().end() ||
                             (parked != target.parked().end() && parked->first < skipped->first);
    Apply(take_parked ? (parked++)->second : (skipped++)->second, components);
  }
  return components.Known();
}

}  // namespace tandem
