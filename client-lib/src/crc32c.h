// CRC32C (Castagnoli), by table: the library is installed without the daemon's code.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tandem::client {

// The CRC32C of `data`; pass an earlier result as `seed` to go on from it. Crc32c("123456789") is
// 0xe3069283.
[[nodiscard]] uint32_t Crc32c(absl::string_view data, uint32_t seed = 0);

}  // namespace tandem::client
