#include "daemon/base/digest.h"

#include <xxhash.h>

#include <cstring>

#include "daemon/base/check.h"

namespace tandem {
namespace {

XXH3_state_t* State(void* state) { return static_cast<XXH3_state_t*>(state); }

}  // namespace

Digester::Digester() : state_(XXH3_createState()) {
  TANDEM_CHECK(state_ != nullptr);
  TANDEM_CHECK(XXH3_128bits_reset(State(state_)) == XXH_OK);
}

Digester::~Digester() { XXH3_freeState(State(state_)); }

void Digester::AddBytes(absl::string_view bytes) {
  AddNumber(bytes.size());
  TANDEM_CHECK(XXH3_128bits_update(State(state_), bytes.data(), bytes.size()) == XXH_OK);
}

void Digester::AddNumber(uint64_t number) {
  uint8_t little_endian[8];
  for (int i = 0; i < 8; ++i) little_endian[i] = static_cast<uint8_t>(number >> (8 * i));
  TANDEM_CHECK(XXH3_128bits_update(State(state_), little_endian, sizeof little_endian) == XXH_OK);
}

Digest Digester::Finish() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(State(state_)));
  Digest digest;
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

}  // namespace tandem
