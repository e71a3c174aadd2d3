// Seeded chance for simulations: the same seed gives the same numbers everywhere.
#pragma once

#include <cstdint>

#include "daemon/base/check.h"
#include "daemon/io/clock.h"

namespace tandem {

// Owner: the simulation's thread.
class SimRandom final : public Random {
 public:
  explicit SimRandom(uint64_t seed) : state_(seed) {}

  // splitmix64.
  uint64_t Next() override {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // 0 .. bound-1; bound > 0.
  uint64_t Below(uint64_t bound) {
    TANDEM_CHECK(bound > 0);
    return Next() % bound;
  }
  // low .. high, both included.
  int64_t Between(int64_t low, int64_t high) {
    TANDEM_CHECK(low <= high);
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  // True with this probability.
  bool Chance(double probability) {
    return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability;
  }
  // A generator of its own, so that one consumer's draws do not shift another's.
  SimRandom Fork() { return SimRandom(Next()); }

 private:
  uint64_t state_;
};

}  // namespace tandem
