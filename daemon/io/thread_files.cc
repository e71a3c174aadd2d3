#include "daemon/io/thread_files.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "daemon/base/check.h"
#include "daemon/io/plain_calls.h"

namespace tandem {
namespace {

constexpr std::chrono::milliseconds kDestroyLimit{1000};

void Perform(PendingChain& chain) {
  for (const IoRequest& request : chain.requests) {
    chain.results.push_back(PerformPlainCall(request));
    if (EndsChain(request, chain.results.back().value)) break;
  }
  chain.results.resize(chain.requests.size(), IoResult{.value = -ECANCELED});
}

}  // namespace

struct ThreadFiles::Pool {
  explicit Pool(Executor its_executor) : executor(std::move(its_executor)) {}

  static void Work(const std::shared_ptr<Pool>& pool);
  static void StartThread(const std::shared_ptr<Pool>& pool);

  const Executor executor;
  unsigned max_threads = 1;
  // Used on the executor's thread only.
  ThreadFiles* owner = nullptr;
  std::vector<std::thread> threads;
  std::optional<boost::asio::executor_work_guard<Executor>> work;

  std::mutex mutex;  // all below
  std::condition_variable wake;
  std::condition_variable ended;
  std::deque<PendingIo*> queue;
  std::vector<PendingIo*> finished;
  unsigned running = 0;  // threads that have not ended
  unsigned idle = 0;
  bool delivery_posted = false;
  bool stopping = false;
};

void ThreadFiles::Pool::Work(const std::shared_ptr<Pool>& pool) {
  std::unique_lock lock(pool->mutex);
  for (;;) {
    ++pool->idle;
    pool->wake.wait(lock, [&] { return pool->stopping || !pool->queue.empty(); });
    --pool->idle;
    if (pool->stopping) break;
    PendingIo* io = pool->queue.front();
    pool->queue.pop_front();
    lock.unlock();
    IoResult result;
    if (io->chain == nullptr) {
      result = PerformPlainCall(io->request);
    } else {
      Perform(*io->chain);
    }
    lock.lock();
    // After a stop the executor may be gone.
    if (pool->stopping) break;
    io->result = std::move(result);
    pool->finished.push_back(io);
    if (!std::exchange(pool->delivery_posted, true)) {
      boost::asio::post(pool->executor, [pool] {
        if (pool->owner != nullptr) pool->owner->Deliver();
      });
    }
  }
  --pool->running;
  pool->ended.notify_all();
}

// Signals are for the thread that runs the executor.
void ThreadFiles::Pool::StartThread(const std::shared_ptr<Pool>& pool) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    pool->threads.emplace_back([pool] { Work(pool); });
    const std::lock_guard lock(pool->mutex);
    ++pool->running;
  } catch (const std::system_error&) {
    // The system is at its limit of threads: those that there are do the work, slower.
    TANDEM_CHECK(!pool->threads.empty());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ThreadFiles::ThreadFiles(Executor executor, unsigned threads)
    : pool_(std::make_shared<Pool>(std::move(executor))) {
  TANDEM_CHECK(threads > 0);
  pool_->max_threads = threads;
  pool_->owner = this;
}

ThreadFiles::~ThreadFiles() {
  pool_->owner = nullptr;
  pool_->work.reset();
  bool all_ended = false;
  {
    std::unique_lock lock(pool_->mutex);
    pool_->stopping = true;
    pool_->wake.notify_all();
    all_ended = pool_->ended.wait_for(lock, kDestroyLimit, [&] { return pool_->running == 0; });
  }
  for (std::thread& thread : pool_->threads) {
    if (all_ended) {
      thread.join();
    } else {
      thread.detach();
    }
  }
  if (!all_ended) pending_.Abandon();
}

void ThreadFiles::Submit(IoRequest request, IoDone done) {
  Enqueue(pending_.Add(std::move(request), std::move(done)));
}

void ThreadFiles::SubmitChain(std::vector<IoRequest> requests, ChainDone done) {
  TANDEM_CHECK(!requests.empty());
  PendingIo& io = pending_.Add({}, nullptr);
  io.chain = std::make_unique<PendingChain>(
      PendingChain{.requests = std::move(requests), .results = {}, .done = std::move(done)});
  Enqueue(io);
}

void ThreadFiles::Enqueue(PendingIo& io) {
  if (!pool_->work) pool_->work.emplace(pool_->executor);
  bool start_thread = false;
  {
    const std::lock_guard lock(pool_->mutex);
    pool_->queue.push_back(&io);
    start_thread = pool_->idle < pool_->queue.size() && pool_->threads.size() < pool_->max_threads;
  }
  pool_->wake.notify_one();
  if (start_thread) Pool::StartThread(pool_);
}

void ThreadFiles::Deliver() {
  const std::shared_ptr<Pool> pool = pool_;
  std::vector<PendingIo*> finished;
  {
    const std::lock_guard lock(pool->mutex);
    pool->delivery_posted = false;
    finished.swap(pool->finished);
  }
  std::vector<PendingIo> ready;
  ready.reserve(finished.size());
  for (PendingIo* io : finished) {
    ready.push_back(std::move(*io));
    pending_.Remove(*io);
  }
  for (PendingIo& io : ready) {
    if (io.chain != nullptr) {
      io.chain->done(std::move(io.chain->results));
    } else {
      io.done(std::move(io.result));
    }
    if (pool->owner == nullptr) return;
  }
  if (pending_.empty()) pool->work.reset();
}

}  // namespace tandem
