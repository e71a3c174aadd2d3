#include "daemon/control/http_listener.h"

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <list>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using Stream = beast::basic_stream<Tcp, Executor>;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using Response = http::response<http::string_body>;

constexpr int64_t kAcceptPauseMs = 100;

absl::Status ListenError(const boost::system::error_code& error, const HttpOptions& options) {
  return ErrnoStatus(error.value(), absl::StrCat("listen on ", options.address, ":", options.port));
}

}  // namespace

// What listener and connections share. Kept alive by whatever operation is under way.
class HttpListener::Impl : public std::enable_shared_from_this<HttpListener::Impl> {
 public:
  Impl(Executor executor, HttpOptions options, std::map<std::string, HttpHandler> handlers)
      : executor_(executor),
        options_(std::move(options)),
        handlers_(std::move(handlers)),
        acceptor_(executor),
        pause_(executor) {}

  absl::Status Listen();
  void Accept();
  void Close();

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] size_t connections() const { return connections_.size(); }

 private:
  class Connection;

  void Admit(Socket socket);
  Response Answer(const http::request_header<>& request);

  Executor executor_;
  HttpOptions options_;
  std::map<std::string, HttpHandler> handlers_;
  Acceptor acceptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      pause_;
  uint16_t port_ = 0;
  bool closed_ = false;
  // Those that have waited longest for a request come first.
  std::list<std::shared_ptr<Connection>> connections_;
};

// One connection: reads a request, writes the answer, again.
class HttpListener::Impl::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Impl> impl, Socket socket)
      : impl_(std::move(impl)), stream_(std::move(socket)) {}

  void Read() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(impl_->options_.max_header_bytes));
    parser_->body_limit(impl_->options_.max_body_bytes);
    Arm();
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, size_t) { self->OnRead(error); });
  }

  void Close() {
    beast::error_code ignored;
    stream_.socket().close(ignored);
  }

  std::list<std::shared_ptr<Connection>>::iterator place;

 private:
  // For the whole request or the whole answer, not for each byte: a trickle does not keep it open.
  void Arm() { stream_.expires_after(std::chrono::milliseconds(impl_->options_.idle_timeout_ms)); }

  void OnRead(beast::error_code error) {
    if (impl_->closed_ || gone_) return;
    if (error == http::error::header_limit) return Refuse(http::status(431));
    if (error == http::error::body_limit) return Refuse(http::status::payload_too_large);
    if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return Refuse(http::status::bad_request);
    }
    if (error) return Drop();
    const bool keep_alive = parser_->get().keep_alive();
    const bool head = parser_->get().method() == http::verb::head;
    Write(impl_->Answer(parser_->get()), head, keep_alive);
  }

  void Refuse(http::status status) { Write(Response(status, 11), false, false); }

  void Write(Response response, bool head, bool keep_alive) {
    answering_ = true;
    response_ = std::move(response);
    response_.version(11);
    response_.keep_alive(keep_alive);
    response_.prepare_payload();
    if (head) response_.body().clear();  // the length stays that of GET's answer
    Arm();
    auto done = [self = shared_from_this(), keep_alive](beast::error_code error, size_t) {
      self->OnWritten(error, keep_alive);
    };
    if (head) {
      // A serializer told to split stops after the header.
      head_serializer_.emplace(response_);
      http::async_write_header(stream_, *head_serializer_, std::move(done));
    } else {
      http::async_write(stream_, response_, std::move(done));
    }
  }

  void OnWritten(beast::error_code error, bool keep_alive) {
    if (impl_->closed_ || gone_) return;
    answering_ = false;
    if (error || !keep_alive) return Drop();
    impl_->connections_.splice(impl_->connections_.end(), impl_->connections_, place);
    Read();
  }

  void Drop() {
    beast::error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    Close();
    if (!std::exchange(gone_, true)) impl_->connections_.erase(place);
  }

  friend class Impl;

  std::shared_ptr<Impl> impl_;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Response response_;
  std::optional<http::response_serializer<http::string_body>> head_serializer_;
  bool answering_ = false;
  bool gone_ = false;
};

absl::Status HttpListener::Impl::Listen() {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options_.address, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat("not a numeric IP address: ", options_.address));
  }
  const Tcp::endpoint endpoint(address, options_.port);
  if (acceptor_.open(endpoint.protocol(), error)) return ListenError(error, options_);
  if (acceptor_.set_option(Tcp::acceptor::reuse_address(true), error)) {
    return ListenError(error, options_);
  }
  if (acceptor_.bind(endpoint, error)) return ListenError(error, options_);
  if (acceptor_.listen(asio::socket_base::max_listen_connections, error)) {
    return ListenError(error, options_);
  }
  port_ = acceptor_.local_endpoint(error).port();
  if (error) return ListenError(error, options_);
  return absl::OkStatus();
}

void HttpListener::Impl::Accept() {
  acceptor_.async_accept(executor_,
                         [self = shared_from_this()](beast::error_code error, Socket socket) {
                           if (self->closed_) return;
                           if (!error) {
                             self->Admit(std::move(socket));
                             return self->Accept();
                           }
                           // Out of descriptors, most likely: some will be free again.
                           self->pause_.expires_after(std::chrono::milliseconds(kAcceptPauseMs));
                           self->pause_.async_wait([self](beast::error_code) {
                             if (!self->closed_) self->Accept();
                           });
                         });
}

void HttpListener::Impl::Admit(Socket socket) {
  if (connections_.size() >= options_.max_connections) {
    // Idle connections must not lock the probes out.
    const auto idle = std::find_if(connections_.begin(), connections_.end(),
                                   [](const auto& c) { return !c->answering_; });
    const std::shared_ptr<Connection> oldest =
        idle != connections_.end() ? *idle : connections_.front();
    oldest->Drop();
  }
  auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket));
  connection->place = connections_.insert(connections_.end(), connection);
  connection->Read();
}

Response HttpListener::Impl::Answer(const http::request_header<>& request) {
  Response response;
  response.set(http::field::cache_control, "no-store");
  const beast::string_view target = request.target();
  const auto handler =
      handlers_.find(std::string(target.substr(0, std::min(target.find('?'), target.size()))));
  HttpReply reply;
  if (handler == handlers_.end()) {
    reply = {.status = 404, .body = "not found\n"};
  } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
    reply = {.status = 405, .body = "only GET and HEAD\n"};
    response.set(http::field::allow, "GET, HEAD");
  } else {
    reply = handler->second();
  }
  response.result(reply.status);
  response.set(http::field::content_type, reply.content_type);
  response.body() = std::move(reply.body);
  return response;
}

void HttpListener::Impl::Close() {
  closed_ = true;
  beast::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (const auto& connection : connections_) connection->Close();
  connections_.clear();
  handlers_.clear();
}

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(
    Executor executor, const HttpOptions& options, std::map<std::string, HttpHandler> handlers) {
  auto impl = std::make_shared<Impl>(executor, options, std::move(handlers));
  RETURN_IF_ERROR(impl->Listen());
  impl->Accept();
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(impl)));
}

HttpListener::HttpListener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpListener::~HttpListener() { impl_->Close(); }

uint16_t HttpListener::port() const { return impl_->port(); }
size_t HttpListener::connections() const { return impl_->connections(); }

}  // namespace tandem
