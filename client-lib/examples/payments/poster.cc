#include "payments/poster.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace payments {
namespace {

namespace client = tandem::client;

constexpr absl::Duration kPause = absl::Milliseconds(100);

// What the threads share.
class Posting {
 public:
  Posting(client::Client& client, IntentLog& log, const PostOptions& options)
      : client_(client), log_(log), options_(options), start_(std::chrono::steady_clock::now()) {
    for (const auto& [number, transaction] : log.Unacknowledged()) again_.push_back(transaction);
    const std::map<uint64_t, Transaction> intended = log.Intended();
    last_ = intended.empty() ? 0 : intended.rbegin()->first;
  }

  // Of one thread: until there is nothing to do or something failed for good.
  void Run() {
    Transaction transaction;
    while (Next(&transaction)) {
      if (absl::Status status = Send(transaction); !status.ok()) {
        Fail(status);
        return;
      }
    }
  }

  absl::Status status() {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  bool Next(Transaction* transaction) {
    std::unique_lock lock(mutex_);
    if (!status_.ok()) return false;
    if (next_again_ < again_.size()) {
      *transaction = again_[next_again_++];
      return true;
    }
    if (options_.resume_only || last_ >= options_.count) return false;
    transaction->number = ++last_;
    const uint64_t begun = begun_++;
    lock.unlock();
    if (options_.rate > 0) {
      std::this_thread::sleep_until(
          start_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                       std::chrono::duration<double>(static_cast<double>(begun) / options_.rate)));
    }
    transaction->request_id = client_.NewRequestId();
    transaction->day = absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone());
    transaction->cents = 100 + transaction->number * 37 % 100'000;
    // Written down and synced before anything is sent: a crash from here on asks again with this
    // id.
    if (absl::Status status = log_.Intend(*transaction); !status.ok()) {
      Fail(status);
      return false;
    }
    return true;
  }

  absl::Status Send(const Transaction& transaction) {
    for (;;) {
      const absl::StatusOr<client::WriteResult> result =
          client_.WriteBatch(transaction.Operations(), {.request_id = transaction.request_id});
      if (result.ok()) return log_.Acknowledge(transaction.number);
      // The library's own retries are over. The id stays the same, so going on is safe.
      if (!client::DetailOf(result.status()).retryable) return result.status();
      absl::SleepFor(kPause);
    }
  }

  void Fail(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = status;
  }

  client::Client& client_;
  IntentLog& log_;
  const PostOptions options_;
  const std::chrono::steady_clock::time_point start_;
  std::vector<Transaction> again_;
  std::mutex mutex_;
  size_t next_again_ = 0;
  uint64_t last_ = 0;
  uint64_t begun_ = 0;
  absl::Status status_;
};

}  // namespace

absl::Status Post(client::Client& client, IntentLog& log, const PostOptions& options) {
  Posting posting(client, log, options);
  std::vector<std::thread> threads;
  for (int i = 0; i < options.threads; ++i) threads.emplace_back([&posting] { posting.Run(); });
  for (std::thread& thread : threads) thread.join();
  return posting.status();
}

absl::StatusOr<std::string> WhereIs(client::Client& client, const Transaction& transaction) {
  const absl::StatusOr<client::WriteInfo> info = client.GetWrite(transaction.request_id);
  if (!info.ok()) return info.status();
  for (const client::TargetOutcome& target : info->write.targets) {
    if (target.target != "corebank") continue;
    return absl::StrCat("payment ", transaction.number, ": CoreBank ",
                        TargetStateName(target.state));
  }
  return absl::StrCat("payment ", transaction.number, ": ", LevelName(info->write.level_reached));
}

}  // namespace payments
