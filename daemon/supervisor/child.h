// Starting one child process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tandem {

// In an argument of a ChildSpec, this stands for the number of the descriptor that the child
// inherits.
inline constexpr absl::string_view kFdPlaceholder = "{fd}";
// The same of the descriptor that all children share, if there is one.
inline constexpr absl::string_view kSharedFdPlaceholder = "{shared}";

struct ChildSpec {
  std::string name;               // "core", or the target's name; in logs and on descriptors
  std::vector<std::string> argv;  // argv[0] is what ps shows
  int nice = 0;                   // it runs at this or nicer, from its very beginning
};

// Forks and executes `executable` with the spec's arguments. Besides standard input, output and
// error the child has `inherited_fd` and, unless it is -1, `shared_fd`, under the numbers its
// arguments say. It leads a process group of its own, so that a terminal's Ctrl-C reaches the
// supervisor alone, and starts with default signal handling, except that SIGHUP is ignored: it may
// come before the child is ready for it. An executable that cannot be executed is an exit with
// status 127.
[[nodiscard]] absl::StatusOr<pid_t> StartChild(const std::string& executable, const ChildSpec& spec,
                                               int inherited_fd, int shared_fd);

}  // namespace tandem
