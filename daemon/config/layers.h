// What each source gives for the keys, before anything is merged.
#pragma once

#include <map>
#include <set>
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

// What is wrong, and whose value is therefore not known: a check of what belongs together that
// needs one of those would only blame what is right.
struct Problems {
  void Add(std::string error) { errors.push_back(std::move(error)); }
  // Of the one key that is meant.
  void Add(std::string error, absl::string_view key) {
    Add(std::move(error));
    doubtful.emplace(key);
  }
  // After it no key is known.
  void AddFatal(std::string error) {
    Add(std::move(error));
    all_doubtful = true;
  }

  std::vector<std::string> errors;
  std::set<std::string, std::less<>> doubtful;  // keys
  bool all_doubtful = false;
};

// Reads the YAML text. Unknown and repeated keys, wrong types and syntax errors are problems.
void ReadYaml(const std::string& file, const std::string& text, GivenValues& given,
              Problems& problems);

// TANDEM_* of the environment. A name that is no key's, but near one, is an error; others (such as
// Kubernetes' service links TANDEM_PORT_...) are not ours.
void ReadEnvironment(const std::map<std::string, std::string>& environment, GivenValues& given,
                     ConfigRequest& request, Problems& problems);

// Flags; also fills in the request and the text of --help.
void ReadCommandLine(const std::vector<std::string>& arguments, GivenValues& given,
                     LoadedConfig& loaded, Problems& problems);

// Where each key of the effective settings was given; not in it where it was not.
using Origins = std::map<std::string, std::string, std::less<>>;

// Checks that no single key shows: nested directories, limits that contradict each other, TLS.
// Every error names the origin of what it is about. Checks that need what is doubtful are left out.
void Validate(const Settings& settings, const Origins& origins, const Places& places,
              Problems& problems);

// The options of every module from checked settings.
void Assemble(Config& config);

}  // namespace tandem
