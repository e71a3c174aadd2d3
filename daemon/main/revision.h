// Which source this program was built from.
#pragma once

#include <string>

namespace tandem {

// The commit, with "-dirty" behind it if there was more; "" if nobody knew when it was built. Any
// thread.
[[nodiscard]] std::string SourceRevision();

}  // namespace tandem
