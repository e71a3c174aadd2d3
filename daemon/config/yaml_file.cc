#include <yaml-cpp/yaml.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "daemon/config/keys.h"
#include "daemon/config/layers.h"
#include "daemon/config/value.h"

namespace tandem {
namespace {

// Reads one file. Owner: the thread that loads the configuration; lives for one call.
class YamlReader {
 public:
  YamlReader(const std::string& file, std::vector<std::string>& errors)
      : file_(file), errors_(errors) {}

  void Read(const std::string& text, GivenValues& given) {
    try {
      const std::vector<YAML::Node> documents = YAML::LoadAll(text);
      if (documents.size() > 1) {
        Error(documents[1].Mark(), "a second document: one file holds one configuration");
        return;
      }
      if (documents.empty() || documents[0].IsNull()) return;
      ReadTop(documents[0], given);
    } catch (const YAML::Exception& error) {
      Error(error.mark, error.msg);
    }
  }

 private:
  [[nodiscard]] std::string Where(const YAML::Mark& mark) const {
    if (mark.is_null()) return file_;
    return absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1);
  }
  void Error(const YAML::Mark& mark, absl::string_view what) {
    errors_.push_back(absl::StrCat(Where(mark), ": ", what));
  }

  // The key's name, or "" after an error: not a scalar, or given before in this map.
  std::string NameOf(const YAML::Node& node, std::set<std::string>& seen) {
    if (!node.IsScalar()) {
      Error(node.Mark(), "a key must be a plain word");
      return "";
    }
    if (!seen.insert(node.Scalar()).second) {
      Error(node.Mark(), absl::StrCat("'", node.Scalar(), "' is given twice"));
      return "";
    }
    return node.Scalar();
  }

  void Unknown(const YAML::Node& node, const std::vector<std::string>& known) {
    std::string hint = NotNeeded(node.Scalar());
    if (hint.empty()) {
      const std::string nearest = Nearest(node.Scalar(), known);
      if (!nearest.empty()) hint = absl::StrCat("did you mean '", nearest, "'?");
    }
    Error(node.Mark(),
          absl::StrCat("unknown key '", node.Scalar(), "'", hint.empty() ? "" : "; ", hint));
  }

  void ReadTop(const YAML::Node& top, GivenValues& given) {
    if (!top.IsMap()) {
      Error(top.Mark(), "the file must be a map of keys to values");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : top) {
      const std::string name = NameOf(entry.first, seen);
      if (name.empty()) continue;
      const Key* key = FindKey(name);
      if (key == nullptr) {
        std::vector<std::string> known;
        for (const Key& other : AllKeys()) known.emplace_back(other.name);
        Unknown(entry.first, known);
      } else if (key->kind == ValueKind::kTargets && entry.second.IsSequence()) {
        given[name] = {.value = ReadTargets(entry.second), .where = Where(entry.first.Mark())};
      } else if (!entry.second.IsScalar()) {
        Error(entry.second.IsNull() ? entry.first.Mark() : entry.second.Mark(),
              absl::StrCat(name, ": needs a single value"));
      } else {
        given[name] = {.value = entry.second.Scalar(), .where = Where(entry.second.Mark())};
      }
    }
  }

  std::vector<TargetSettings> ReadTargets(const YAML::Node& list) {
    std::vector<TargetSettings> targets;
    for (const auto& item : list) {
      if (!item.IsMap()) {
        Error(item.Mark(), "targets: each must be a map with name and path");
        continue;
      }
      targets.push_back(ReadTarget(item));
    }
    if (list.size() == 0) Error(list.Mark(), "targets: no target is given");
    return targets;
  }

  TargetSettings ReadTarget(const YAML::Node& item) {
    TargetSettings target;
    std::set<std::string> seen;
    for (const auto& entry : item) {
      const std::string name = NameOf(entry.first, seen);
      if (name.empty()) continue;
      if (name != "name" && name != "path" && name != "target_id") {
        Unknown(entry.first, {"name", "path", "target_id"});
        continue;
      }
      if (!entry.second.IsScalar()) {
        Error(entry.first.Mark(), absl::StrCat("targets: ", name, " needs a single value"));
        continue;
      }
      const std::string value = entry.second.Scalar();
      if (name == "name") {
        target.name = value;
        if (const absl::Status status = CheckTargetName(value); !status.ok()) {
          Error(entry.second.Mark(), absl::StrCat("targets: ", status.message()));
        }
      } else {
        (name == "path" ? target.path : target.target_id) = value;
      }
    }
    if (!seen.contains("name") || target.path.empty()) {
      Error(item.Mark(), "targets: each needs a name and a path");
    }
    return target;
  }

  const std::string& file_;
  std::vector<std::string>& errors_;
};

}  // namespace

void ReadYaml(const std::string& file, const std::string& text, GivenValues& given,
              std::vector<std::string>& errors) {
  YamlReader(file, errors).Read(text, given);
}

}  // namespace tandem
