#include "daemon/lane/errors.h"

#include <cerrno>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

constexpr absl::string_view kForeignPayload = "tandem/foreign_change";
constexpr absl::string_view kGonePayload = "tandem/pieces_gone";

}  // namespace

FailureScope ScopeOf(const absl::Status& failure) {
  if (IsForeignChange(failure)) return FailureScope::kPath;
  switch (ErrnoOf(failure)) {
    case EACCES:
    case EPERM:
    case ENOENT:
    case EEXIST:
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV:
    case EMLINK:
    case EFBIG:
    case EINVAL:
    case EROFS:  // of a subtree; if all is read-only, the probe before parking says so
    case ETXTBSY:
    case ENXIO:
      return FailureScope::kPath;
    default:
      return FailureScope::kTarget;
  }
}

absl::Status ForeignChange(absl::string_view what) {
  absl::Status status = absl::FailedPreconditionError(absl::StrCat("FOREIGN_CHANGE: ", what));
  status.SetPayload(kForeignPayload, absl::Cord());
  return status;
}

absl::Status PiecesGone() {
  absl::Status status = absl::NotFoundError("pieces of the upload have left the journal");
  status.SetPayload(kGonePayload, absl::Cord());
  return status;
}

bool ArePiecesGone(const absl::Status& status) {
  return status.GetPayload(kGonePayload).has_value();
}

bool IsForeignChange(const absl::Status& status) {
  return status.GetPayload(kForeignPayload).has_value();
}

}  // namespace tandem
