// The socket pair between core and a lane, seen from one end.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "tandem/internal/v1/link.pb.h"

namespace tandem {

// Sends Out, receives In. Owner: one thread; callbacks come on its executor, never inside a call.
template <typename Out, typename In>
class Channel {
 public:
  struct Handlers {
    absl::AnyInvocable<void(In)> on_message;
    absl::AnyInvocable<void()> on_drained;                    // backlogged() turned false
    absl::AnyInvocable<void(const absl::Status&)> on_closed;  // the peer is gone; the last callback
  };

  virtual ~Channel() = default;
  // Before anything else; messages that came earlier are delivered now.
  virtual void Start(Handlers handlers) = 0;
  // Queues the message; in order, never blocks, lost if the peer goes away.
  virtual void Send(Out message) = 0;
  // The peer is not reading: keep what can be merged, send it at on_drained.
  [[nodiscard]] virtual bool backlogged() const = 0;
  // Nothing more comes or goes; on_closed is not called.
  virtual void Close() = 0;
};

}  // namespace tandem
