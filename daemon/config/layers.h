// What each source gives for the keys, before anything is merged.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/config/settings.h"

namespace tandem {

// A value and the place to name when it is wrong ("tandem.yaml:3:5", "TANDEM_X", "--x").
struct GivenValue {
  std::variant<std::string, std::vector<TargetSettings>> value;
  std::string where;
};

// By key name. A later source replaces what an earlier one said.
using GivenValues = std::map<std::string, GivenValue, std::less<>>;

// Reads the YAML text. Unknown and repeated keys, wrong types and syntax errors go to `errors`.
void ReadYaml(const std::string& file, const std::string& text, GivenValues& given,
              std::vector<std::string>& errors);

// TANDEM_* of the environment. A name that is no key's, but near one, is an error; others (such as
// Kubernetes' service links TANDEM_PORT_...) are not ours.
void ReadEnvironment(const std::map<std::string, std::string>& environment, GivenValues& given,
                     ConfigRequest& request, std::vector<std::string>& errors);

// Flags; also fills in the request and the text of --help.
void ReadCommandLine(const std::vector<std::string>& arguments, GivenValues& given,
                     LoadedConfig& loaded);

// Where each key of the effective settings was given; not in it where it was not.
using Origins = std::map<std::string, std::string, std::less<>>;

// Checks that no single key shows: nested directories, limits that contradict each other, TLS.
// Every error names the origin of what it is about.
void Validate(const Settings& settings, const Origins& origins, const Places& places,
              std::vector<std::string>& errors);

// The options of every module from checked settings.
void Assemble(Config& config);

}  // namespace tandem
