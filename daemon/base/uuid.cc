#include "daemon/base/uuid.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

constexpr bool IsDash(size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<int64_t> Uuid::UnixMs() const {
  if ((bytes[6] >> 4) != 7) return std::nullopt;
  int64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = (ms << 8) | bytes[static_cast<size_t>(i)];
  return ms;
}

std::string Uuid::ToString() const {
  const std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

absl::StatusOr<Uuid> ParseUuid(absl::string_view text) {
  if (text.size() != 36) {
    return Refuse(Reason::kRequestIdInvalid, "request_id is not a UUID of 36 characters");
  }
  Uuid uuid;
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsDash(i)) {
      if (text[i] != '-') return Refuse(Reason::kRequestIdInvalid, "request_id lacks a dash");
      continue;
    }
    const int digit = HexDigit(text[i]);
    if (digit < 0) return Refuse(Reason::kRequestIdInvalid, "request_id is not hexadecimal");
    uuid.bytes[digits / 2] = static_cast<uint8_t>((uuid.bytes[digits / 2] << 4) | digit);
    ++digits;
  }
  if (uuid.IsNil()) return Refuse(Reason::kRequestIdInvalid, "request_id is the nil UUID");
  return uuid;
}

Uuid MakeUuidV7(int64_t unix_ms, uint64_t random_high, uint64_t random_low) {
  Uuid uuid;
  for (size_t i = 0; i < 6; ++i) {
    uuid.bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(unix_ms) >> (8 * (5 - i)));
  }
  uuid.bytes[6] = static_cast<uint8_t>(0x70 | (random_high & 0x0f));
  uuid.bytes[7] = static_cast<uint8_t>(random_high >> 8);
  for (size_t i = 0; i < 8; ++i) uuid.bytes[8 + i] = static_cast<uint8_t>(random_low >> (8 * i));
  uuid.bytes[8] = static_cast<uint8_t>(0x80 | (uuid.bytes[8] & 0x3f));
  return uuid;
}

}  // namespace tandem
