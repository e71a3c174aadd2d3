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

constexpr char kExitStatuses[] = R"(
Exit status: 0 stopped as asked, 1 any other error, which is logged, 65 the journal is damaged,
73 the journal is not this daemon's to use (in use by another one, another writer's, of another
format, or on tmpfs or overlay), 78 the configuration is refused, or io_engine does not work here;
128 and a signal's number: the core was killed by it while the daemon stopped.
A core that ends with 65, 73 or 78 is not started again; the log says why.
)";

std::string Suggestion(absl::string_view text, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(text, known);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

std::string HelpOf(const Key& key) {
  if (key.fallback.empty()) return std::string(key.doc);
  return absl::StrCat(key.doc, " (", key.fallback, ")");
}

// The name of the key that this flag or variable gives; "": none.
std::string KeyNameOf(absl::string_view text, std::string (*name_of)(const Key&)) {
  for (const Key& key : AllKeys()) {
    if (name_of(key) == text) return std::string(key.name);
  }
  return "";
}

void ReportExtras(const std::vector<std::string>& extras, Problems& problems) {
  std::vector<std::string> known = {"--config", "--check-config", "--print-config", "--version"};
  for (const Key& key : AllKeys()) known.push_back(FlagName(key));
  bool value_may_follow = false;
  for (const std::string& extra : extras) {
    if (absl::StartsWith(extra, "-")) {
      const std::string flag = extra.substr(0, extra.find('='));
      problems.Add(absl::StrCat("unknown flag ", flag, Suggestion(flag, known)),
                   KeyNameOf(Nearest(flag, known), FlagName));
      value_may_follow = extra.find('=') == std::string::npos;
    } else if (!std::exchange(value_may_follow, false)) {
      problems.Add(absl::StrCat("unexpected argument '", extra, "'"));
    }
  }
}

}  // namespace

void ReadEnvironment(const std::map<std::string, std::string>& environment, GivenValues& given,
                     ConfigRequest& request, Problems& problems) {
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
      problems.Add(absl::StrCat(name, ": unknown variable", hint),
                   KeyNameOf(Nearest(name, names), EnvironmentName));
    }
  }
}

void ReadCommandLine(const std::vector<std::string>& arguments, GivenValues& given,
                     LoadedConfig& loaded, Problems& problems) {
  CLI::App app(
      "Tandem's daemon: takes writes, journals them, applies them to every target.\n"
      "Every setting is a key of the YAML file, a flag, and an environment variable\n"
      "(batch_size, --batch-size, TANDEM_BATCH_SIZE). A flag wins over the environment,\n"
      "the environment over the file.",
      "tandemd");
  app.footer(kExitStatuses);
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
    ReportExtras(app.remaining(), problems);
  } catch (const CLI::Error& error) {
    problems.AddFatal(error.what());  // CLI11 took none of the flags
  }
  loaded.help = app.help();
}

}  // namespace tandem
