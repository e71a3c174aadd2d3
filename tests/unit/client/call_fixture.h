// A client, a scripted daemon and a virtual clock.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <set>

#include "daemon/base/crc32c.h"
#include "tandem/client/client.h"
#include "tests/unit/client/fake_scheduler.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {

class CallTest : public testing::Test {
 protected:
  CallTest() {
    server_.Start();
    options_.address = server_.address();
    options_.scheduler = clock_;
    options_.retry.initial_backoff = absl::Milliseconds(100);
    options_.retry.max_backoff = absl::Seconds(1);
  }

  Client& client() {
    if (client_ == nullptr) {
      absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(options_);
      EXPECT_TRUE(client.ok()) << client.status();
      client_ = *std::move(client);
    }
    return *client_;
  }

  void Fail(const ErrorSpec& spec, int times = 1) {
    for (int i = 0; i < times; ++i) {
      server_.OnWrite([spec](auto*, auto&, auto*) { return ErrorStatus(spec); });
    }
  }
  void Succeed(uint64_t sequence = 7) {
    server_.OnWrite([sequence](auto*, auto&, v1::WriteResponse* response) {
      AnswerWrite(sequence, response);
      return grpc::Status::OK;
    });
  }
  std::set<std::string> SeenIds() {
    std::set<std::string> ids;
    for (const v1::WriteRequest& request : server_.Writes()) ids.insert(request.request_id());
    return ids;
  }

  std::shared_ptr<FakeScheduler> clock_ = std::make_shared<FakeScheduler>();
  ScriptedServer server_;
  ClientOptions options_;
  std::unique_ptr<Client> client_;
};

inline const ErrorSpec kNotReached = {
    .code = grpc::StatusCode::DEADLINE_EXCEEDED,
    .reason = "DURABILITY_NOT_REACHED",
    .metadata = {{"sequence", "99"}, {"level_reached", "JOURNALED"}}};

}  // namespace tandem::client
