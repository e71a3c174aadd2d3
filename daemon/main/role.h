// Which of its three roles a tandemd process has: the supervisor starts the others with arguments
// that no user gives.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/supervisor/child.h"

namespace tandem {

struct Role {
  enum class Kind { kSupervisor, kCore, kLane };
  Kind kind = Kind::kSupervisor;
  int fd = -1;         // core: its control socket; lane: its link to core
  int config_fd = -1;  // core and lane: the configuration they run (SharedText)
  std::string target;  // lane
};

// Takes the role's arguments off the front of `arguments` (the program's name not among them).
// nullopt: they make no sense.
[[nodiscard]] std::optional<Role> TakeRole(std::vector<std::string>& arguments);

// How the supervisor starts core and a lane; `arguments` are its own, to be seen by ps only: what
// counts is the configuration that the supervisor hands down.
[[nodiscard]] ChildSpec CoreSpec(const std::vector<std::string>& arguments);
[[nodiscard]] ChildSpec LaneSpec(const std::string& target,
                                 const std::vector<std::string>& arguments);

}  // namespace tandem
