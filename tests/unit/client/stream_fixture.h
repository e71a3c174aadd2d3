// A stream, a daemon that remembers ids, and a virtual clock.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <set>
#include <thread>

#include "tandem/client/client.h"
#include "tests/unit/client/fake_scheduler.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {

using ServerStream = grpc::ServerReaderWriter<v1::WriteStreamResponse, v1::WriteStreamRequest>;

// A daemon that remembers ids: the order in which they were first seen is their sequence.
class Daemon {
 public:
  v1::WriteStreamResponse Apply(const v1::WriteStreamRequest& request) {
    const std::lock_guard lock(mutex_);
    const std::string& id =
        request.has_single() ? request.single().request_id() : request.batch().request_id();
    const auto [it, fresh] = sequences_.emplace(id, sequences_.size() + 1);
    if (fresh) order_.push_back(request.single().operation().append().data());
    v1::WriteStreamResponse response;
    response.set_tag(request.tag());
    if (request.has_batch()) {
      response.mutable_batch()->add_results()->set_sequence(it->second);
      return response;
    }
    AnswerWrite(it->second, response.mutable_single());
    response.mutable_single()->set_earlier_attempt(!fresh);
    return response;
  }
  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, uint64_t> sequences_;
  std::vector<std::string> order_;
};

class StreamTest : public testing::Test {
 protected:
  StreamTest() { server_.Start(); }

  std::unique_ptr<WriteStream> Open(WriteStreamOptions options = {}) {
    if (client_ == nullptr) {
      options_.address = server_.address();
      options_.scheduler = clock_;
      absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(options_);
      EXPECT_TRUE(client.ok()) << client.status();
      client_ = *std::move(client);
    }
    return client_->OpenWriteStream(options);
  }

  // Serves a whole stream.
  ScriptedServer::StreamHandler Serve() {
    return [this](grpc::ServerContext*, ServerStream* stream) {
      for (v1::WriteStreamRequest request; stream->Read(&request);) {
        stream->Write(daemon_.Apply(request));
      }
      return grpc::Status::OK;
    };
  }

  // Takes `take` writes, answers the first `answer` of them, then breaks with `status`.
  ScriptedServer::StreamHandler BreakAfter(int take, int answer, grpc::Status status) {
    return [this, take, answer, status](grpc::ServerContext*, ServerStream* stream) {
      v1::WriteStreamRequest request;
      for (int i = 0; i < take && stream->Read(&request); ++i) {
        const v1::WriteStreamResponse response = daemon_.Apply(request);
        if (i < answer) stream->Write(response);
      }
      return status;
    };
  }

  WriteCallback Collect() {
    return [this](absl::StatusOr<WriteResult> result) {
      const std::lock_guard lock(mutex_);
      results_.push_back(std::move(result));
    };
  }
  std::vector<absl::StatusOr<WriteResult>> results() {
    const std::lock_guard lock(mutex_);
    return results_;
  }

  void SendLines(WriteStream* stream, int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(stream->Send(Operation::Append("log", std::to_string(i)), Collect()).ok());
      lines_.push_back(std::to_string(i));
    }
  }

  Daemon daemon_;
  std::shared_ptr<FakeScheduler> clock_ = std::make_shared<FakeScheduler>();
  ScriptedServer server_;
  ClientOptions options_;
  std::mutex mutex_;
  std::vector<absl::StatusOr<WriteResult>> results_;
  std::vector<std::string> lines_;
  std::unique_ptr<Client> client_;
};

}  // namespace tandem::client
