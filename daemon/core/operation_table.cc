#include "daemon/core/operation_table.h"

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

constexpr std::optional<Reason> kOk = std::nullopt;
constexpr std::optional<Reason> kExists = Reason::kPathExists;
constexpr std::optional<Reason> kNotFound = Reason::kPathNotFound;
constexpr std::optional<Reason> kIsDirectory = Reason::kPathIsDirectory;
constexpr std::optional<Reason> kNotRegular = Reason::kPathNotRegular;
constexpr std::optional<Reason> kParent = Reason::kParentNotDirectory;

using Row = std::array<std::optional<Reason>, kStandings>;

constexpr std::array<Row, kDemands> kTable = {{
    // absent, file, directory, other, blocked
    {kOk, kOk, kIsDirectory, kNotRegular, kParent},          // Put
    {kOk, kExists, kIsDirectory, kNotRegular, kParent},      // Put, if_absent
    {kOk, kOk, kIsDirectory, kNotRegular, kParent},          // Append
    {kOk, kOk, kIsDirectory, kNotRegular, kParent},          // WriteAt
    {kNotFound, kOk, kIsDirectory, kNotRegular, kNotFound},  // Truncate
    {kOk, kOk, kIsDirectory, kNotRegular, kOk},              // Delete
    {kNotFound, kOk, kIsDirectory, kNotRegular, kNotFound},  // Rename, from
    {kOk, kOk, kIsDirectory, kNotRegular, kParent},          // Rename, to
    {kOk, kExists, kIsDirectory, kNotRegular, kParent},      // Rename, to, if_absent
}};

absl::string_view Explain(Reason reason) {
  switch (reason) {
    case Reason::kPathExists:
      return "there is a file already";
    case Reason::kPathNotFound:
      return "there is no such file";
    case Reason::kPathIsDirectory:
      return "a directory is there";
    case Reason::kPathNotRegular:
      return "what is there is not a regular file";
    default:
      return "a part of the path before the last is not a directory";
  }
}

}  // namespace

std::optional<Reason> Verdict(Demand demand, Standing standing) {
  return kTable.at(static_cast<size_t>(demand)).at(static_cast<size_t>(standing));
}

absl::Status CheckStanding(Demand demand, Standing standing, absl::string_view path) {
  const std::optional<Reason> reason = Verdict(demand, standing);
  if (!reason.has_value()) return absl::OkStatus();
  return Refuse(*reason, absl::StrCat(path, ": ", Explain(*reason)));
}

}  // namespace tandem
