// How much the server holds at once: so that a flood is refused instead of kept in memory.
#pragma once

#include <atomic>
#include <cstdint>

namespace tandem {

// Callable from any thread.
class Budget {
 public:
  explicit Budget(uint64_t limit) : limit_(limit) {}

  // False if that would exceed the limit; an amount over the limit passes when nothing is taken.
  [[nodiscard]] bool TryTake(uint64_t amount) {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used != 0 && (used >= limit_ || amount > limit_ - used)) return false;
    } while (!used_.compare_exchange_weak(used, used + amount, std::memory_order_relaxed));
    return true;
  }

  void Return(uint64_t amount) { used_.fetch_sub(amount, std::memory_order_relaxed); }

  [[nodiscard]] uint64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const uint64_t limit_;
  std::atomic<uint64_t> used_{0};
};

}  // namespace tandem
