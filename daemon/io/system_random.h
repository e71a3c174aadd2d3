// Chance from the kernel's entropy.
#pragma once

#include <random>

#include "daemon/io/clock.h"

namespace tandem {

// A generator seeded by getrandom(2): for ids and jitter, not for secrets. Owner: one thread.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  uint64_t Next() override { return generator_(); }

 private:
  std::mt19937_64 generator_;
};

}  // namespace tandem
