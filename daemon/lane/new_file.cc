#include "daemon/lane/new_file.h"

#include <fcntl.h>

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
  if (!status.ok()) (co_await env.files.Unlink(parent.handle, file.temp)).IgnoreError();
  target.directories().temps().erase(file.temp);
  if (status.ok()) status = co_await parent.Sync();
  co_return status;
}

}  // namespace tandem
