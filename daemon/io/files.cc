#include "daemon/io/files.h"

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

bool IsSingleName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

absl::string_view NameOfKind(IoKind kind) {
  switch (kind) {
    case IoKind::kOpen:
      return "open";
    case IoKind::kClose:
      return "close";
    case IoKind::kRead:
      return "read";
    case IoKind::kWrite:
      return "write";
    case IoKind::kSync:
      return "sync";
    case IoKind::kTruncate:
      return "truncate";
    case IoKind::kRename:
      return "rename";
    case IoKind::kUnlink:
      return "unlink";
    case IoKind::kMkdir:
      return "mkdir";
    case IoKind::kStat:
      return "stat";
    case IoKind::kList:
      return "list";
    case IoKind::kStatFs:
      return "statfs";
    case IoKind::kLock:
      return "lock";
  }
  return "?";
}

bool WasInterrupted(const IoResult& result) {
  return result.value == -EINTR || result.value == -EAGAIN;
}

// Takes off what a write has written already.
void AdvanceWrite(IoRequest& request, uint64_t written) {
  TANDEM_CHECK(written <= request.length);
  request.source += written;
  request.length -= written;
  request.offset += written;
}

// Adds the results of requests[chain.done..]. False: the chain is over.
bool TakeResults(std::vector<IoRequest>& requests, std::vector<IoResult> results,
                 ChainResult& chain) {
  for (IoResult& result : results) {
    IoRequest& request = requests[chain.done];
    // The descriptor is gone whatever close says.
    if (request.kind == IoKind::kClose && result.value == -EINTR) result.value = 0;
    if (WasInterrupted(result)) return true;
    if (EndsChain(request, result.value)) {
      if (result.value > 0) {
        TANDEM_CHECK(request.kind == IoKind::kWrite);
        AdvanceWrite(request, static_cast<uint64_t>(result.value));
        return true;
      }
      chain.status =
          result.value < 0 ? StatusOf(request, result) : ErrnoStatus(EIO, "write made no progress");
      return false;
    }
    chain.steps.push_back(std::move(result));
    ++chain.done;
  }
  return true;
}

// A chain done by one Submit after the other.
struct Steps {
  std::vector<IoRequest> requests;
  std::vector<IoResult> results;
  ChainDone done;
};

void SubmitNext(Files& files, const std::shared_ptr<Steps>& steps) {
  // A copy: its length is looked at afterwards.
  IoRequest request = steps->requests[steps->results.size()];
  files.Submit(std::move(request), [&files, steps](IoResult result) {
    const bool ends = EndsChain(steps->requests[steps->results.size()], result.value);
    steps->results.push_back(std::move(result));
    if (!ends && steps->results.size() < steps->requests.size()) {
      SubmitNext(files, steps);
      return;
    }
    steps->results.resize(steps->requests.size(), IoResult{.value = -ECANCELED});
    steps->done(std::move(steps->results));
  });
}

}  // namespace

bool EndsChain(const IoRequest& request, int64_t result) {
  if (request.may_fail) return false;
  if (result < 0) return true;
  const bool transfers = request.kind == IoKind::kRead || request.kind == IoKind::kWrite;
  return transfers && static_cast<uint64_t>(result) < request.length;
}

absl::Status StatusOf(const IoRequest& request, const IoResult& result) {
  if (result.value >= 0) return absl::OkStatus();
  std::string what(NameOfKind(request.kind));
  if (!request.path.empty()) absl::StrAppend(&what, " ", request.path);
  if (!request.path2.empty()) absl::StrAppend(&what, " to ", request.path2);
  return ErrnoStatus(static_cast<int>(-result.value), what);
}

IoRequest ToOpen(FileHandle directory, std::string path, int flags, uint32_t mode) {
  return {.kind = IoKind::kOpen,
          .file = directory,
          .path = std::move(path),
          .open_flags = flags,
          .mode = mode};
}

IoRequest ToClose(FileHandle file) { return {.kind = IoKind::kClose, .file = file}; }

IoRequest ToWrite(FileHandle file, absl::string_view data, uint64_t offset) {
  return {.kind = IoKind::kWrite,
          .file = file,
          .source = data.data(),
          .length = data.size(),
          .offset = offset};
}

IoRequest ToSync(FileHandle file) { return {.kind = IoKind::kSync, .file = file}; }

IoRequest ToRename(FileHandle directory, std::string name, FileHandle to_directory,
                   std::string to_name) {
  TANDEM_CHECK(IsSingleName(name) && IsSingleName(to_name));
  return {.kind = IoKind::kRename,
          .file = directory,
          .directory2 = to_directory,
          .path = std::move(name),
          .path2 = std::move(to_name)};
}

IoRequest ToStat(FileHandle directory, std::string name) {
  TANDEM_CHECK(IsSingleName(name));
  return {.kind = IoKind::kStat, .file = directory, .path = std::move(name)};
}

void Files::SubmitChain(std::vector<IoRequest> requests, ChainDone done) {
  TANDEM_CHECK(!requests.empty());
  auto steps = std::make_shared<Steps>();
  steps->requests = std::move(requests);
  steps->done = std::move(done);
  SubmitNext(*this, steps);
}

Awaitable<IoResult> Files::Do(IoRequest request) {
  co_return co_await AwaitCallback<IoResult>(
      [this, &request](IoDone done) { Submit(std::move(request), std::move(done)); });
}

