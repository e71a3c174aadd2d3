#include "daemon/io/uring_files.h"

#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
#include <deque>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/io/pending_io.h"
#include "daemon/io/plain_calls.h"
#include "daemon/io/thread_files.h"

namespace tandem {
namespace {

constexpr int64_t kDestroyLimitNs = 1'000'000'000;
constexpr std::chrono::milliseconds kSubmitRetry{1};
constexpr unsigned kDrainBatch = 64;

constexpr std::array kNeededOpcodes = {
    IORING_OP_NOP,   IORING_OP_OPENAT2,  IORING_OP_CLOSE,    IORING_OP_READ,    IORING_OP_WRITE,
    IORING_OP_FSYNC, IORING_OP_RENAMEAT, IORING_OP_UNLINKAT, IORING_OP_MKDIRAT, IORING_OP_STATX};

// Sets up the ring and makes sure that it can do all that is asked of it later.
class Ring {
 public:
  Ring() = default;
  ~Ring() {
    if (open_) io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  absl::Status Open(const UringOptions& options);
  io_uring* get() { return &ring_; }

 private:
  absl::Status ProbeOpcodes();
  absl::Status ProbeSubmission();

  io_uring ring_ = {};
  bool open_ = false;
};

absl::Status Ring::Open(const UringOptions& options) {
  io_uring_params params = {};
  params.flags = IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL;
  const int result = io_uring_queue_init_params(options.entries, &ring_, &params);
  if (result < 0) return ErrnoStatus(-result, "io_uring_setup");
  open_ = true;
  RETURN_IF_ERROR(ProbeOpcodes());
  RETURN_IF_ERROR(ProbeSubmission());
  if (options.max_workers > 0) {
    std::array<unsigned, 2> workers = {options.max_workers, options.max_workers};
    const int set = io_uring_register_iowq_max_workers(&ring_, workers.data());
    if (set < 0) return ErrnoStatus(-set, "IORING_REGISTER_IOWQ_MAX_WORKERS");
  }
  return absl::OkStatus();
}

absl::Status Ring::ProbeOpcodes() {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
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
absl::Status Ring::ProbeSubmission() {
  io_uring_prep_nop(io_uring_get_sqe(&ring_));
  const int submitted = io_uring_submit_and_wait(&ring_, 1);
  if (submitted < 0) return ErrnoStatus(-submitted, "io_uring_enter");
  io_uring_cqe* completion = nullptr;
  const int got = io_uring_peek_cqe(&ring_, &completion);
  if (got < 0) return ErrnoStatus(-got, "io_uring_enter");
  io_uring_cqe_seen(&ring_, completion);
  return absl::OkStatus();
}

bool NeedsThread(IoKind kind) {
  return kind == IoKind::kTruncate || kind == IoKind::kList || kind == IoKind::kStatFs ||
         kind == IoKind::kLock;
}

// One operation and what its submission points to.
struct UringIo {
  PendingIo* pending = nullptr;
  open_how how = {};
  struct statx stat = {};
};

// Owner: the thread that runs the executor.
class UringFiles final : public Files {
 public:
  UringFiles(Executor executor, const UringOptions& options)
      : executor_(executor),
        event_(executor),
        retry_timer_(executor),
        helpers_(executor, options.helper_threads) {}
  ~UringFiles() override;
  UringFiles(const UringFiles&) = delete;
  UringFiles& operator=(const UringFiles&) = delete;

  absl::Status Open(const UringOptions& options);
  void Submit(IoRequest request, IoDone done) override;
  [[nodiscard]] absl::string_view engine() const override { return "io_uring"; }
  [[nodiscard]] size_t in_flight() const override { return pending_.size() + helpers_.in_flight(); }
  [[nodiscard]] int64_t oldest_in_flight_ns() const override {
    return std::max(pending_.OldestNs(), helpers_.oldest_in_flight_ns());
  }

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

  void Prepare(UringIo& io, io_uring_sqe* entry);
  void PrepareWaiting();
  void PostFlush();
  void Flush();
  void EnterKernel();
  void WaitForCompletions();
  void Drain();
  void Complete(UringIo& io, int result);

  Executor executor_;
  Ring ring_;
  Descriptor event_;
  Timer retry_timer_;
  ThreadFiles helpers_;
  PendingList pending_;
  // Stable addresses for the kernel; free ones are used again.
  std::deque<UringIo> slots_;
  std::vector<UringIo*> free_slots_;
  std::deque<UringIo*> waiting_;  // for room in the ring
  std::vector<std::pair<IoDone, IoResult>> ready_;
  unsigned in_kernel_ = 0;  // prepared or submitted, not completed
  unsigned max_in_kernel_ = 0;
  unsigned half_full_ = 0;
  uint64_t event_count_ = 0;
  bool flush_posted_ = false;
  bool waiting_for_event_ = false;
  bool retry_set_ = false;
  // Handlers that are still on their way look here before they touch this object.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

absl::Status UringFiles::Open(const UringOptions& options) {
  RETURN_IF_ERROR(ring_.Open(options));
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return ErrnoStatus(errno, "eventfd");
  boost::system::error_code error;
  event_.assign(fd, error);
  if (error) {
    close(fd);
    return ErrnoStatus(error.value(), "eventfd");
  }
  const int result = io_uring_register_eventfd(ring_.get(), fd);
  if (result < 0) return ErrnoStatus(-result, "IORING_REGISTER_EVENTFD");
  const unsigned entries = ring_.get()->sq.ring_entries;
  max_in_kernel_ = std::min(ring_.get()->cq.ring_entries, 2 * entries) - 1;
  half_full_ = std::max(1U, entries / 2);
  return absl::OkStatus();
}

UringFiles::~UringFiles() {
  *alive_ = false;
  if (in_kernel_ == 0) return;
  // What was prepared but never submitted is not the kernel's.
  unsigned in_kernel = in_kernel_ - std::min(in_kernel_, io_uring_sq_ready(ring_.get()));
  const int64_t give_up_ns = SystemMonotonicNs() + kDestroyLimitNs;
  while (in_kernel > 0) {
    const int64_t left_ns = give_up_ns - SystemMonotonicNs();
    if (left_ns <= 0) break;
    __kernel_timespec limit = {.tv_sec = 0, .tv_nsec = std::min<int64_t>(left_ns, 999'999'999)};
    io_uring_cqe* completion = nullptr;
    if (io_uring_wait_cqe_timeout(ring_.get(), &completion, &limit) == 0) {
      io_uring_cqe_seen(ring_.get(), completion);
      --in_kernel;
    }
  }
  if (in_kernel == 0) return;
  pending_.Abandon();
  new std::deque<UringIo>(std::move(slots_));
}

void UringFiles::Submit(IoRequest request, IoDone done) {
  if (NeedsThread(request.kind)) {
    helpers_.Submit(std::move(request), std::move(done));
    return;
  }
  // Beyond it the kernel would take the offset for "where the file stands".
  TANDEM_CHECK(request.offset <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  UringIo* io = nullptr;
  if (free_slots_.empty()) {
    io = &slots_.emplace_back();
  } else {
    io = free_slots_.back();
    free_slots_.pop_back();
  }
  io->pending = &pending_.Add(std::move(request), std::move(done));
  waiting_.push_back(io);
  PrepareWaiting();
  if (io_uring_sq_ready(ring_.get()) >= half_full_) EnterKernel();
  PostFlush();
}

void UringFiles::PrepareWaiting() {
  while (!waiting_.empty() && in_kernel_ < max_in_kernel_) {
    io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
    if (entry == nullptr) return;
    Prepare(*waiting_.front(), entry);
    io_uring_sqe_set_data(entry, waiting_.front());
    waiting_.pop_front();
    ++in_kernel_;
  }
}

void UringFiles::Prepare(UringIo& io, io_uring_sqe* entry) {
  const IoRequest& request = io.pending->request;
  const char* path = request.path.c_str();
  const auto length = static_cast<unsigned>(std::min(request.length, kMaxTransferBytes));
  switch (request.kind) {
    case IoKind::kOpen:
      io.how = OpenHow(request);
      io_uring_prep_openat2(entry, OpenDirectory(request), path, &io.how);
      return;
    case IoKind::kClose:
      io_uring_prep_close(entry, request.file);
      return;
    case IoKind::kRead:
      io_uring_prep_read(entry, request.file, request.buffer, length, request.offset);
      return;
    case IoKind::kWrite:
      io_uring_prep_write(entry, request.file, request.source, length, request.offset);
      return;
    case IoKind::kSync:
      io_uring_prep_fsync(entry, request.file,
                          DataSyncIsEnough(request.file) ? IORING_FSYNC_DATASYNC : 0);
      return;
    case IoKind::kRename:
      io_uring_prep_renameat(entry, request.file, path, request.directory2, request.path2.c_str(),
                             0);
      return;
    case IoKind::kUnlink:
      io_uring_prep_unlinkat(entry, request.file, path, 0);
      return;
    case IoKind::kMkdir:
      io_uring_prep_mkdirat(entry, request.file, path, request.mode);
      return;
    case IoKind::kStat:
      io_uring_prep_statx(entry, request.file, path,
                          AT_SYMLINK_NOFOLLOW | (request.path.empty() ? AT_EMPTY_PATH : 0),
                          STATX_BASIC_STATS, &io.stat);
      return;
    case IoKind::kTruncate:
    case IoKind::kList:
    case IoKind::kStatFs:
    case IoKind::kLock:
      break;
  }
  TANDEM_CHECK(!NeedsThread(request.kind));
}

void UringFiles::PostFlush() {
  if (std::exchange(flush_posted_, true)) return;
  boost::asio::post(executor_, [this, alive = alive_] {
    if (!*alive) return;
    flush_posted_ = false;
    Flush();
  });
}

// What completed inside the submission (cached reads, say) is delivered at once.
void UringFiles::Flush() {
  EnterKernel();
  Drain();
}

void UringFiles::EnterKernel() {
  while (io_uring_sq_ready(ring_.get()) > 0) {
    const int submitted = io_uring_submit(ring_.get());
    if (submitted > 0) {
      PrepareWaiting();
      continue;
    }
    if (submitted == -EINTR) continue;
    // Short of memory: what is prepared stays in the ring for the next attempt.
    TANDEM_CHECK(submitted == 0 || submitted == -EAGAIN || submitted == -EBUSY ||
                 submitted == -ENOMEM);
    if (std::exchange(retry_set_, true)) return;
    retry_timer_.expires_after(kSubmitRetry);
    retry_timer_.async_wait([this, alive = alive_](boost::system::error_code) {
      if (!*alive) return;
      retry_set_ = false;
      Flush();
    });
    return;
  }
}

// Only while there is something to wait for, so that it does not keep the io_context running.
void UringFiles::WaitForCompletions() {
  if (in_kernel_ == 0 || std::exchange(waiting_for_event_, true)) return;
  event_.async_read_some(boost::asio::buffer(&event_count_, sizeof(event_count_)),
                         [this, alive = alive_](boost::system::error_code, size_t) {
                           if (!*alive) return;
                           waiting_for_event_ = false;
                           Drain();
                         });
}

void UringFiles::Drain() {
  std::array<io_uring_cqe*, kDrainBatch> batch{};
  for (;;) {
    const unsigned count = io_uring_peek_batch_cqe(ring_.get(), batch.data(), batch.size());
    if (count == 0) break;
    for (unsigned i = 0; i < count; ++i) {
      Complete(*static_cast<UringIo*>(io_uring_cqe_get_data(batch[i])), batch[i]->res);
    }
    io_uring_cq_advance(ring_.get(), count);
  }
  PrepareWaiting();
  if (io_uring_sq_ready(ring_.get()) > 0) PostFlush();
  WaitForCompletions();
  const std::shared_ptr<bool> alive = alive_;
  std::vector<std::pair<IoDone, IoResult>> ready;
  ready.swap(ready_);
  for (auto& [done, result] : ready) {
    done(std::move(result));
    if (!*alive) return;
  }
}

void UringFiles::Complete(UringIo& io, int result) {
  TANDEM_CHECK(in_kernel_ > 0);
  --in_kernel_;
  PendingIo& pending = *io.pending;
  const IoKind kind = pending.request.kind;
  if (result == -EINTR && kind != IoKind::kClose) {
    waiting_.push_front(&io);
    return;
  }
  pending.result.value = result;
  if (kind == IoKind::kStat && result >= 0) pending.result.stat = ToFileStat(io.stat);
  ready_.emplace_back(std::move(pending.done), std::move(pending.result));
  pending_.Remove(pending);
  io.pending = nullptr;
  free_slots_.push_back(&io);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Files>> MakeUringFiles(Executor executor,
                                                      const UringOptions& options) {
  auto files = std::make_unique<UringFiles>(std::move(executor), options);
  RETURN_IF_ERROR(files->Open(options));
  return files;
}

}  // namespace tandem
