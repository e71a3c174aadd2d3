// What rpc tells the metrics.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem {

// Every method the server has, in the order of the API.
enum class RpcMethod : uint8_t {
  kWrite,
  kWriteBatch,
  kWriteStream,
  kUpload,
  kWaitDurable,
  kGetWrite,
  kGetStatus,
  kListPending,
  kRetryPending,
  kSkipPending,
};
inline constexpr size_t kRpcMethodCount = 10;

// Callable from any thread.
class RpcMetrics {
 public:
  virtual ~RpcMetrics() = default;
  // The server began to handle a call.
  virtual void OnStarted(RpcMethod method) = 0;
  // A call was answered with this gRPC status code (0 to 16), `duration_ns` after its start. Once
  // for every OnStarted.
  virtual void OnHandled(RpcMethod method, int code, int64_t duration_ns) = 0;
};

}  // namespace tandem
