// Runs a program and collects what it says.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tandem::client {

struct CommandResult {
  int exit_code = -1;  // -1: it was killed
  std::string output;
  std::string errors;
};

// `input` is its standard input. Environment: NO_COLOR and TANDEM_ADDRESS are unset.
[[nodiscard]] CommandResult RunCommand(const std::vector<std::string>& arguments,
                                       const std::string& directory, const std::string& input = "");

// Starts it with its output thrown away; the caller waits for it.
[[nodiscard]] pid_t StartCommand(const std::vector<std::string>& arguments);

}  // namespace tandem::client
