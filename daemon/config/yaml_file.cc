#include <yaml-cpp/yaml.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "daemon/config/keys.h"
#include "daemon/config/layers.h"
#include "daemon/config/value.h"

namespace tandem {
namespace {

constexpr absl::string_view kTargetsKey = "targets";

// Reads one file. Owner: the thread that loads the configuration; lives for one call.
class YamlReader {
 public:
  YamlReader(const std::string& file, Problems& problems) : file_(file), problems_(problems) {}

  void Read(const std::string& text, GivenValues& given) {
    try {
      const std::vector<YAML::Node> documents = YAML::LoadAll(text);
      if (documents.size() > 1) {
        Fatal(documents[1].Mark(), "a second document: one file holds one configuration");
        return;
      }
      if (documents.empty() || documents[0].IsNull()) return;
      ReadTop(documents[0], given);
    } catch (const YAML::Exception& error) {
      Fatal(error.mark, error.msg);
    }
  }

 private:
  [[nodiscard]] std::string Where(const YAML::Mark& mark) const {
    if (mark.is_null()) return file_;
    return absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1);
  }
  // `key`: the top one that it is about.
  void Error(const YAML::Mark& mark, absl::string_view what, absl::string_view key) {
    problems_.Add(absl::StrCat(Where(mark), ": ", what), key);
  }
  void Fatal(const YAML::Mark& mark, absl::string_view what) {
    problems_.AddFatal(absl::StrCat(Where(mark), ": ", what));
  }

  // The key's name, or "" after an error: not a scalar, or given before in this map. `top`: the top
  // key that the map belongs to, "" for the top map itself.
  std::string NameOf(const YAML::Node& node, absl::string_view top, std::set<std::string>& seen) {
    if (!node.IsScalar()) {
      Fatal(node.Mark(), "a key must be a plain word");
      return "";
    }
    const std::string& name = node.Scalar();
    if (!seen.insert(name).second) {
      Error(node.Mark(), absl::StrCat("'", name, "' is given twice"), top.empty() ? name : top);
      return "";
    }
    return name;
  }

  // `top` as in NameOf.
  void Unknown(const YAML::Node& node, absl::string_view top,
               const std::vector<std::string>& known) {
    const std::string nearest = Nearest(node.Scalar(), known);
    std::string hint = NotNeeded(node.Scalar());
    if (hint.empty() && !nearest.empty()) hint = absl::StrCat("did you mean '", nearest, "'?");
    Error(node.Mark(),
          absl::StrCat("unknown key '", node.Scalar(), "'", hint.empty() ? "" : "; ", hint),
          top.empty() ? nearest : top);
  }

  void ReadTop(const YAML::Node& top, GivenValues& given) {
    if (!top.IsMap()) {
      Fatal(top.Mark(), "the file must be a map of keys to values");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : top) {
      const std::string name = NameOf(entry.first, "", seen);
      if (name.empty()) continue;
      const Key* key = FindKey(name);
      if (key == nullptr) {
        std::vector<std::string> known;
        for (const Key& other : AllKeys()) known.emplace_back(other.name);
        Unknown(entry.first, "", known);
      } else if (key->kind == ValueKind::kTargets && entry.second.IsSequence()) {
        given[name] = {.value = ReadTargets(entry.second), .where = Where(entry.first.Mark())};
      } else if (!entry.second.IsScalar()) {
        Error(entry.second.IsNull() ? entry.first.Mark() : entry.second.Mark(),
              absl::StrCat(name, ": needs a single value"), name);
      } else {
        given[name] = {.value = entry.second.Scalar(), .where = Where(entry.second.Mark())};
      }
    }
  }

  std::vector<TargetSettings> ReadTargets(const YAML::Node& list) {
    std::vector<TargetSettings> targets;
    for (const auto& item : list) {
      if (!item.IsMap()) {
        Error(item.Mark(), "targets: each must be a map with name and path", kTargetsKey);
        continue;
      }
      targets.push_back(ReadTarget(item));
    }
    if (list.size() == 0) Error(list.Mark(), "targets: no target is given", kTargetsKey);
    return targets;
  }

  TargetSettings ReadTarget(const YAML::Node& item) {
    TargetSettings target;
    std::set<std::string> seen;
    for (const auto& entry : item) {
      const std::string name = NameOf(entry.first, kTargetsKey, seen);
      if (name.empty()) continue;
      if (name != "name" && name != "path" && name != "target_id") {
        Unknown(entry.first, kTargetsKey, {"name", "path", "target_id"});
        continue;
      }
      if (!entry.second.IsScalar()) {
        Error(entry.first.Mark(), absl::StrCat("targets: ", name, " needs a single value"),
              kTargetsKey);
        continue;
      }
      const std::string value = entry.second.Scalar();
      if (name == "name") {
        target.name = value;
        if (const absl::Status status = CheckTargetName(value); !status.ok()) {
          Error(entry.second.Mark(), absl::StrCat("targets: ", status.message()), kTargetsKey);
        }
      } else {
        (name == "path" ? target.path : target.target_id) = value;
      }
    }
    if (!seen.contains("name") || target.path.empty()) {
      Error(item.Mark(), "targets: each needs a name and a path", kTargetsKey);
    }
    return target;
  }

  const std::string& file_;
  Problems& problems_;
};

}  // namespace

void ReadYaml(const std::string& file, const std::string& text, GivenValues& given,
              Problems& problems) {
  YamlReader(file, problems).Read(text, given);
}

}  // namespace tandem
