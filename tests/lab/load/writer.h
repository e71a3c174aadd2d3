// One client thread that writes to files of its own and appends to files that all share, asks again
// under the same id until it is answered, and remembers what it was told.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tandem/client/client.h"
#include "tests/lab/load/model.h"
#include "tests/lab/load/statistics.h"

namespace tandem::lab {

struct WriterOptions {
  int number = 0;
  client::Level level = client::Level::kLocal;
  absl::Duration interval = absl::Milliseconds(100);  // between the begins of two writes
  bool appends_only = false;                          // to a ledger of its own, and to shared files
  // The roots on the servers' disks, looked at as soon as a write is answered; "": not looked at.
  std::string local_root;
  std::string corebank_root;
};

class Writer {
 public:
  // Starts the thread. `client` and `statistics` outlive it.
  Writer(WriterOptions options, client::Client& client, Statistics& statistics);
  // Gives up.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // No new write is begun.
  void Stop() { stop_ = true; }
  // The write under way is given up with its next error: its outcome may then be unknown.
  void GiveUp() { stop_ = give_up_ = true; }
  // All that was begun is answered. Only after Stop.
  [[nodiscard]] bool ended() const { return ended_; }
  // The first wrong thing that it was told; "" if there was none.
  [[nodiscard]] std::string error() const;
  // Only after it ended.
  [[nodiscard]] const Model& model() const { return model_; }

 private:
  void Run();
  [[nodiscard]] std::vector<client::Operation> Next();
  [[nodiscard]] std::string Payload(size_t most_bytes);
  [[nodiscard]] std::string AnyReceipt();
  void Send(const std::vector<client::Operation>& operations);
  void Accepted(const std::vector<client::Operation>& operations,
                const client::WriteResult& result);
  // Notes what is known of an operation: its result, or that it was accepted, or that it may be.
  void NoteShared(const client::Operation& operation, std::optional<SharedAppend::Place> place,
                  bool accepted);
  // The write ends without an answer.
  void Unanswered(const std::vector<client::Operation>& operations, bool accepted);
  void CheckTruth(const std::vector<client::Operation>& operations,
                  const client::WriteResult& result, const std::string& root);
  void Wrong(const std::string& what);

  const WriterOptions options_;
  client::Client& client_;
  Statistics& statistics_;
  std::mt19937 random_;
  Model model_;
  uint64_t writes_ = 0;
  uint64_t last_sequence_ = 0;
  mutable std::mutex mutex_;
  std::string error_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> give_up_ = false;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace tandem::lab
