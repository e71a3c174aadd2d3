// Which operation is possible on which path: the one table that decides it (rule 3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/base/reason.h"

namespace tandem {

// What an operation finds at its path. kBlocked: something that is no directory stands where the
// path needs one, so nothing can be at the path.
enum class Standing : uint8_t { kAbsent, kFile, kDirectory, kOther, kBlocked };

// What is asked of a path; a Rename asks something of either end, an upload's commit is a Put.
enum class Demand : uint8_t {
  kPut,
  kPutIfAbsent,
  kAppend,
  kWriteAt,
  kTruncate,
  kDelete,
  kRenameFrom,
  kRenameTo,
  kRenameToIfAbsent,
};

inline constexpr size_t kStandings = 5;
inline constexpr size_t kDemands = 9;

// nullopt: goes ahead. The whole table ("ok" goes ahead):
//
//   demand             absent     file    directory          other             blocked
//   Put                ok         ok      PATH_IS_DIRECTORY  PATH_NOT_REGULAR  PARENT_NOT_DIRECTORY
//   Put, if_absent     ok         EXISTS  PATH_IS_DIRECTORY  PATH_NOT_REGULAR  PARENT_NOT_DIRECTORY
//   Append             ok         ok      PATH_IS_DIRECTORY  PATH_NOT_REGULAR  PARENT_NOT_DIRECTORY
//   WriteAt            ok         ok      PATH_IS_DIRECTORY  PATH_NOT_REGULAR  PARENT_NOT_DIRECTORY
//   Truncate           NOT_FOUND  ok      PATH_IS_DIRECTORY  PATH_NOT_REGULAR  NOT_FOUND
//   Delete             ok         ok      PATH_IS_DIRECTORY  PATH_NOT_REGULAR  ok
//   Rename, from       NOT_FOUND  ok      PATH_IS_DIRECTORY  PATH_NOT_REGULAR  NOT_FOUND
//   Rename, to         ok         ok      PATH_IS_DIRECTORY  PATH_NOT_REGULAR  PARENT_NOT_DIRECTORY
//   Rename, if_absent  ok         EXISTS  PATH_IS_DIRECTORY  PATH_NOT_REGULAR  PARENT_NOT_DIRECTORY
//
// (EXISTS is PATH_EXISTS, NOT_FOUND is PATH_NOT_FOUND.)
[[nodiscard]] std::optional<Reason> Verdict(Demand demand, Standing standing);

// The verdict as a status for the caller; the message names the path.
[[nodiscard]] absl::Status CheckStanding(Demand demand, Standing standing, absl::string_view path);

}  // namespace tandem
