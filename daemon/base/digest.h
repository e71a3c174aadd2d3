// A 128-bit digest of what a request asks for: two requests with one id are compared by it.
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace tandem {

using Digest = std::array<uint8_t, 16>;

// XXH3-128 over everything added. Fields are length-prefixed, so that no two different sequences of
// fields collide by concatenation. Not for use against an adversary.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  void AddBytes(absl::string_view bytes);
  void AddNumber(uint64_t number);
  [[nodiscard]] Digest Finish() const;

 private:
  void* state_;
};

}  // namespace tandem
