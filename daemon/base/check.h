// Assertions that stay on in release builds: a broken invariant stops the process before it can
// write something wrong.
#pragma once

#include "absl/strings/string_view.h"

namespace tandem {

// Prints "<file>:<line>: invariant broken: <what>" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, absl::string_view what);

}  // namespace tandem

#define TANDEM_CHECK(condition)                              \
  do {                                                       \
    if (!(condition)) [[unlikely]]                           \
      ::tandem::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
