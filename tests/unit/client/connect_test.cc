// Options, readiness, the clock of its own, and the published service configuration.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "tandem/client/client.h"
#include "tests/unit/client/fake_scheduler.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {
namespace {

std::unique_ptr<Client> ConnectTo(const std::string& address) {
  ClientOptions options;
  options.address = address;
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

TEST(ConnectTest, TcpWithoutTlsFilesIsRefused) {
  ClientOptions options;
  options.address = "localhost:7000";
  EXPECT_EQ(Client::Connect(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConnectTest, AMissingTlsFileIsNamed) {
  ClientOptions options;
  options.address = "localhost:7000";
  options.tls = {"/nowhere/ca.pem", "/nowhere/cert.pem", "/nowhere/key.pem", ""};
  const absl::Status status = Client::Connect(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nowhere/ca.pem"), absl::string_view::npos);
}

TEST(ConnectTest, SenselessOptionsAreRefused) {
  for (const char* address : {"", "unix:", "justahost"}) {
    ClientOptions options;
    options.address = address;
    EXPECT_EQ(Client::Connect(options).status().code(), absl::StatusCode::kInvalidArgument)
        << address;
  }
  ClientOptions options;
  options.retry.multiplier = 0.5;
  EXPECT_EQ(Client::Connect(options).status().code(), absl::StatusCode::kInvalidArgument);
}

// Found by a user: closing the last client took gRPC down, which waited 10 s after a large write.
TEST(ConnectTest, ClosingTheLastClientDoesNotTakeGrpcDown) {
  { ASSERT_TRUE(Client::Connect({.address = "unix:/nowhere"}).ok()); }
  EXPECT_TRUE(grpc_is_initialized());
}

TEST(ConnectTest, WaitReadyReturnsOnceTheServerServes) {
  ScriptedServer server;
  std::unique_ptr<Client> client = ConnectTo(server.address());
  std::thread later([&server] { server.Start(); });
  EXPECT_TRUE(client->WaitReady(absl::Seconds(60)).ok());
  later.join();
}

TEST(ConnectTest, WaitReadyTellsADaemonThatDoesNotServe) {
  ScriptedServer server;
  server.Start();
  server.SetServing(false);
  ClientOptions options;
  options.address = server.address();
  options.scheduler = std::make_shared<FakeScheduler>();
  const std::unique_ptr<Client> client = *Client::Connect(std::move(options));
  const absl::Status status = client->WaitReady(absl::Seconds(20));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("not serving"), absl::string_view::npos) << status;
  server.SetServing(true);
  EXPECT_TRUE(client->WaitReady(absl::Seconds(60)).ok());
}

TEST(ConnectTest, WaitReadyGivesUpWithoutADaemon) {
  std::unique_ptr<Client> client = ConnectTo("unix:/nowhere/socket");
  const absl::Status status = client->WaitReady(absl::Milliseconds(100));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(DetailOf(status).retryable);
}

TEST(ConnectTest, TheClientsOwnClockRunsARetry) {
  ScriptedServer server;
  server.Start();
  server.OnWrite([](auto*, auto&, auto*) { return ErrorStatus({}); });
  server.OnWrite([](auto*, auto&, v1::WriteResponse* response) {
    AnswerWrite(3, response);
    return grpc::Status::OK;
  });
  std::unique_ptr<Client> client = ConnectTo(server.address());
  const absl::StatusOr<WriteResult> result = client->Put("a", "x");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(server.Writes().size(), 2u);
}

TEST(ConnectTest, ADaemonThatComesBackIsReachedByTheSameClient) {
  ScriptedServer server;
  server.OnWrite([](auto*, auto&, v1::WriteResponse* response) {
    AnswerWrite(3, response);
    return grpc::Status::OK;
  });
  server.Start();
  std::unique_ptr<Client> client = ConnectTo(server.address());
  ASSERT_TRUE(client->Put("a", "x").ok());
  server.Stop();
  std::thread later([&server] { server.Start(); });
  EXPECT_TRUE(client->Put("a", "y").ok());
  later.join();
}

TEST(ErrorTest, AForeignStatusHasAnEmptyDetail) {
  const ErrorDetail detail = DetailOf(absl::InternalError("elsewhere"));
  EXPECT_EQ(detail.reason, "");
  EXPECT_FALSE(detail.retryable);
  EXPECT_FALSE(detail.outcome_unknown);
}

}  // namespace
}  // namespace tandem::client
