// A Channel over a connected stream socket: between core and a lane in production.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "daemon/base/async.h"
#include "daemon/link/channel.h"
#include "daemon/link/unique_fd.h"

namespace tandem {

// A frame is the message's length (4 bytes, little-endian) and the message. A peer that announces
// more, or whose bytes are no message, is closed with DATA_LOSS; a longer message is not sent but
// closes with RESOURCE_EXHAUSTED. A peer that went away: UNAVAILABLE, after its last messages.
inline constexpr uint32_t kMaxFrameBytes = 16U << 20;

// backlogged() while more than this is queued.
inline constexpr size_t kBacklogBytes = 1U << 20;

// Messages sent in one turn of the loop go to the kernel in one call. Destruction closes. An open
// channel keeps the io_context's run() from returning once it is started. Handlers may close or
// destroy the channel.
// Instantiated for <CoreMessage, LaneMessage> (core's end) and <LaneMessage, CoreMessage>.
template <typename Out, typename In>
[[nodiscard]] absl::StatusOr<std::unique_ptr<Channel<Out, In>>> MakeSocketChannel(Executor executor,
                                                                                  UniqueFd socket);

}  // namespace tandem
