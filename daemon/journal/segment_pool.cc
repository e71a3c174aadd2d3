#include "daemon/journal/segment_pool.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"

namespace tandem {
namespace {

constexpr size_t kMaxReady = 2;
constexpr uint64_t kZeroPieceBytes = 256 << 10;
// So that no sync of zeros takes long: the disk is the commit loop's too.
constexpr uint64_t kZeroSyncBytes = 4 << 20;
constexpr int64_t kFillRetryNs = 1'000'000'000;
// So many starts on a full disk, if each needs little.
constexpr uint64_t kReserveSlices = 16;

}  // namespace

SegmentPool::SegmentPool(Env& env, FileHandle directory, uint64_t segment_bytes,
                         std::function<void()> changed)
    : env_(env),
      directory_(directory),
      segment_bytes_(segment_bytes),
      wake_(env.executor),
      changed_(std::move(changed)) {}

void SegmentPool::Adopt(std::vector<std::string> ready, uint64_t next_number,
                        uint64_t reserve_bytes) {
  ready_.assign(ready.begin(), ready.end());
  next_number_ = next_number;
  reserve_bytes_ = reserve_bytes;
}

uint64_t SegmentPool::whole_reserve_bytes() const {
  return std::min(kMaxReserveFileBytes, segment_bytes_);
}

Awaitable<bool> SegmentPool::SpendReserve(uint64_t bytes) {
  if (reserve_bytes_ == 0) co_return false;
  const uint64_t slice = bytes + whole_reserve_bytes() / kReserveSlices;
  const uint64_t rest = std::exchange(reserve_bytes_, 0);
  if (slice < rest) {
    const absl::Status shrunk = co_await ShrinkReserve(rest - slice);
    if (shrunk.ok()) {
      reserve_bytes_ = rest - slice;
      co_return true;
    }
  }
  const std::string name = kReserveName;
  const absl::Status removed = co_await env_.files.Unlink(directory_, name);
  if (!removed.ok()) co_return false;
  // Its blocks are free only when nothing can bring the name back.
  const absl::Status synced = co_await env_.files.Sync(directory_);
  co_return synced.ok();
}

Awaitable<absl::Status> SegmentPool::ShrinkReserve(uint64_t to_bytes) {
  const std::string name = kReserveName;
  CO_ASSIGN_OR_RETURN(const FileHandle file, co_await env_.files.Open(directory_, name, O_RDWR));
  absl::Status status = co_await env_.files.Truncate(file, to_bytes);
  if (status.ok()) status = co_await env_.files.Sync(file);
  (void)co_await env_.files.Close(file);
  co_return status;
}

void SegmentPool::Stop() {
  stopped_ = true;
  wake_.Notify();
}

bool SegmentPool::disk_full() const { return IsNoRoom(error_); }

Awaitable<void> SegmentPool::PrepareLoop(std::function<bool()> wanted) {
  while (!stopped_) {
    if (reserve_bytes_ >= whole_reserve_bytes() && !wanted()) {
      co_await wake_.Wait();
      continue;
    }
    error_ = co_await PrepareOne();
    failures_ = error_.ok() || disk_full() ? 0 : failures_ + 1;
    changed_();
    if (stopped_) co_return;
    if (error_.ok()) continue;
    env_.log.Warning("journal_prepare_failed", {{"error", error_}});
    (void)co_await wake_.WaitFor(env_.clock, kFillRetryNs);
  }
}

Awaitable<absl::Status> SegmentPool::CheckRoom(uint64_t bytes) {
  const absl::StatusOr<FileSystemStat> stat = co_await env_.files.StatFs(directory_);
  // Asking first spares a full disk a segment's worth of writes every second.
  if (stat.ok() && stat->free_bytes < bytes) {
    co_return ErrnoStatus(ENOSPC, "no room for another journal segment");
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> SegmentPool::FillWithZeros(FileHandle file, uint64_t bytes) {
  const std::string zeros(std::min(kZeroPieceBytes, bytes), '\0');
  uint64_t synced = 0;
  for (uint64_t at = 0; at < bytes;) {
    if (stopped_) co_return absl::CancelledError("journal is closing");
    const uint64_t length = std::min<uint64_t>(zeros.size(), bytes - at);
    const absl::string_view piece = absl::string_view(zeros).substr(0, length);
    CO_RETURN_IF_ERROR(co_await env_.files.Write(file, piece, at));
    at += length;
    if (at - synced < kZeroSyncBytes && at < bytes) continue;
    CO_RETURN_IF_ERROR(co_await env_.files.Sync(file));
    synced = at;
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> SegmentPool::MakeFile(std::string temp, std::string name, uint64_t bytes) {
  CO_RETURN_IF_ERROR(co_await CheckRoom(bytes));
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env_.files.Open(directory_, temp, O_RDWR | O_CREAT | O_TRUNC));
  absl::Status status = co_await FillWithZeros(file, bytes);
  (void)co_await env_.files.Close(file);
  if (status.ok()) status = co_await env_.files.Rename(directory_, temp, directory_, name);
  if (!status.ok() && !stopped_) (void)co_await env_.files.Unlink(directory_, temp);
  co_return status;
}

// The reserve comes first: a disk that has room for a segment only later needs it most.
Awaitable<absl::Status> SegmentPool::PrepareOne() {
  const uint64_t number = next_number_++;
  const std::string temp = NewName(number);
  if (reserve_bytes_ < whole_reserve_bytes()) {
    const std::string name = kReserveName;
    const absl::Status made = co_await MakeFile(temp, name, whole_reserve_bytes());
    if (made.ok()) reserve_bytes_ = whole_reserve_bytes();
    co_return made;
  }
  const std::string name = FreeName(number);
  const absl::Status made = co_await MakeFile(temp, name, segment_bytes_);
  if (made.ok()) ready_.push_back(name);
  co_return made;
}

Awaitable<absl::Status> SegmentPool::WriteAndName(FileHandle file, std::string name,
                                                  const SegmentHeader& header,
                                                  absl::string_view records) {
  const std::string block = EncodeSegmentHeader(header);
  const std::string segment_name = SegmentName(header.id);
  CO_RETURN_IF_ERROR(co_await env_.files.Write(file, block, 0));
  CO_RETURN_IF_ERROR(co_await env_.files.Write(file, records, kSegmentHeaderBytes));
  CO_RETURN_IF_ERROR(co_await env_.files.Sync(file));
  CO_RETURN_IF_ERROR(co_await env_.files.Rename(directory_, name, directory_, segment_name));
  co_return co_await env_.files.Sync(directory_);
}

Awaitable<absl::StatusOr<SegmentPool::Taken>> SegmentPool::Take(SegmentHeader header,
                                                                absl::string_view records) {
  Taken taken;
  std::string name;
  int flags = O_RDWR;
  if (!ready_.empty()) {
    name = ready_.front();
    ready_.pop_front();
    taken.full_size = true;
  } else {
    name = NewName(next_number_++);
    flags |= O_CREAT | O_TRUNC;
  }
  wake_.Notify();
  CO_ASSIGN_OR_RETURN(taken.file, co_await env_.files.Open(directory_, name, flags));
  const absl::Status status = co_await WriteAndName(taken.file, name, header, records);
  if (status.ok()) co_return taken;
  (void)co_await env_.files.Close(taken.file);
  (void)co_await env_.files.Unlink(directory_, name);
  co_return status;
}

Awaitable<absl::Status> SegmentPool::Recycle(uint64_t id, bool reusable) {
  const std::string segment_name = SegmentName(id);
  const std::string name = FreeName(next_number_++);
  const absl::Status renamed =
      co_await env_.files.Rename(directory_, segment_name, directory_, name);
  if (!renamed.ok() && ErrnoOf(renamed) != ENOENT) co_return renamed;
  // Also when it was gone: an earlier try may have got this far.
  CO_RETURN_IF_ERROR(co_await env_.files.Sync(directory_));
  if (!renamed.ok()) co_return absl::OkStatus();
  if (reusable && ready_.size() < kMaxReady) {
    ready_.push_back(name);
    changed_();
  } else {
    (void)co_await env_.files.Unlink(directory_, name);
  }
  co_return absl::OkStatus();
}

}  // namespace tandem
