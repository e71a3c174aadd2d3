// What the daemon is compared with: the same messages, answered with nothing done.
#pragma once

#include <string>

namespace tandem::bench {

// Serves on the unix socket until the process is killed; an exit status otherwise.
int ServeEmpty(const std::string& socket);

}  // namespace tandem::bench
