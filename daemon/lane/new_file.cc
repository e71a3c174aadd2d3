#include "daemon/lane/new_file.h"

#include <fcntl.h>

#include "daemon/lane/errors.h"

namespace tandem {

Awaitable<absl::Status> MakeNewFile(Env& env, Target& target, Directory& parent, NewFile file,
                                    absl::FunctionRef<Awaitable<absl::Status>(FileHandle)> fill) {
  target.directories().temps().insert(file.temp);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | target.data_flags();
  const auto opened = co_await env.files.Open(parent.handle, file.temp, flags, file.mode);
  absl::Status status = opened.status();
  if (opened.ok()) {
    status = co_await fill(*opened);
    if (status.ok()) status = co_await env.files.Sync(*opened);
    const absl::Status closed = co_await env.files.Close(*opened);
    if (status.ok()) status = closed;
  }
  if (status.ok()) {
    status = co_await env.files.Rename(parent.handle, file.temp, parent.handle, file.name);
  }
  // A rename that failed may have happened; either way the temp name must not stay.
  if (!status.ok()) status = co_await RemoveTemp(env, parent, file.temp, status);
  target.directories().temps().erase(file.temp);
  if (status.ok()) status = co_await parent.Sync();
  co_return status;
}

Awaitable<absl::Status> RemoveTemp(Env& env, Directory& parent, std::string temp,
                                   absl::Status failed) {
  const absl::Status removed = co_await env.files.Unlink(parent.handle, temp);
  const bool may_be_there = !removed.ok() && !absl::IsNotFound(removed);
  if (may_be_there && ScopeOf(failed) == FailureScope::kPath &&
      ScopeOf(removed) == FailureScope::kTarget) {
    co_return removed;
  }
  co_return failed;
}

}  // namespace tandem
