#include "daemon/io/uring_files.h"

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
#include "daemon/io/uring_ring.h"

namespace tandem {
namespace {

constexpr int64_t kDestroyLimitNs = 1'000'000'000;
constexpr std::chrono::milliseconds kSubmitRetry{1};

bool NeedsThread(IoKind kind) {
  return kind == IoKind::kTruncate || kind == IoKind::kList || kind == IoKind::kStatFs ||
         kind == IoKind::kLock;
}

struct UringChain {
  std::vector<IoResult> results;
  size_t left = 0;  // steps that have not completed
  ChainDone done;
};

// An operation, and what of it the kernel sees.
struct UringIo : UringSlot {
  PendingIo* pending = nullptr;
  std::shared_ptr<UringChain> chain;  // null: it stands alone
  size_t step = 0;
  UringIo* next = nullptr;  // of the chain
};

// What completed and is to be delivered.
struct Delivery {
  IoDone done;
  IoResult result;
  std::shared_ptr<UringChain> chain;
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
  void SubmitChain(std::vector<IoRequest> requests, ChainDone done) override;
  [[nodiscard]] absl::string_view engine() const override { return "io_uring"; }
  [[nodiscard]] size_t in_flight() const override { return pending_.size() + helpers_.in_flight(); }
  [[nodiscard]] int64_t oldest_in_flight_ns() const override {
    return std::max(pending_.OldestNs(), helpers_.oldest_in_flight_ns());
  }

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

  UringIo& NewIo(IoRequest request, IoDone done);
  void Enqueue(UringIo& head);
  void PrepareWaiting();
  void PostFlush();
  void Flush();
  void EnterKernel();
  void WaitForCompletions();
  void Drain();
  void Complete(UringIo& io, int result);

