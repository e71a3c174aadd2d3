// How a client behaves; every field has a default that suits a sidecar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tandem/client/scheduler.h"
#include "tandem/client/types.h"

namespace tandem::client {

// PEM files of mutual TLS: the daemon takes TCP in no other way.
struct TlsFiles {
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  // The name in the daemon's certificate, if it is not the address's host.
  std::string server_name;
};

// When the library asks again by itself, always under the same request id: UNAVAILABLE;
// RESOURCE_EXHAUSTED if the daemon gave a delay; DURABILITY_NOT_REACHED if CallOptions asks for it.
// A delay the daemon gives (RetryInfo, grpc-retry-pushback-ms) counts before the back-off.
struct RetryPolicy {
  int max_attempts = 0;  // the first included; 0: until the call's timeout. 1: never again
  absl::Duration initial_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(2);
  double multiplier = 2.0;
};

struct ClientOptions {
  // "unix:/path" or "host:port"; the latter needs `tls`.
  std::string address = "unix:/run/tandem/tandem.sock";
  TlsFiles tls;
  // What a write waits for unless its CallOptions says otherwise; kUnspecified: the daemon's
  // default.
  Level level = Level::kUnspecified;
  // How long the daemon waits for that level; zero: what it is configured to (60 s).
  absl::Duration wait_timeout = absl::ZeroDuration();
  // The whole call with all its attempts.
  absl::Duration timeout = absl::Seconds(120);
  // How much later than `wait_timeout` an attempt is given up, so that the daemon's own answer,
  // which says how far the write got, arrives first.
  absl::Duration answer_grace = absl::Seconds(2);
  RetryPolicy retry;
  // Send a CRC32C with each single write, checked by the daemon before anything is written.
  bool checksum = true;
  // Bytes of one part of an upload; at most the daemon's max_write_bytes.
  size_t upload_chunk_bytes = 256 * 1024;
  // Time for retries; made by the client if null.
  std::shared_ptr<Scheduler> scheduler;
};

// What one call does differently. Zero and empty mean the client's default.
struct CallOptions {
  // A UUID, kept by a caller that wants to ask again after its own crash; else one is made.
  std::string request_id;
  Level level = Level::kUnspecified;
  absl::Duration wait_timeout = absl::ZeroDuration();
  absl::Duration timeout = absl::ZeroDuration();
  // Ask again when the level was not reached in `wait_timeout`, until `timeout` is over.
  bool keep_waiting = false;
};

struct WriteStreamOptions {
  // Writes sent and not yet answered; more wait in Send.
  size_t max_pending_writes = 1024;
  // The same in bytes of data; one write larger than this still goes, alone.
  size_t max_pending_bytes = size_t{16} << 20;
  Level level = Level::kUnspecified;
  absl::Duration wait_timeout = absl::ZeroDuration();
  // From Send to its answer, reconnections included.
  absl::Duration timeout = absl::ZeroDuration();
};

}  // namespace tandem::client
