// A text that the supervisor hands to its children and may replace while they run.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/config/config.h"
#include "daemon/link/unique_fd.h"

namespace tandem {

// In memory, behind a descriptor that children inherit. One writer; a reader gets a whole text, the
// old one or the new one, never half of each. Empty at first.
class SharedText {
 public:
  static absl::StatusOr<SharedText> Make();
  // The writer's, inherited.
  explicit SharedText(UniqueFd fd) : fd_(std::move(fd)) {}

  // INVALID_ARGUMENT: over 1 MiB.
  [[nodiscard]] absl::Status Replace(absl::string_view text);
  // DATA_LOSS: what is behind the descriptor is no such text.
  [[nodiscard]] absl::StatusOr<std::string> Read() const;

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

// The configuration that is in it now; an error of Read is one of its errors.
[[nodiscard]] LoadedConfig LoadShared(const SharedText& shared);

}  // namespace tandem
