// Many writes in flight on one connection, sequenced in the order they were sent.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tandem/client/types.h"

namespace tandem::client {

class StreamCore;
using WriteCallback = absl::AnyInvocable<void(absl::StatusOr<WriteResult>)>;

// Callable from any thread; writes of one thread keep their order. When the connection breaks or
// the daemon restarts, the stream connects again and sends what is unanswered, in order and under
// the same ids. A write refused for itself (QUEUE_FULL, PATH_EXISTS, DURABILITY_NOT_REACHED, ...)
// is answered with that error and not repeated: those behind it may already be sequenced.
//
// Callbacks come on a thread of the library, one at a time; they must not block and must not call
// Send, Flush or Close (TrySend is allowed), nor destroy the stream.
class WriteStream {
 public:
  explicit WriteStream(std::shared_ptr<StreamCore> core);
  // Gives up what is unanswered: those callbacks come with CANCELLED.
  ~WriteStream();
  WriteStream(const WriteStream&) = delete;
  WriteStream& operator=(const WriteStream&) = delete;

  // Queues a write, a batch if there are several operations; waits while the window is full.
  // Returns its request id (`request_id` if given). `done` is called exactly once if this is OK,
  // else never. Errors: INVALID_ARGUMENT, FAILED_PRECONDITION after Close, CANCELLED.
  absl::StatusOr<std::string> Send(std::vector<Operation> operations, WriteCallback done,
                                   std::string request_id = "");
  absl::StatusOr<std::string> Send(Operation operation, WriteCallback done,
                                   std::string request_id = "");
  // The same, but RESOURCE_EXHAUSTED at once when the window is full.
  absl::StatusOr<std::string> TrySend(std::vector<Operation> operations, WriteCallback done,
                                      std::string request_id = "");

  // Waits until all that was sent is answered and its callbacks have returned; DEADLINE_EXCEEDED
  // if that takes longer.
  absl::Status Flush(absl::Duration limit = absl::InfiniteDuration());
  // Takes nothing more, then as Flush, then ends the stream.
  absl::Status Close(absl::Duration limit = absl::InfiniteDuration());

 private:
  std::shared_ptr<StreamCore> core_;
};

}  // namespace tandem::client
