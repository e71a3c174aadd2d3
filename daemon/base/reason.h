// The one catalogue of reasons Tandem gives when it refuses or cannot answer. On the wire they are
// google.rpc.ErrorInfo.reason in the domain "tandem"; README.md lists them for the caller.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tandem {

// X(enumerator, WIRE_NAME, status code). Codes follow AIP-193; UNAVAILABLE and RESOURCE_EXHAUSTED
// come with a delay to wait (RetryInfo).
#define TANDEM_REASONS(X)                                               \
  X(kPathAbsolute, "PATH_ABSOLUTE", kInvalidArgument)                   \
  X(kPathTraversal, "PATH_TRAVERSAL", kInvalidArgument)                 \
  X(kPathEmptyComponent, "PATH_EMPTY_COMPONENT", kInvalidArgument)      \
  X(kPathBadCharacter, "PATH_BAD_CHARACTER", kInvalidArgument)          \
  X(kPathTooLong, "PATH_TOO_LONG", kInvalidArgument)                    \
  X(kPathReserved, "PATH_RESERVED", kInvalidArgument)                   \
  X(kArgumentInvalid, "ARGUMENT_INVALID", kInvalidArgument)             \
  X(kPayloadTooLarge, "PAYLOAD_TOO_LARGE", kInvalidArgument)            \
  X(kPayloadCorrupt, "PAYLOAD_CORRUPT", kInvalidArgument)               \
  X(kFileTooLarge, "FILE_TOO_LARGE", kOutOfRange)                       \
  X(kLevelUnknown, "LEVEL_UNKNOWN", kInvalidArgument)                   \
  X(kRequestIdInvalid, "REQUEST_ID_INVALID", kInvalidArgument)          \
  X(kRequestIdReused, "REQUEST_ID_REUSED", kInvalidArgument)            \
  X(kRequestIdExpired, "REQUEST_ID_EXPIRED", kFailedPrecondition)       \
  X(kRequestIdsFull, "REQUEST_IDS_FULL", kResourceExhausted)            \
  X(kPathExists, "PATH_EXISTS", kAlreadyExists)                         \
  X(kPathNotFound, "PATH_NOT_FOUND", kNotFound)                         \
  X(kPathIsDirectory, "PATH_IS_DIRECTORY", kFailedPrecondition)         \
  X(kParentNotDirectory, "PARENT_NOT_DIRECTORY", kFailedPrecondition)   \
  X(kPathStateUnknown, "PATH_STATE_UNKNOWN", kUnavailable)              \
  X(kPathStatesFull, "PATH_STATES_FULL", kResourceExhausted)            \
  X(kPathNotRegular, "PATH_NOT_REGULAR", kFailedPrecondition)           \
  X(kWriteNotFound, "WRITE_NOT_FOUND", kNotFound)                       \
  X(kDurabilityNotReached, "DURABILITY_NOT_REACHED", kDeadlineExceeded) \
  X(kOutcomeUnknown, "OUTCOME_UNKNOWN", kUnavailable)                   \
  X(kTargetFailed, "TARGET_FAILED", kAborted)                           \
  X(kPendingNotFound, "PENDING_NOT_FOUND", kNotFound)                   \
  X(kTargetUnavailable, "TARGET_UNAVAILABLE", kUnavailable)             \
  X(kDivergedFull, "DIVERGED_FULL", kResourceExhausted)                 \
  X(kQueueFull, "QUEUE_FULL", kResourceExhausted)                       \
  X(kJournalFull, "JOURNAL_FULL", kResourceExhausted)                   \
  X(kJournalDiskFull, "JOURNAL_DISK_FULL", kResourceExhausted)          \
  X(kJournalFailed, "JOURNAL_FAILED", kUnavailable)                     \
  X(kUploadAborted, "UPLOAD_ABORTED", kAborted)                         \
  X(kUploadsFull, "UPLOADS_FULL", kResourceExhausted)                   \
  X(kUploadSizeMismatch, "UPLOAD_SIZE_MISMATCH", kInvalidArgument)      \
  X(kRpoAtRisk, "RPO_AT_RISK", kUnavailable)                            \
  X(kShuttingDown, "SHUTTING_DOWN", kUnavailable)

enum class Reason {
#define X(enumerator, name, code) enumerator,
  TANDEM_REASONS(X)
#undef X
};

[[nodiscard]] absl::string_view ReasonName(Reason reason);
[[nodiscard]] absl::StatusCode ReasonCode(Reason reason);

// All reasons, in the order of the catalogue.
[[nodiscard]] const std::vector<Reason>& AllReasons();

// What goes with a refusal besides its text.
struct RefusalDetail {
  // Milliseconds the caller should wait before it asks again; 0: no advice.
  int64_t retry_after_ms = 0;
  // ErrorInfo.metadata, e.g. {"sequence", "17"}.
  std::vector<std::pair<std::string, std::string>> metadata;
};

// A status that carries its reason. `message` is for a person.
[[nodiscard]] absl::Status Refuse(Reason reason, absl::string_view message,
                                  const RefusalDetail& detail = {});

// What Refuse put in; nullopt where there is none.
[[nodiscard]] std::optional<Reason> ReasonOf(const absl::Status& status);
[[nodiscard]] RefusalDetail DetailOf(const absl::Status& status);

}  // namespace tandem
