#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "daemon/control/http_listener.h"
#include "daemon/control/probes.h"

namespace tandem {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A plain TCP connection, so that the tests see every byte.
class Connection {
 public:
  explicit Connection(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(const std::string& text) { (void)!send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }

  // Reads until the other side closes.
  std::string ReadToEnd() {
    std::string all;
    for (char buffer[4096];;) {
      const ssize_t count = recv(fd_, buffer, sizeof(buffer), 0);
      if (count <= 0) return all;
      all.append(buffer, static_cast<size_t>(count));
    }
  }

  // Reads until `end` has come; what follows stays.
  std::string ReadUntil(const std::string& end) {
    std::string all;
    while (all.find(end) == std::string::npos) {
      char byte = 0;
      if (recv(fd_, &byte, 1, 0) != 1) break;
      all.push_back(byte);
    }
    return all;
  }

 private:
  int fd_;
};

class ControlTest : public testing::Test {
 protected:
  void Start() {
    auto handlers = ProbeHandlers({.ready = [this] { return ready_; },
                                   .started = [this] { return started_; },
                                   .metrics = [this] { return metrics_; },
                                   .metrics_content_type = "text/plain; version=0.0.4"});
    auto listener = HttpListener::Start(io_.get_executor(), options_, std::move(handlers));
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    thread_ = std::thread([this] { io_.run(); });
  }

  ~ControlTest() override {
    boost::asio::post(io_, [this] { listener_.reset(); });
    work_.reset();
    if (thread_.joinable()) thread_.join();
  }

  std::string Ask(const std::string& request) {
    Connection connection(listener_->port());
    connection.Send(request);
    return connection.ReadToEnd();
  }
  std::string Get(const std::string& path) {
    return Ask("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  size_t Connections() {
    std::promise<size_t> count;
    boost::asio::post(io_, [&] { count.set_value(listener_->connections()); });
    return count.get_future().get();
  }
  void UntilConnections(size_t count) {
    while (Connections() != count) std::this_thread::yield();
  }

  HttpOptions options_;
  // Set before Start.
  absl::Status ready_;
  absl::Status started_;
  std::string metrics_ = "up 1\n";

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<Executor> work_{io_.get_executor()};
  std::unique_ptr<HttpListener> listener_;
  std::thread thread_;
};

TEST_F(ControlTest, AnswersProbesAndMetrics) {
  Start();
  EXPECT_NE(listener_->port(), 0);
  for (const char* path : {"/livez", "/readyz", "/startupz", "/readyz?verbose=1"}) {
    const std::string answer = Get(path);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n")) << path;
    EXPECT_THAT(answer, HasSubstr("\r\n\r\nok\n"));
  }
  const std::string metrics = Get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4\r\n"));
  EXPECT_THAT(metrics, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(metrics, HasSubstr("\r\n\r\nup 1\n"));
}

TEST_F(ControlTest, NotReadyIs503WithTheReasonAndTheLoopIsStillAlive) {
  ready_ = absl::UnavailableError("the journal is full");
  started_ = absl::UnavailableError("recovering");
  Start();
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Get("/readyz"), HasSubstr("the journal is full"));
  EXPECT_THAT(Get("/startupz"), HasSubstr("recovering"));
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ControlTest, HeadIsGetWithoutTheBody) {
  Start();
  Connection connection(listener_->port());
  connection.Send("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length: 5\r\n"));
  // The next byte is already the next answer's.
  connection.Send("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(connection.ReadToEnd(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ControlTest, UnknownPathsAre404AndOtherMethods405) {
  Start();
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("/metrics/x"), StartsWith("HTTP/1.1 404 "));
  const std::string answer =
      Ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(ControlTest, AConnectionServesManyRequestsAlsoWhenTheyComeAtOnce) {
  Start();
  const std::string request = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
  Connection connection(listener_->port());
  connection.Send(request + request);
  EXPECT_THAT(connection.ReadUntil("ok\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(connection.ReadUntil("ok\n"), StartsWith("HTTP/1.1 200 "));
  connection.Send("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_THAT(connection.ReadToEnd(), HasSubstr("ok\n"));  // closed: HTTP/1.0
}

TEST_F(ControlTest, GarbageIs400AndTooMuchIsRefused) {
  Start();
  EXPECT_THAT(Ask("\x16\x03\x01 hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("GET /livez HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask("POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  UntilConnections(0);
}

TEST_F(ControlTest, AClientThatTricklesIsCutOffAndDelaysNobody) {
  options_.idle_timeout_ms = 200;
  Start();
  Connection silent(listener_->port());
  Connection slow(listener_->port());
  slow.Send("GET /livez HTTP/1.1\r\n");
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
  // A byte now and then does not help.
  std::atomic<bool> over = false;
  std::thread trickle([&] {
    while (!over) {
      slow.Send("X");
      std::this_thread::yield();
    }
  });
  EXPECT_THAT(slow.ReadToEnd(), Not(HasSubstr("200")));
  over = true;
  trickle.join();
  EXPECT_EQ(silent.ReadToEnd(), "");
  UntilConnections(0);
}

TEST_F(ControlTest, IdleConnectionsNeverLockAProbeOut) {
  options_.max_connections = 4;
  options_.idle_timeout_ms = 3'600'000;
  Start();
  std::vector<std::unique_ptr<Connection>> idle;
  for (int i = 0; i < 10; ++i) idle.push_back(std::make_unique<Connection>(listener_->port()));
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
  EXPECT_LE(Connections(), 4u);
  EXPECT_EQ(idle.front()->ReadToEnd(), "");  // the oldest had to go
  // Of those that stayed, the youngest still works.
  idle.back()->Send("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_THAT(idle.back()->ReadToEnd(), HasSubstr("200"));
}

TEST_F(ControlTest, ClosesEverythingAtItsEnd) {
  Start();
  Connection open(listener_->port());
  UntilConnections(1);
  boost::asio::post(io_, [this] { listener_.reset(); });
  EXPECT_EQ(open.ReadToEnd(), "");
}

TEST_F(ControlTest, SaysWhyItCannotListen) {
  Start();
  HttpOptions taken = {.port = listener_->port()};
  EXPECT_FALSE(HttpListener::Start(io_.get_executor(), taken, {}).ok());
  EXPECT_EQ(HttpListener::Start(io_.get_executor(), {.address = "localhost"}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
