// A client of tandemd: writes files to every target through the daemon beside the application.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tandem/client/error.h"
#include "tandem/client/options.h"
#include "tandem/client/request_id.h"
#include "tandem/client/types.h"
#include "tandem/client/upload.h"
#include "tandem/client/write_stream.h"

namespace tandem::client {

class ClientState;

// Callable from any thread; one client and its one connection serve a whole process.
//
// Every call has a request id, retries by itself under that id (RetryPolicy), and fails with a
// status whose DetailOf says why, how far the write got and whether its outcome is unknown.
// An OK of a write means: the level asked for is reached.
//
// Asynchronous calls return at once; their callback comes exactly once, on a thread of the library,
// never inside the call. It must not block and must not destroy the client.
class Client {
 public:
  using InfoCallback = absl::AnyInvocable<void(absl::StatusOr<WriteInfo>)>;
  using StatusCallback = absl::AnyInvocable<void(absl::StatusOr<DaemonStatus>)>;

  // Checks the options and reads the TLS files; connects at the first call. INVALID_ARGUMENT,
  // NOT_FOUND (a TLS file).
  static absl::StatusOr<std::unique_ptr<Client>> Connect(ClientOptions options);

  // Cancels what is under way (callbacks come with CANCELLED) and waits for it.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits until the daemon is reached and says that it serves; UNAVAILABLE with the last reason if
  // it takes longer than `limit`.
  absl::Status WaitReady(absl::Duration limit);

  // A new request id, for a caller that writes it down before it sends.
  [[nodiscard]] std::string NewRequestId();

  absl::StatusOr<WriteResult> Write(Operation operation, const CallOptions& options = {});
  void WriteAsync(Operation operation, const CallOptions& options, WriteCallback done);
  // As Write, for each kind (see Operation).
  absl::StatusOr<WriteResult> Put(std::string path, std::string data,
                                  const CallOptions& options = {});
  absl::StatusOr<WriteResult> Append(std::string path, std::string data,
                                     const CallOptions& options = {});
  absl::StatusOr<WriteResult> WriteAt(std::string path, uint64_t offset, std::string data,
                                      const CallOptions& options = {});
  absl::StatusOr<WriteResult> Truncate(std::string path, uint64_t size,
                                       const CallOptions& options = {});
  absl::StatusOr<WriteResult> Delete(std::string path, const CallOptions& options = {});
  absl::StatusOr<WriteResult> Rename(std::string path, std::string new_path,
                                     const CallOptions& options = {});

  // All or none; each target applies them in their order.
  absl::StatusOr<WriteResult> WriteBatch(std::vector<Operation> operations,
                                         const CallOptions& options = {});
  void WriteBatchAsync(std::vector<Operation> operations, const CallOptions& options,
                       WriteCallback done);

  // A file of any size, visible on the targets when it is complete. A broken attempt starts again
  // from the first byte, under the same id. DATA_LOSS if the daemon journaled other bytes.
  absl::StatusOr<WriteResult> Upload(UploadSpec spec, std::unique_ptr<UploadSource> source,
                                     const CallOptions& options = {});
  void UploadAsync(UploadSpec spec, std::unique_ptr<UploadSource> source,
                   const CallOptions& options, WriteCallback done);
  absl::StatusOr<WriteResult> UploadFile(UploadSpec spec, std::string file,
                                         const CallOptions& options = {});

  // Waits until a write has reached a level. Of the results only the sequence is set.
  absl::StatusOr<WriteResult> WaitDurable(WriteKey key, const CallOptions& options = {});
  void WaitDurableAsync(WriteKey key, const CallOptions& options, WriteCallback done);

  // How far did a write get? Answers at once; NOT_FOUND (WRITE_NOT_FOUND) if it is not known.
  absl::StatusOr<WriteInfo> GetWrite(WriteKey key, const CallOptions& options = {});
  void GetWriteAsync(WriteKey key, const CallOptions& options, InfoCallback done);

  absl::StatusOr<DaemonStatus> GetStatus(const CallOptions& options = {});
  void GetStatusAsync(const CallOptions& options, StatusCallback done);

  // For operators. What targets lack, a page of at most `page_size` (0: 100, at most 1000) of one
  // target or of all ("").
  absl::StatusOr<PendingList> ListPending(std::string target, uint32_t page_size = 0,
                                          std::string page_token = "",
                                          const CallOptions& options = {});
  // Tries parked writes again at once; waits for what becomes of it, as wait_timeout says (10 s).
  // Neither this nor SkipPending is tried again by itself. PENDING_NOT_FOUND, TARGET_UNAVAILABLE.
  absl::StatusOr<PendingResult> RetryPending(const PendingChoice& choice,
                                             const CallOptions& options = {});
  // Gives parked writes up on this target: their paths are DIVERGED there until they are written as
  // a whole or deleted. `choice` must name a path or sequences. `reason` is kept; `requested_by`,
  // too.
  absl::StatusOr<PendingResult> SkipPending(const PendingChoice& choice, std::string reason,
                                            std::string requested_by,
                                            const CallOptions& options = {});

  // Close or destroy the stream before the client; else its writes end with CANCELLED.
  [[nodiscard]] std::unique_ptr<WriteStream> OpenWriteStream(WriteStreamOptions options = {});

 private:
  explicit Client(std::unique_ptr<ClientState> state);

  std::unique_ptr<ClientState> state_;
};

}  // namespace tandem::client