Awaitable<absl::Status> Files::DoSimple(IoRequest request) {
  IoRequest copy = request;
  const IoResult result = co_await Do(std::move(copy));
  co_return StatusOf(request, result);
}

Awaitable<ChainResult> Files::Chain(std::vector<IoRequest> requests) {
  ChainResult chain;
  while (chain.done < requests.size()) {
    const auto first = requests.begin() + static_cast<std::ptrdiff_t>(chain.done);
    std::vector<IoRequest> rest(first, requests.end());
    std::vector<IoResult> results = co_await AwaitCallback<std::vector<IoResult>>(
        [this, &rest](ChainDone done) { SubmitChain(std::move(rest), std::move(done)); });
    if (!TakeResults(requests, std::move(results), chain)) break;
  }
  co_return chain;
}

Awaitable<absl::Status> Files::WriteAndSync(FileHandle file, absl::string_view data,
                                            uint64_t offset) {
  std::vector<IoRequest> steps;
  if (!data.empty()) steps.push_back(ToWrite(file, data, offset));
  steps.push_back(ToSync(file));
  const ChainResult chain = co_await Chain(std::move(steps));
  co_return chain.status;
}

Awaitable<absl::StatusOr<FileHandle>> Files::Open(FileHandle directory, std::string path, int flags,
                                                  uint32_t mode) {
  IoRequest request = ToOpen(directory, std::move(path), flags, mode);
  IoRequest copy = request;
  const IoResult result = co_await Do(std::move(copy));
  if (result.value < 0) co_return StatusOf(request, result);
  co_return static_cast<FileHandle>(result.value);
}

Awaitable<absl::Status> Files::Close(FileHandle file) {
  co_return co_await DoSimple(ToClose(file));
}

Awaitable<absl::StatusOr<size_t>> Files::Read(FileHandle file, char* buffer, size_t length,
                                              uint64_t offset) {
  size_t total = 0;
  while (total < length) {
    IoRequest request{.kind = IoKind::kRead,
                      .file = file,
                      .buffer = buffer + total,
                      .length = length - total,
                      .offset = offset + total};
    const IoResult result = co_await Do(request);
    if (WasInterrupted(result)) continue;
    if (result.value < 0) co_return StatusOf(request, result);
    if (result.value == 0) break;
    total += static_cast<size_t>(result.value);
  }
  co_return total;
}

Awaitable<absl::Status> Files::Write(FileHandle file, absl::string_view data, uint64_t offset) {
  IoRequest request = ToWrite(file, data, offset);
  while (request.length > 0) {
    const IoResult result = co_await Do(request);
    if (WasInterrupted(result)) continue;
    if (result.value < 0) co_return StatusOf(request, result);
    if (result.value == 0) co_return ErrnoStatus(EIO, "write made no progress");
    AdvanceWrite(request, static_cast<uint64_t>(result.value));
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Files::Sync(FileHandle file) { co_return co_await DoSimple(ToSync(file)); }

Awaitable<absl::Status> Files::Truncate(FileHandle file, uint64_t length) {
  IoRequest request{.kind = IoKind::kTruncate, .file = file, .length = length};
  co_return co_await DoSimple(std::move(request));
}

Awaitable<absl::Status> Files::Rename(FileHandle directory, std::string name,
                                      FileHandle to_directory, std::string to_name) {
  IoRequest request = ToRename(directory, std::move(name), to_directory, std::move(to_name));
  co_return co_await DoSimple(std::move(request));
}

Awaitable<absl::Status> Files::Unlink(FileHandle directory, std::string name) {
  TANDEM_CHECK(IsSingleName(name));
  IoRequest request{.kind = IoKind::kUnlink, .file = directory, .path = std::move(name)};
  co_return co_await DoSimple(std::move(request));
}

Awaitable<absl::Status> Files::Mkdir(FileHandle directory, std::string name, uint32_t mode) {
  TANDEM_CHECK(IsSingleName(name));
  IoRequest request{
      .kind = IoKind::kMkdir, .file = directory, .path = std::move(name), .mode = mode};
  co_return co_await DoSimple(std::move(request));
}

Awaitable<absl::StatusOr<FileStat>> Files::Stat(FileHandle directory, std::string name) {
  IoRequest request = ToStat(directory, std::move(name));
  IoRequest copy = request;
  const IoResult result = co_await Do(std::move(copy));
  if (result.value < 0) co_return StatusOf(request, result);
  co_return result.stat;
}

Awaitable<absl::StatusOr<FileStat>> Files::StatFile(FileHandle file) {
  IoRequest request{.kind = IoKind::kStat, .file = file};
  const IoResult result = co_await Do(request);
  if (result.value < 0) co_return StatusOf(request, result);
  co_return result.stat;
}

Awaitable<absl::StatusOr<std::vector<std::string>>> Files::List(FileHandle directory) {
  IoRequest request{.kind = IoKind::kList, .file = directory};
  IoResult result = co_await Do(request);
  if (result.value < 0) co_return StatusOf(request, result);
  co_return std::move(result.names);
}

Awaitable<absl::StatusOr<FileSystemStat>> Files::StatFs(FileHandle file) {
  IoRequest request{.kind = IoKind::kStatFs, .file = file};
  const IoResult result = co_await Do(request);
  if (result.value < 0) co_return StatusOf(request, result);
  co_return result.stat_fs;
}

Awaitable<absl::Status> Files::Lock(FileHandle file) {
  IoRequest request{.kind = IoKind::kLock, .file = file};
  co_return co_await DoSimple(std::move(request));
}

}  // namespace tandem
