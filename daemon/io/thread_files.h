// Files by plain calls in a bounded pool of threads: for where io_uring is denied, and for what
// io_uring cannot do.
#pragma once

#include <memory>

#include "daemon/io/files.h"
#include "daemon/io/pending_io.h"

namespace tandem {

// The io_context must accept posts from other threads (any concurrency hint but UNSAFE). An
// operation under way keeps its run() from returning. Threads start as they are needed.
// Destruction waits a moment for operations under way; those that hang keep their thread and
// their memory, and never call back.
class ThreadFiles final : public Files {
 public:
  // At most `threads` (at least 1) calls at once; more wait in a queue.
  ThreadFiles(Executor executor, unsigned threads);
  ~ThreadFiles() override;
  ThreadFiles(const ThreadFiles&) = delete;
  ThreadFiles& operator=(const ThreadFiles&) = delete;

  void Submit(IoRequest request, IoDone done) override;
  void SubmitChain(std::vector<IoRequest> requests, ChainDone done) override;
  [[nodiscard]] absl::string_view engine() const override { return "threads"; }
  [[nodiscard]] size_t in_flight() const override { return pending_.size(); }
  [[nodiscard]] int64_t oldest_in_flight_ns() const override { return pending_.OldestNs(); }

 private:
  struct Pool;

  void Enqueue(PendingIo& io);
  void Deliver();

  // Shared with the threads, which may outlive this object in a call that hangs.
  std::shared_ptr<Pool> pool_;
  PendingList pending_;
};

}  // namespace tandem
