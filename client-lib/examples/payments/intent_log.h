// What the application has decided to do, and what it knows to be done: its own memory over a
// crash.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "payments/transaction.h"

namespace payments {

// One file of lines, "I <transaction>" before it is sent and "A <number>" after it is acknowledged;
// each is synced before the call returns. A line that a crash tore is dropped at the next Open: it
// was never synced, so nothing was sent for it. Callable from any thread.
class IntentLog {
 public:
  // Creates `directory` and the log if they are not there. Fails if another process has it open.
  static absl::StatusOr<std::unique_ptr<IntentLog>> Open(const std::string& directory);
  ~IntentLog();
  IntentLog(const IntentLog&) = delete;
  IntentLog& operator=(const IntentLog&) = delete;

  absl::Status Intend(const Transaction& transaction);
  absl::Status Acknowledge(uint64_t number);

  // Intended and not acknowledged, in order.
  [[nodiscard]] std::map<uint64_t, Transaction> Unacknowledged() const;
  [[nodiscard]] std::map<uint64_t, Transaction> Intended() const;
  [[nodiscard]] std::set<uint64_t> Acknowledged() const;

 private:
  explicit IntentLog(int descriptor) : descriptor_(descriptor) {}

  absl::Status Load();
  absl::Status Add(const std::string& line);

  const int descriptor_;
  mutable std::mutex mutex_;
  std::map<uint64_t, Transaction> intended_;
  std::set<uint64_t> acknowledged_;
};

}  // namespace payments
