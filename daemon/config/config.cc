#include "daemon/config/config.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/config/keys.h"
#include "daemon/config/layers.h"
#include "daemon/config/value.h"

// NOLINTNEXTLINE(readability-redundant-declaration): glibc declares it only for _GNU_SOURCE
extern char** environ;

namespace tandem {
namespace {

// A configuration is small; a larger file is the wrong one.
constexpr size_t kMaxFileBytes = 1 << 20;

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || file.gcount() > static_cast<std::streamsize>(kMaxFileBytes))
    return std::nullopt;
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

std::optional<std::string> ReadLink(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length <= 0 || static_cast<size_t>(length) == target.size()) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(length));
}

void MakeAbsolute(const std::string& working_directory, std::string& path) {
  if (path.empty()) return;
  path = LexicallyNormal(absl::StartsWith(path, "/") ? path
                                                     : absl::StrCat(working_directory, "/", path));
}

// Sets every key from what was given, or from its default.
void Merge(const GivenValues& given, bool embedded, Settings& settings, Problems& problems) {
  for (const Key& key : AllKeys()) {
    const auto found = given.find(key.name);
    if (found == given.end()) {
      const absl::string_view text =
          embedded && !key.embedded.empty() ? key.embedded : key.fallback;
      if (key.kind != ValueKind::kTargets) {
        const absl::Status status = SetFromText(key, text, settings);
        if (!status.ok()) problems.Add(absl::StrCat(key.name, ": ", status.message()), key.name);
      }
      continue;
    }
    const GivenValue& value = found->second;
    if (const auto* targets = std::get_if<std::vector<TargetSettings>>(&value.value)) {
      settings.targets = *targets;
      continue;
    }
    const absl::Status status = SetFromText(key, std::get<std::string>(value.value), settings);
    if (!status.ok()) {
      problems.Add(absl::StrCat(value.where, ": ", key.name, ": ", status.message()), key.name);
    }
  }
}

// The short forms become targets.
void ExpandTargets(bool embedded, const Origins& origins, Settings& settings, Problems& problems) {
  if (embedded) {
    settings.targets = {{.name = "local", .path = "var/local", .target_id = ""},
                        {.name = "corebank", .path = "var/corebank", .target_id = ""}};
    return;
  }
  const std::array<std::pair<absl::string_view, std::string*>, 2> short_forms = {
      {{"local_efs_path", &settings.local_efs_path},
       {"corebank_efs_path", &settings.corebank_efs_path}}};
  const bool listed = origins.contains("targets");
  for (const auto& [key, path] : short_forms) {
    if (path->empty()) continue;
    if (listed) {
      problems.Add(absl::StrCat(origins.find(key)->second, ": ", key,
                                ": targets is given too; use one of the two"),
                   key);
    } else {
      settings.targets.push_back(
          {.name = key == "local_efs_path" ? "local" : "corebank", .path = *path, .target_id = ""});
    }
    path->clear();
  }
}

void FillInNames(const ConfigSources& sources, Settings& settings, Problems& problems) {
  if (settings.writer_name.empty() && !problems.doubtful.contains("writer_name")) {
    const Key* key = FindKey("writer_name");
    const absl::Status status = SetFromText(*key, sources.host_name, settings);
    if (!status.ok() || sources.host_name.empty()) {
      problems.Add(absl::StrCat("default: writer_name: the host name cannot be used: '",
                                sources.host_name, "'"),
                   "writer_name");
    }
  }
  if (settings.writer_root.empty()) settings.writer_root = settings.writer_name;
  for (TargetSettings& target : settings.targets) {
    MakeAbsolute(sources.working_directory, target.path);
  }
  for (const Key& key : AllKeys()) {
    if (key.kind != ValueKind::kPath) continue;
    MakeAbsolute(sources.working_directory, settings.*std::get<std::string Settings::*>(key.field));
  }
}

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

void PrintTargets(const Settings& settings, std::string& text) {
  absl::StrAppend(&text, "targets:\n");
  for (const TargetSettings& target : settings.targets) {
    absl::StrAppend(&text, "  - name: ", target.name, "\n    path: ", Quoted(target.path), "\n");
    if (!target.target_id.empty()) {
      absl::StrAppend(&text, "    target_id: ", Quoted(target.target_id), "\n");
    }
  }
}

}  // namespace

