// Concurrent clients that write, retry until they are answered, and remember what they were told.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/integration/daemon.h"

namespace tandem {

// Owner: the test's thread. Each worker has files of its own, whose content it therefore knows
// exactly, and appends lines to ledgers that all share.
class Load {
 public:
  // Starts `workers` threads; the daemon may die and come back as often as it likes.
  explicit Load(const Daemon& daemon, int workers = 4);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Waits until every worker got answers to `count` more writes; false at once if one got a wrong
  // one.
  [[nodiscard]] bool WaitAnswers(uint64_t count);
  // Lets the writes under way be answered, then ends the workers.
  void Stop();
  // Every acknowledged write is in `tree` (a writer's root) exactly once, and nothing else is. Call
  // after Stop. "": so it is; else what is wrong.
  [[nodiscard]] std::string Check(const std::string& tree) const;

 private:
  struct Line {
    uint64_t offset = 0;
    std::string text;
  };
  struct Worker {
    int number = 0;
    std::mt19937 random;
    std::unique_ptr<client::Client> client;
    std::map<std::string, std::string> files;        // path -> content, as acknowledged
    std::map<std::string, std::vector<Line>> lines;  // ledger -> what was acknowledged
    uint64_t writes = 0;
    std::atomic<uint64_t> answers = 0;
    std::string error;
    std::atomic<bool> failed = false;  // `error` is set, the thread has ended
    std::thread thread;
  };

  void Run(Worker& worker);
  void Step(Worker& worker);
  void PutReceipt(Worker& worker);
  void RenameOne(Worker& worker);
  void DeleteOne(Worker& worker);
  void AppendOwn(Worker& worker);
  void AppendLedger(Worker& worker);
  void Batch(Worker& worker);
  // Sends until it is answered, always under one request id.
  client::WriteResult Send(Worker& worker, const std::vector<client::Operation>& operations);
  [[nodiscard]] std::string Payload(Worker& worker) const;

  std::atomic<bool> stop_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace tandem
