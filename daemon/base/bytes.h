// Little-endian numbers in byte strings: every on-disk format of Tandem uses these.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace tandem {

template <typename T>
  requires std::is_unsigned_v<T>
void PutLittleEndian(char* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<char>(value >> (8 * i));
}

template <typename T>
  requires std::is_unsigned_v<T>
[[nodiscard]] T GetLittleEndian(const char* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | (static_cast<T>(static_cast<unsigned char>(at[i])) << (8 * i)));
  }
  return value;
}

}  // namespace tandem
