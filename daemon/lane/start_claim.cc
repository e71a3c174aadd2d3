#include "daemon/lane/start_claim.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"
#include "daemon/lane/watermark.h"

namespace tandem {
namespace {

constexpr char kPrefix[] = "claim-";
constexpr uint64_t kMaxClaimBytes = 4 << 10;

std::string ClaimName(absl::string_view instance) { return absl::StrCat(kPrefix, instance); }

// All of the writer's, ours among them.
Awaitable<absl::StatusOr<std::vector<std::string>>> ListClaims(Env& env, FileHandle own) {
  CO_ASSIGN_OR_RETURN(std::vector<std::string> names, co_await env.files.List(own));
  std::erase_if(names, [](const std::string& name) { return !absl::StartsWith(name, kPrefix); });
  std::sort(names.begin(), names.end());
  co_return names;
}

Awaitable<absl::StatusOr<EpochFile>> ReadClaim(Env& env, FileHandle own, std::string name) {
  CO_ASSIGN_OR_RETURN(const std::string json,
                      co_await ReadWholeFile(env.files, own, name, kMaxClaimBytes));
  co_return DecodeEpochFile(json);
}

}  // namespace

Awaitable<absl::Status> EnterClaim(Env& env, Directory& own, int flags, const EpochFile& mine) {
  const std::string name = ClaimName(mine.instance);
  const std::string bytes = EncodeEpochFile(mine);
  // Nobody else's: others may be writing theirs just now.
  const std::string temp = absl::StrCat(name, ".tmp");
  CO_RETURN_IF_ERROR(co_await ReplaceOwnFile(env, own, flags, temp, name, bytes));
  auto claims = co_await ListClaims(env, own.handle);
  absl::Status status = claims.status();
  std::vector<std::string> others;
  if (claims.ok()) others = *std::move(claims);
  for (const std::string& other : others) {
    if (other == name) continue;
    const auto file = co_await ReadClaim(env, own.handle, other);
    if (absl::IsNotFound(file.status())) continue;
    status = absl::FailedPreconditionError(
        absl::StrCat("another daemon of writer ", mine.writer, " is about to take the target: ",
                     file.ok() ? HolderOf(*file) : std::string(file.status().message())));
  }
  if (!status.ok()) (co_await LeaveClaim(env, own, mine.instance)).IgnoreError();
  co_return status;
}

Awaitable<absl::Status> LeaveClaim(Env& env, Directory& own, std::string instance) {
  const std::string name = ClaimName(instance);
  const absl::Status removed = co_await env.files.Unlink(own.handle, name);
  if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  co_return co_await own.Sync();
}

Awaitable<absl::StatusOr<EpochFile>> FirstClaim(Env& env, FileHandle own) {
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> claims, co_await ListClaims(env, own));
  if (claims.empty()) co_return absl::NotFoundError("nobody claims it");
  const std::string& first = claims.front();
  co_return co_await ReadClaim(env, own, first);
}

Awaitable<absl::Status> RemoveClaims(Env& env, Directory& own) {
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> claims, co_await ListClaims(env, own.handle));
  for (const std::string& claim : claims) {
    CO_RETURN_IF_ERROR(co_await env.files.Unlink(own.handle, claim));
  }
  co_return co_await own.Sync();
}

}  // namespace tandem
