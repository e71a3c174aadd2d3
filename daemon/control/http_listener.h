// A small HTTP/1.1 listener for probes and metrics. It knows neither: what it answers is injected.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "daemon/base/async.h"

namespace tandem {

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Makes the answer to GET (and HEAD) of one path. Called on the listener's executor; must not
// block.
using HttpHandler = absl::AnyInvocable<HttpReply()>;

struct HttpOptions {
  std::string address = "127.0.0.1";  // numeric, IPv4 or IPv6
  uint16_t port = 0;                  // 0: the system chooses
  int64_t idle_timeout_ms = 5'000;    // for a whole request to arrive, and for an answer to leave
  size_t max_connections = 64;        // one more, and the one that waits longest for a request goes
  size_t max_header_bytes = 8'192;
  size_t max_body_bytes = 1'024;  // of a request; it is ignored
};

// Owner: the executor's thread; call it and destroy it there.
class HttpListener {
 public:
  // Binds and serves. `handlers`: by path, "/metrics". Errors: an address that is none
  // (INVALID_ARGUMENT), or the system's reason not to listen.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Start(
      Executor executor, const HttpOptions& options, std::map<std::string, HttpHandler> handlers);
  // Closes the listener and every connection.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // The port it listens on.
  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] size_t connections() const;

 private:
  class Impl;
  explicit HttpListener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace tandem
