#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/config/keys.h"
#include "daemon/config/layers.h"

namespace tandem {
namespace {

constexpr absl::string_view kPrefix = "TANDEM_";
constexpr absl::string_view kFileVariable = "TANDEM_CONFIG";

std::string Suggestion(absl::string_view text, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(text, known);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

std::string HelpOf(const Key& key) {
  if (key.fallback.empty()) return std::string(key.doc);
  return absl::StrCat(key.doc, " (", key.fallback, ")");
}

void ReportExtras(const std::vector<std::string>& extras, LoadedConfig& loaded) {
  std::vector<std::string> known = {"--config", "--check-config", "--print-config", "--version"};
  for (const Key& key : AllKeys()) known.push_back(FlagName(key));
  bool value_may_follow = false;
  for (const std::string& extra : extras) {
    if (absl::StartsWith(extra, "-")) {
      const std::string flag = extra.substr(0, extra.find('='));
      loaded.errors.push_back(absl::StrCat("unknown flag ", flag, Suggestion(flag, known)));
      value_may_follow = extra.find('=') == std::string::npos;
    } else if (!std::exchange(value_may_follow, false)) {
      loaded.errors.push_back(absl::StrCat("unexpected argument '", extra, "'"));
    }
  }
}

}  // namespace

void ReadEnvironment(const std::map<std::string, std::string>& environment, GivenValues& given,
                     ConfigRequest& request, std::vector<std::string>& errors) {
  std::map<std::string, const Key*> known;
  std::vector<std::string> names = {std::string(kFileVariable)};
  for (const Key& key : AllKeys()) {
    known[EnvironmentName(key)] = &key;
    names.push_back(EnvironmentName(key));
  }
  for (const auto& [name, value] : environment) {
    if (!absl::StartsWith(name, kPrefix)) continue;
    if (name == kFileVariable) {
      request.file = value;
    } else if (const auto key = known.find(name); key != known.end()) {
      given[std::string(key->second->name)] = {.value = value, .where = name};
    } else if (const std::string hint = Suggestion(name, names); !hint.empty()) {
      errors.push_back(absl::StrCat(name, ": unknown variable", hint));
    }
  }
}

void ReadCommandLine(const std::vector<std::string>& arguments, GivenValues& given,
                     LoadedConfig& loaded) {
  CLI::App app(
      "Tandem's daemon: takes writes, journals them, applies them to every target.\n"
      "Every setting is a key of the YAML file, a flag, and an environment variable\n"
      "(batch_size, --batch-size, TANDEM_BATCH_SIZE). A flag wins over the environment,\n"
      "the environment over the file.",
      "tandemd");
  app.allow_extras();
  app.set_help_flag();
  ConfigRequest& request = loaded.request;
  app.add_flag("-h,--help", request.help, "Print this text");
  app.add_flag("--version", request.version, "Print the version");
  app.add_flag("--check-config", request.check, "Print OK or every error; exit with 0 or 78");
  app.add_flag("--print-config", request.print, "Print the effective configuration");
  app.add_option("--config", request.file, "The YAML file (TANDEM_CONFIG)");
  for (const Key& key : AllKeys()) {
    const std::string flag = FlagName(key);
    app.add_option_function<std::string>(
        flag,
        [&given, &key, flag](const std::string& value) {
          given[std::string(key.name)] = {.value = value, .where = flag};
        },
        HelpOf(key));
  }
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    ReportExtras(app.remaining(), loaded);
  } catch (const CLI::Error& error) {
    loaded.errors.emplace_back(error.what());
  }
  loaded.help = app.help();
}

}  // namespace tandem
