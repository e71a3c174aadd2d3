#include "daemon/io/system_random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

#include "daemon/base/check.h"

namespace tandem {

SystemRandom::SystemRandom() {
  std::array<uint32_t, 16> words{};
  ssize_t got = 0;
  do {
    got = getrandom(words.data(), sizeof(words), 0);
  } while (got < 0 && errno == EINTR);
  TANDEM_CHECK(got == sizeof(words));  // up to 256 bytes come whole
  std::seed_seq seed(words.begin(), words.end());
  generator_.seed(seed);
}

}  // namespace tandem
