// What a failed operation on a target means: is it this path, or the whole target?
#pragma once

#include "absl/status/status.h"

namespace tandem {

enum class FailureScope {
  kPath,    // this path will fail again while others work: try a few times, then quarantine it
  kTarget,  // the target is in trouble: wait until it is well, for ever if need be
};

// By errno; what is not known counts as the target's, which never gives a write up.
[[nodiscard]] FailureScope ScopeOf(const absl::Status& failure);

// A file is not as the journal left it (FOREIGN_CHANGE): never overwritten silently.
[[nodiscard]] absl::Status ForeignChange(absl::string_view what);
[[nodiscard]] bool IsForeignChange(const absl::Status& status);

// Pieces of an upload have left the journal: it cannot be put together from there any more.
[[nodiscard]] absl::Status PiecesGone();
[[nodiscard]] bool ArePiecesGone(const absl::Status& status);

}  // namespace tandem
