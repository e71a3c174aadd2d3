#include "daemon/lane/other_writers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/lane/watermark.h"

namespace tandem {
namespace {

std::string Named(absl::string_view root) {
  return root.empty() ? "the whole target" : absl::StrCat("'", root, "'");
}

}  // namespace

bool RootsOverlap(absl::string_view a, absl::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return a.empty() || (absl::StartsWith(b, a) && (a.size() == b.size() || b[a.size()] == '/'));
}

Awaitable<absl::Status> OtherWriters::CheckBefore(FileHandle top) {
  auto writers = co_await ListWriters(env_, top);
  if (absl::IsNotFound(writers.status())) co_return absl::OkStatus();
  if (!writers.ok()) co_return writers.status();
  for (const std::string& writer : *writers) {
    CO_RETURN_IF_ERROR(co_await CheckOne(top, writer, Who::kClaimants));
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> OtherWriters::CheckWhile(FileHandle top) {
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> writers, co_await ListWriters(env_, top));
  std::vector<std::string> wanted;
  for (const std::string& writer : writers) {
    if (!known_.contains(writer) || writer == found_) wanted.push_back(writer);
  }
  const auto next = std::upper_bound(writers.begin(), writers.end(), last_);
  last_ = next == writers.end() ? std::string() : *next;
  if (!last_.empty()) wanted.push_back(last_);
  for (const std::string& writer : wanted) {
    CO_RETURN_IF_ERROR(co_await CheckOne(top, writer, Who::kHolders));
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> OtherWriters::CheckOne(FileHandle top, std::string writer, Who who) {
  if (writer == options_.writer) co_return absl::OkStatus();
  const auto file = co_await ReadEpochFile(env_, top, writer);
  // Whoever has no epoch yet looks at ours before it writes.
  if (absl::IsNotFound(file.status())) co_return absl::OkStatus();
  known_.insert(writer);
  if (!file.ok()) {
    // No reason to stop: it would be one writer's damage that stops all the others.
    env_.log.Warning("epoch_of_other_writer_unreadable",
                     {{"target", options_.target}, {"writer", writer}, {"error", file.status()}});
    co_return absl::OkStatus();
  }
  const bool counts = !file->instance.empty() && (who == Who::kClaimants || !file->claiming);
  if (!counts || !RootsOverlap(file->root, options_.writer_root)) {
    if (found_ == writer) found_.clear();
    co_return absl::OkStatus();
  }
  found_ = writer;
  co_return absl::FailedPreconditionError(absl::StrCat(
      "writer ", writer, " has ", Named(file->root), " here (", HolderOf(*file), "), and we are ",
      options_.writer, " with ", Named(options_.writer_root),
      ": one holds the other. Nothing is written. Give one of the two another writer_root, or if "
      "that one is gone for good: tandemctl target take-over ",
      options_.target_path, " --writer ", writer));
}

}  // namespace tandem
