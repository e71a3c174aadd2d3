#include "daemon/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <climits>

namespace tandem {

uint32_t Crc32c(absl::string_view data, uint32_t seed) {
  uint32_t state = ~seed;
  while (!data.empty()) {
    const size_t length = std::min<size_t>(data.size(), INT_MAX);
    // The library takes a non-const pointer but only reads.
    state = crc32_iscsi(
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
        reinterpret_cast<unsigned char*>(const_cast<char*>(data.data())), static_cast<int>(length),
        state);
    data.remove_prefix(length);
  }
  return ~state;
}

}  // namespace tandem
