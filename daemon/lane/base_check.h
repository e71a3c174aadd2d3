// Is a file on the target as the journal left it?
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/io/files.h"
#include "daemon/lane/applier.h"
#include "daemon/lane/open_files.h"
#include "daemon/model/operation.h"

namespace tandem {

// All of these: OK, the error that looking gave, or FOREIGN_CHANGE (errors.h).

// What the file must be like if nothing of a write was applied yet; `base` is what it starts from.
[[nodiscard]] absl::Status CompareWithBase(const PathState& base,
                                           const absl::StatusOr<FileStat>& found);

// In doubt any size may be the right one; what is no plain file of ours never is.
[[nodiscard]] absl::Status CheckPlain(const absl::StatusOr<FileStat>& found);

// As the run asks for: exactly what it starts from; in doubt, any size that it may have made of
// that; or CheckPlain.
[[nodiscard]] absl::Status CheckBase(const PathRun& run, const absl::StatusOr<FileStat>& found);

// The name still leads to the open file, which is as the journal left it.
[[nodiscard]] absl::Status CheckOpen(const PathRun& run, const OpenFile& file,
                                     const absl::StatusOr<FileStat>& found);

// What a kStat of a chain found.
[[nodiscard]] absl::StatusOr<FileStat> FoundBy(const IoRequest& stat, const IoResult& result);

}  // namespace tandem