ConfigSources SourcesOfProcess(std::vector<std::string> arguments) {
  ConfigSources sources;
  sources.arguments = std::move(arguments);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == absl::string_view::npos) continue;
    sources.environment[std::string(text.substr(0, equals))] = std::string(text.substr(equals + 1));
  }
  std::array<char, PATH_MAX> directory{};
  if (::getcwd(directory.data(), directory.size()) != nullptr) {
    sources.working_directory = directory.data();
  }
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) sources.host_name = host.data();
  std::ifstream mountinfo("/proc/self/mountinfo");
  std::stringstream text;
  text << mountinfo.rdbuf();
  sources.places = {.mountinfo = text.str(), .read_link = ReadLink};
  return sources;
}

LoadedConfig LoadConfig(const ConfigSources& sources) {
  LoadedConfig loaded;
  Problems problems;
  // From the weakest source to the strongest; but the file's name comes from the stronger ones.
  GivenValues flags;
  GivenValues environment;
  ReadEnvironment(sources.environment, environment, loaded.request, problems);
  ReadCommandLine(sources.arguments, flags, loaded, problems);
  if (loaded.request.help || loaded.request.version) return loaded;
  GivenValues given;
  if (const std::string& file = loaded.request.file; !file.empty()) {
    if (const auto text = ReadFile(file); text.has_value()) {
      ReadYaml(file, *text, given, problems);
    } else {
      problems.AddFatal(absl::StrCat(file, ": cannot be read"));
    }
  }
  for (auto* stronger : {&environment, &flags}) {
    for (auto& [name, value] : *stronger) given[name] = std::move(value);
  }
  Config& config = loaded.config;
  config.embedded = loaded.request.file.empty() && !given.contains("targets") &&
                    !given.contains("local_efs_path") && !given.contains("corebank_efs_path");
  Origins& origins = loaded.origins;
  for (const auto& [name, value] : given) origins[name] = value.where;
  Merge(given, config.embedded, config.settings, problems);
  ExpandTargets(config.embedded, origins, config.settings, problems);
  FillInNames(sources, config.settings, problems);
  Validate(config.settings, origins, sources.places, problems);
  loaded.errors = std::move(problems.errors);
  if (loaded.errors.empty()) Assemble(config);
  return loaded;
}

LoadedConfig LoadEffective(const std::string& text) {
  LoadedConfig loaded;
  Problems problems;
  GivenValues given;
  ReadYaml("effective configuration", text, given, problems);
  Merge(given, /*embedded=*/false, loaded.config.settings, problems);
  if (loaded.config.settings.targets.empty()) problems.Add("no target was handed down");
  loaded.errors = std::move(problems.errors);
  if (loaded.errors.empty()) Assemble(loaded.config);
  return loaded;
}

std::string PrintConfig(const Config& config) {
  std::string text;
  for (const Key& key : AllKeys()) {
    if (key.kind == ValueKind::kTargets) {
      PrintTargets(config.settings, text);
      continue;
    }
    const bool plain = key.kind != ValueKind::kText && key.kind != ValueKind::kName &&
                       key.kind != ValueKind::kPath && key.kind != ValueKind::kAddress;
    const std::string value = TextOf(key, config.settings);
    absl::StrAppend(&text, key.name, ": ", plain ? value : Quoted(value), "\n");
  }
  return text;
}

std::optional<int> AnswerCommandLine(const LoadedConfig& loaded, std::ostream& out,
                                     std::ostream& errors) {
  if (loaded.request.help) {
    out << loaded.help;
    return 0;
  }
  if (loaded.request.version) {
    out << "tandemd " << TANDEM_VERSION << "\n";
    return 0;
  }
  if (!loaded.errors.empty()) {
    for (const std::string& error : loaded.errors) errors << error << "\n";
    return kExitBadConfig;
  }
  if (loaded.request.print) {
    out << PrintConfig(loaded.config);
    return 0;
  }
  if (loaded.request.check) {
    out << "OK\n";
    return 0;
  }
  return std::nullopt;
}

}  // namespace tandem