  Executor executor_;
  UringRing ring_;
  Descriptor event_;
  Timer retry_timer_;
  ThreadFiles helpers_;
  PendingList pending_;
  // Stable addresses for the kernel; free ones are used again.
  std::deque<UringIo> slots_;
  std::vector<UringIo*> free_slots_;
  std::deque<UringIo*> waiting_;  // heads of chains, for room in the ring
  std::vector<Delivery> ready_;
  unsigned in_kernel_ = 0;  // prepared or submitted, not completed
  uint64_t event_count_ = 0;
  bool flush_posted_ = false;
  bool waiting_for_event_ = false;
  bool retry_set_ = false;
  // Handlers that are still on their way look here before they touch this object.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

absl::Status UringFiles::Open(const UringOptions& options) {
  RETURN_IF_ERROR(ring_.Open(options.entries, options.max_workers));
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return ErrnoStatus(errno, "eventfd");
  boost::system::error_code error;
  event_.assign(fd, error);
  if (error) {
    close(fd);
    return ErrnoStatus(error.value(), "eventfd");
  }
  return ring_.NotifyBy(fd);
}

UringFiles::~UringFiles() {
  *alive_ = false;
  if (in_kernel_ == 0) return;
  // What was prepared but never submitted is not the kernel's.
  unsigned in_kernel = in_kernel_ - std::min(in_kernel_, ring_.prepared());
  const int64_t give_up_ns = SystemMonotonicNs() + kDestroyLimitNs;
  while (in_kernel > 0) {
    const int64_t left_ns = give_up_ns - SystemMonotonicNs();
    if (left_ns <= 0) break;
    if (ring_.DropOne(left_ns)) --in_kernel;
  }
  if (in_kernel == 0) return;
  pending_.Abandon();
  new std::deque<UringIo>(std::move(slots_));
}

UringIo& UringFiles::NewIo(IoRequest request, IoDone done) {
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
  io->request = &io->pending->request;
  return *io;
}

void UringFiles::Submit(IoRequest request, IoDone done) {
  if (NeedsThread(request.kind)) {
    helpers_.Submit(std::move(request), std::move(done));
    return;
  }
  Enqueue(NewIo(std::move(request), std::move(done)));
}

// Linked: the kernel's worker that did one step does the next, without a word to this process.
void UringFiles::SubmitChain(std::vector<IoRequest> requests, ChainDone done) {
  const bool fits = requests.size() <= std::min(ring_.half_full(), ring_.max_in_kernel());
  if (!fits || std::any_of(requests.begin(), requests.end(),
                           [](const IoRequest& request) { return NeedsThread(request.kind); })) {
    Files::SubmitChain(std::move(requests), std::move(done));
    return;
  }
  TANDEM_CHECK(!requests.empty());
  const size_t steps = requests.size();
  auto chain = std::make_shared<UringChain>(
      UringChain{.results = std::vector<IoResult>(steps), .left = steps, .done = std::move(done)});
  UringIo* head = nullptr;
  UringIo* last = nullptr;
  for (size_t step = 0; step < steps; ++step) {
    using Link = UringSlot::Link;
    const Link link = requests[step].may_fail ? Link::kAlways : Link::kOnWell;
    UringIo& io = NewIo(std::move(requests[step]), nullptr);
    io.chain = chain;
    io.step = step;
    io.link = step + 1 < steps ? link : Link::kNone;
    io.follows = step > 0;
    (last == nullptr ? head : last->next) = &io;
    last = &io;
  }
  Enqueue(*head);
}

void UringFiles::Enqueue(UringIo& head) {
  waiting_.push_back(&head);
  PrepareWaiting();
  if (ring_.prepared() >= ring_.half_full()) EnterKernel();
  PostFlush();
}

void UringFiles::PrepareWaiting() {
  while (!waiting_.empty()) {
    UringIo* head = waiting_.front();
    const auto steps = head->chain == nullptr ? 1U : static_cast<unsigned>(head->chain->left);
    if (in_kernel_ + steps > ring_.max_in_kernel() || ring_.room() < steps) return;
    waiting_.pop_front();
    for (UringIo* io = head; io != nullptr; io = io->next) ring_.Prepare(*io);
    in_kernel_ += steps;
  }
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
  while (ring_.prepared() > 0) {
    const int submitted = ring_.Submit();
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
  ring_.TakeCompletions(
      [this](UringSlot& slot, int result) { Complete(static_cast<UringIo&>(slot), result); });
  PrepareWaiting();
  if (ring_.prepared() > 0) PostFlush();
  WaitForCompletions();
  const std::shared_ptr<bool> alive = alive_;
  std::vector<Delivery> ready;
  ready.swap(ready_);
  for (Delivery& delivery : ready) {
    if (delivery.chain != nullptr) {
      delivery.chain->done(std::move(delivery.chain->results));
    } else {
      delivery.done(std::move(delivery.result));
    }
    if (!*alive) return;
  }
}

void UringFiles::Complete(UringIo& io, int result) {
  TANDEM_CHECK(in_kernel_ > 0);
  --in_kernel_;
  PendingIo& pending = *io.pending;
  const IoKind kind = pending.request.kind;
  if (result == -EINTR && kind != IoKind::kClose && io.chain == nullptr) {
    waiting_.push_front(&io);
    return;
  }
  pending.result.value = io.dropped ? -ECANCELED : result;
  if (kind == IoKind::kStat && pending.result.value >= 0) {
    pending.result.stat = ToFileStat(io.stat);
  }
  if (io.chain == nullptr) {
    ready_.push_back(
        {.done = std::move(pending.done), .result = std::move(pending.result), .chain = nullptr});
  } else {
    io.chain->results[io.step] = std::move(pending.result);
    if (--io.chain->left == 0) {
      ready_.push_back({.done = nullptr, .result = {}, .chain = std::move(io.chain)});
    }
  }
  pending_.Remove(pending);
  static_cast<UringSlot&>(io).request = nullptr;
  io.pending = nullptr;
  io.chain = nullptr;
  io.next = nullptr;
  io.link = UringSlot::Link::kNone;
  io.follows = false;
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
