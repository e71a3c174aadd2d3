// Request ids: RFC 9562 UUIDs, sixteen bytes in network order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tandem {

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  friend bool operator==(const Uuid&, const Uuid&) = default;
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Uuid& uuid) {
    return H::combine(std::move(state), uuid.bytes);
  }

  [[nodiscard]] bool IsNil() const { return *this == Uuid{}; }
  // Milliseconds since 1970 that a version 7 UUID carries; nullopt for the others.
  [[nodiscard]] std::optional<int64_t> UnixMs() const;
  // 8-4-4-4-12 lower-case hexadecimal.
  [[nodiscard]] std::string ToString() const;
};

// Accepts the 36-character form, either case. The nil UUID is refused. INVALID_ARGUMENT otherwise.
[[nodiscard]] absl::StatusOr<Uuid> ParseUuid(absl::string_view text);

// A version 7 UUID of this time; `random_high` and `random_low` fill the rest.
[[nodiscard]] Uuid MakeUuidV7(int64_t unix_ms, uint64_t random_high, uint64_t random_low);

}  // namespace tandem
