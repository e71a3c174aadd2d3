#include "daemon/main/role.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tandem {
namespace {

constexpr absl::string_view kCoreFlag = "--internal-core=";
constexpr absl::string_view kLaneFlag = "--internal-lane=";
constexpr absl::string_view kConfigFlag = "--internal-config=";
constexpr absl::string_view kTargetFlag = "--internal-target=";

// Who waits for an answer goes first: a lane that falls behind merges more. And at a start core
// does, without which no lane has anything to do.
constexpr int kLaneNice = 5;

bool TakeValue(absl::string_view flag, std::vector<std::string>& arguments, std::string* value) {
  if (arguments.empty()) return false;
  absl::string_view text = arguments.front();
  if (!absl::ConsumePrefix(&text, flag)) return false;
  *value = std::string(text);
  arguments.erase(arguments.begin());
  return true;
}

ChildSpec Spec(std::string name, std::vector<std::string> argv,
               const std::vector<std::string>& arguments) {
  argv.push_back(absl::StrCat(kConfigFlag, kSharedFdPlaceholder));
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return {.name = std::move(name), .argv = std::move(argv)};
}

}  // namespace

std::optional<Role> TakeRole(std::vector<std::string>& arguments) {
  Role role;
  std::string fd;
  if (TakeValue(kCoreFlag, arguments, &fd)) {
    role.kind = Role::Kind::kCore;
  } else if (TakeValue(kLaneFlag, arguments, &fd)) {
    role.kind = Role::Kind::kLane;
    if (!TakeValue(kTargetFlag, arguments, &role.target)) return std::nullopt;
  } else {
    return role;
  }
  std::string config_fd;
  if (!TakeValue(kConfigFlag, arguments, &config_fd)) return std::nullopt;
  if (!absl::SimpleAtoi(fd, &role.fd) || role.fd < 0) return std::nullopt;
  if (!absl::SimpleAtoi(config_fd, &role.config_fd) || role.config_fd < 0) return std::nullopt;
  return role;
}

ChildSpec CoreSpec(const std::vector<std::string>& arguments) {
  return Spec("core", {"tandemd", absl::StrCat(kCoreFlag, kFdPlaceholder)}, arguments);
}

ChildSpec LaneSpec(const std::string& target, const std::vector<std::string>& arguments) {
  ChildSpec spec =
      Spec(target,
           {"tandemd", absl::StrCat(kLaneFlag, kFdPlaceholder), absl::StrCat(kTargetFlag, target)},
           arguments);
  spec.nice = kLaneNice;
  return spec;
}

}  // namespace tandem
