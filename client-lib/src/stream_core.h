// The pipelined stream's state, over as many connections as it takes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "failure.h"
#include "state.h"
#include "tandem/client/options.h"
#include "tandem/client/write_stream.h"

namespace tandem::client {

// The daemon is going away or does not know: nothing behind this write was sequenced without it, so
// sending all that is unanswered once more keeps the order.
[[nodiscard]] bool EndsTheConnection(const Failure& failure);

// Callable from any thread. One lock; the caller's callbacks run outside it, one at a time.
class StreamCore final : public Cancellable, public std::enable_shared_from_this<StreamCore> {
 public:
  // `state` outlives this while it is registered there.
  StreamCore(ClientState* state, WriteStreamOptions options);

  // Registers with the client; the stream is closed if that is being closed.
  void Start();

  [[nodiscard]] absl::StatusOr<std::string> Send(std::vector<Operation> operations,
                                                 WriteCallback done, std::string request_id,
                                                 bool wait);
  [[nodiscard]] absl::Status Flush(absl::Duration limit);
  [[nodiscard]] absl::Status Close(absl::Duration limit);
  void Cancel() override;
  // Cancels, and returns when no callback will come any more.
  void Destroy();

 private:
  class Session;  // one connection

  struct Pending {
    std::shared_ptr<const v1::WriteStreamRequest> request;
    std::string request_id;
    WriteCallback done;
    size_t bytes = 0;
    absl::Time deadline;
    bool callers_id = false;  // an earlier life of the caller may have used it
    bool maybe_sent = false;  // an earlier connection may have carried it
    int attempts = 0;
  };
  using PendingMap = std::map<uint64_t, Pending>;  // by tag: the order they were sent in
  // An answer on its way to the caller.
  struct Answer {
    WriteCallback done;
    absl::StatusOr<WriteResult> result;
  };
  enum class Phase { kOpen, kClosing, kFinished, kCancelled };

  // All of these with the lock held.
  [[nodiscard]] bool HasRoom(size_t bytes) const;
  Pending& Enqueue(std::vector<Operation> operations, size_t bytes, WriteCallback done,
                   const std::string& request_id);
  // Opens a connection if one is needed and none is planned; sends what is next.
  void Pump();
  void PlanReconnect(const Failure& failure);
  void ArmExpiry();
  void AbandonSession();
  [[nodiscard]] bool MaybeSent(uint64_t tag, const Pending& pending) const;
  [[nodiscard]] absl::Status ErrorOf(uint64_t tag, const Pending& pending,
                                     const Failure& failure) const;
  void Settle(PendingMap::iterator it, absl::StatusOr<WriteResult> result);
  void SettleAll(const Failure& failure);
  [[nodiscard]] bool Idle() const { return pending_.empty() && undelivered_ == 0; }

  // Releases the lock: runs the answers' callbacks; leaves the registry when all is over.
  void Deliver(std::unique_lock<std::mutex> lock);
  void Expire();
  void Reconnect();

  // From the session.
  void OnSent();
  void OnAnswer(const v1::WriteStreamResponse& response);
  void OnBreak();
  void OnSessionDone(const grpc::Status& status);

  ClientState* const state_;  // only while registered_
  const WriteStreamOptions options_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Phase phase_ = Phase::kOpen;
  bool registered_ = false;
  PendingMap pending_;
  size_t pending_bytes_ = 0;
  uint64_t next_tag_ = 1;
  bool expiry_armed_ = false;

  Session* session_ = nullptr;      // the connection, until its OnDone
  uint64_t next_to_send_ = 1;       // tag, on this connection
  bool session_broken_ = false;     // nothing more is sent on it
  bool session_abandoned_ = false;  // by us, because of last_failure_
  bool writing_ = false;            // a message is on its way into the connection
  bool reconnect_planned_ = false;
  int failures_in_row_ = 0;
  Failure last_failure_;

  std::deque<Answer> answers_;
  bool delivering_ = false;
  size_t undelivered_ = 0;  // answers whose callback has not returned
};

}  // namespace tandem::client
