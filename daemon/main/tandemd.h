// The whole program behind main().
#pragma once

#include <string>
#include <vector>

#include "daemon/main/process_env.h"

namespace tandem {

// Runs the role that `arguments` (without the program's name) ask for and returns the exit status.
[[nodiscard]] int RunTandemd(std::vector<std::string> arguments, const FilesFactory& make_files);

}  // namespace tandem
