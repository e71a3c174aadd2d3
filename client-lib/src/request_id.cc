#include "tandem/client/request_id.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"

namespace tandem::client {
namespace {

constexpr uint32_t kCounterMax = 0xfff;

int64_t SystemMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// From the kernel each time: a process that forked must not repeat its parent's ids.
std::array<uint8_t, 10> RandomBytes() {
  std::array<uint8_t, 10> bytes;
  while (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    // Short requests fail only when a signal came before the kernel's pool was ready.
    if (errno != EINTR) std::abort();
  }
  return bytes;
}

std::string Format(const std::array<uint8_t, 16>& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 0xf]);
  }
  return text;
}

}  // namespace

RequestIdGenerator::RequestIdGenerator() : RequestIdGenerator(SystemMs) {}

RequestIdGenerator::RequestIdGenerator(std::function<int64_t()> now_ms)
    : now_ms_(std::move(now_ms)) {}

std::string RequestIdGenerator::Next() {
  const std::array<uint8_t, 10> random = RandomBytes();
  std::array<uint8_t, 16> bytes{};
  {
    const std::lock_guard lock(mutex_);
    if (const int64_t now = now_ms_(); now > last_ms_) {
      last_ms_ = now;
      // The upper half of the counter stays free for this millisecond's other ids.
      counter_ = ((random[8] << 8) | random[9]) & (kCounterMax >> 1);
    } else if (++counter_ > kCounterMax) {
      ++last_ms_;
      counter_ = 0;
    }
    for (size_t i = 0; i < 6; ++i) {
      bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(last_ms_) >> (8 * (5 - i)));
    }
    bytes[6] = static_cast<uint8_t>(0x70 | (counter_ >> 8));
    bytes[7] = static_cast<uint8_t>(counter_);
  }
  for (size_t i = 0; i < 8; ++i) bytes[8 + i] = random[i];
  bytes[8] = static_cast<uint8_t>(0x80 | (bytes[8] & 0x3f));
  return Format(bytes);
}

bool IsRequestId(absl::string_view text) {
  if (text.size() != 36) return false;
  bool nil = true;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return false;
    } else if (!absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))) {
      return false;
    } else if (text[i] != '0') {
      nil = false;
    }
  }
  return !nil;
}

}  // namespace tandem::client
