#include "daemon/io/uring_ring.h"

#include <liburing.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/io/clock.h"
#include "daemon/io/plain_calls.h"

namespace tandem {
namespace {

constexpr unsigned kDrainBatch = 64;

constexpr std::array kNeededOpcodes = {
    IORING_OP_NOP,   IORING_OP_OPENAT2,  IORING_OP_CLOSE,    IORING_OP_READ,    IORING_OP_WRITE,
    IORING_OP_FSYNC, IORING_OP_RENAMEAT, IORING_OP_UNLINKAT, IORING_OP_MKDIRAT, IORING_OP_STATX};

}  // namespace

struct UringRing::State {
  io_uring ring = {};
  bool open = false;
};

UringRing::UringRing() : state_(std::make_unique<State>()) {}

UringRing::~UringRing() {
  if (state_->open) io_uring_queue_exit(&state_->ring);
}

absl::Status UringRing::Open(unsigned entries, unsigned max_workers) {
  io_uring_params params = {};
  params.flags = IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL;
  const int result = io_uring_queue_init_params(entries, &state_->ring, &params);
  if (result < 0) return ErrnoStatus(-result, "io_uring_setup");
  state_->open = true;
  RETURN_IF_ERROR(ProbeOpcodes());
  RETURN_IF_ERROR(ProbeSubmission());
  if (max_workers > 0) {
    std::array<unsigned, 2> workers = {max_workers, max_workers};
    const int set = io_uring_register_iowq_max_workers(&state_->ring, workers.data());
    if (set < 0) return ErrnoStatus(-set, "IORING_REGISTER_IOWQ_MAX_WORKERS");
  }
  return absl::OkStatus();
}

absl::Status UringRing::ProbeOpcodes() {
  io_uring_probe* probe = io_uring_get_probe_ring(&state_->ring);
  if (probe == nullptr) return ErrnoStatus(ENOSYS, "IORING_REGISTER_PROBE");
  int missing = -1;
  for (const int opcode : kNeededOpcodes) {
    if (io_uring_opcode_supported(probe, opcode) == 0) missing = opcode;
  }
  io_uring_free_probe(probe);
  if (missing < 0) return absl::OkStatus();
  return ErrnoStatus(ENOSYS, absl::StrCat("io_uring operation ", missing));
}

// A filter may allow the setup and deny io_uring_enter.
absl::Status UringRing::ProbeSubmission() {
  io_uring_prep_nop(io_uring_get_sqe(&state_->ring));
  const int submitted = io_uring_submit_and_wait(&state_->ring, 1);
  if (submitted < 0) return ErrnoStatus(-submitted, "io_uring_enter");
  io_uring_cqe* completion = nullptr;
  const int got = io_uring_peek_cqe(&state_->ring, &completion);
  if (got < 0) return ErrnoStatus(-got, "io_uring_enter");
  io_uring_cqe_seen(&state_->ring, completion);
  return absl::OkStatus();
}

absl::Status UringRing::NotifyBy(int event_fd) {
  const int result = io_uring_register_eventfd(&state_->ring, event_fd);
  if (result < 0) return ErrnoStatus(-result, "IORING_REGISTER_EVENTFD");
  return absl::OkStatus();
}

unsigned UringRing::max_in_kernel() const { return state_->ring.cq.ring_entries - 1; }

unsigned UringRing::half_full() const { return std::max(1U, state_->ring.sq.ring_entries / 2); }

unsigned UringRing::room() const { return io_uring_sq_space_left(&state_->ring); }

void UringRing::Prepare(UringSlot& slot) {
  io_uring_sqe* entry = io_uring_get_sqe(&state_->ring);
  TANDEM_CHECK(entry != nullptr);
  slot.dropped = false;
  const IoRequest& request = *slot.request;
  const char* path = request.path.c_str();
  const auto length = static_cast<unsigned>(std::min(request.length, kMaxTransferBytes));
  switch (request.kind) {
    case IoKind::kOpen:
      slot.how = OpenHow(request);
      io_uring_prep_openat2(entry, OpenDirectory(request), path, &slot.how);
      // Of a name in the cache the kernel would do an NFS open here and now, hung mount or not.
      entry->flags |= IOSQE_ASYNC;
      break;
    case IoKind::kClose:
      io_uring_prep_close(entry, request.file);
      break;
    case IoKind::kRead:
      io_uring_prep_read(entry, request.file, request.buffer, length, request.offset);
      break;
    case IoKind::kWrite:
      io_uring_prep_write(entry, request.file, request.source, length, request.offset);
      break;
    case IoKind::kSync:
      io_uring_prep_fsync(entry, request.file,
                          DataSyncIsEnough(request.file) ? IORING_FSYNC_DATASYNC : 0);
      break;
    case IoKind::kRename:
      io_uring_prep_renameat(entry, request.file, path, request.directory2, request.path2.c_str(),
                             0);
      break;
    case IoKind::kUnlink:
      io_uring_prep_unlinkat(entry, request.file, path, 0);
      break;
    case IoKind::kMkdir:
      io_uring_prep_mkdirat(entry, request.file, path, request.mode);
      break;
    case IoKind::kStat:
      io_uring_prep_statx(entry, request.file, path,
                          AT_SYMLINK_NOFOLLOW | (request.path.empty() ? AT_EMPTY_PATH : 0),
                          STATX_BASIC_STATS, &slot.stat);
      break;
    default:
      TANDEM_CHECK(false);  // not for the ring
  }
  io_uring_sqe_set_data(entry, &slot);
  if (slot.link == UringSlot::Link::kOnWell) entry->flags |= IOSQE_IO_LINK;
  if (slot.link == UringSlot::Link::kAlways) entry->flags |= IOSQE_IO_HARDLINK;
}

unsigned UringRing::prepared() const { return io_uring_sq_ready(&state_->ring); }

int UringRing::Submit() {
  const int submitted = io_uring_submit(&state_->ring);
  if (submitted > 0 && prepared() > 0) DropRestOfCutChain();
  return submitted;
}

// A submission may end in the middle of a chain (short of memory), and the kernel then takes what
// is left for operations of their own: they must not be done.
void UringRing::DropRestOfCutChain() {
  const io_uring_sq& queue = state_->ring.sq;
  for (unsigned at = *queue.khead; at != *queue.ktail; ++at) {
    io_uring_sqe* entry = &queue.sqes[at & queue.ring_mask];
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what liburing stores it as
    auto* slot = reinterpret_cast<UringSlot*>(static_cast<uintptr_t>(entry->user_data));
    if (!slot->follows) return;
    io_uring_prep_nop(entry);
    io_uring_sqe_set_data(entry, slot);
    slot->dropped = true;
  }
}

void UringRing::TakeCompletions(absl::FunctionRef<void(UringSlot&, int)> take) {
  std::array<io_uring_cqe*, kDrainBatch> batch{};
  for (;;) {
    const unsigned count = io_uring_peek_batch_cqe(&state_->ring, batch.data(), batch.size());
    if (count == 0) return;
    for (unsigned i = 0; i < count; ++i) {
      take(*static_cast<UringSlot*>(io_uring_cqe_get_data(batch[i])), batch[i]->res);
    }
    io_uring_cq_advance(&state_->ring, count);
  }
}

bool UringRing::DropOne(int64_t limit_ns) {
  __kernel_timespec limit = {.tv_sec = limit_ns / kNsPerSecond, .tv_nsec = limit_ns % kNsPerSecond};
  io_uring_cqe* completion = nullptr;
  if (io_uring_wait_cqe_timeout(&state_->ring, &completion, &limit) != 0) return false;
  io_uring_cqe_seen(&state_->ring, completion);
  return true;
}

}  // namespace tandem
