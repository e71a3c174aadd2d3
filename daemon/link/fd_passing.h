// Handing open descriptors from the supervisor to core: each message is one descriptor and a tag
// that says what it is for (a target's name).
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/base/async.h"
#include "daemon/link/unique_fd.h"

namespace tandem {

// Longest tag, in bytes; the shortest is 1.
inline constexpr size_t kMaxFdTagBytes = 255;

struct TaggedFd {
  std::string tag;
  UniqueFd fd;
};

// Two connected SOCK_SEQPACKET sockets, close-on-exec.
[[nodiscard]] absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakeControlSockets();

// Sends a copy of `fd`; the caller keeps its own. Never blocks: errno EAGAIN if the peer has not
// read what was sent before; EPIPE or ECONNRESET if it is gone.
[[nodiscard]] absl::Status SendFd(int socket, absl::string_view tag, int fd);

// The next descriptor, close-on-exec. Never blocks: errno EAGAIN if there is none now; ECONNRESET
// if the peer is gone and nothing is left; EMFILE if this process may have no more: that descriptor
// is closed. DATA_LOSS for a message without a descriptor.
[[nodiscard]] absl::StatusOr<TaggedFd> ReceiveFd(int socket);

// Core's end. Owner: the executor's thread; callbacks come on it, never inside a call.
class FdReceiver {
 public:
  struct Handlers {
    absl::AnyInvocable<void(TaggedFd)> on_fd;
    // There was no room for one. It is closed, which its other end sees.
    absl::AnyInvocable<void(const absl::Status&)> on_lost;
    // The supervisor is gone, or what it sent makes no sense; the last callback.
    absl::AnyInvocable<void(const absl::Status&)> on_closed;
  };

  virtual ~FdReceiver() = default;
  // Before anything else; what came earlier is delivered now.
  virtual void Start(Handlers handlers) = 0;
};

// Takes `socket` over. No callback comes after destruction.
[[nodiscard]] absl::StatusOr<std::unique_ptr<FdReceiver>> MakeFdReceiver(Executor executor,
                                                                         UniqueFd socket);

}  // namespace tandem
