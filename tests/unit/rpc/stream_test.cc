#include <set>

#include "tests/unit/rpc/rpc_fixture.h"

namespace tandem {
namespace {

v1::WriteStreamRequest Single(uint64_t tag) {
  v1::WriteStreamRequest request;
  request.set_tag(tag);
  *request.mutable_single() =
      PutRequest(static_cast<int>(tag) + 1, "p" + std::to_string(tag), "data");
  return request;
}

class WriteStreamTest : public RpcTest {
 protected:
  void Open() { stream_ = stub_->WriteStream(&context_); }

  // Writes what comes from a thread of its own: the caller reads.
  void WriteAll(uint64_t count) {
    writer_ = std::thread([this, count] {
      for (uint64_t tag = 0; tag < count; ++tag) stream_->Write(Single(tag));
      stream_->WritesDone();
    });
  }

  std::vector<v1::WriteStreamResponse> ReadAll() {
    std::vector<v1::WriteStreamResponse> replies;
    for (v1::WriteStreamResponse reply; stream_->Read(&reply);) replies.push_back(reply);
    if (writer_.joinable()) writer_.join();
    return replies;
  }

  ~WriteStreamTest() override {
    if (writer_.joinable()) writer_.join();
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WriteStreamRequest, v1::WriteStreamResponse>>
      stream_;
  std::thread writer_;
};

TEST_F(WriteStreamTest, WritesAreSequencedInTheOrderSentAndEachIsAnsweredByItsTag) {
  constexpr uint64_t kCount = 2'000;
  StartServer();
  Open();
  WriteAll(kCount);
  const auto replies = ReadAll();
  EXPECT_TRUE(stream_->Finish().ok());
  ASSERT_EQ(replies.size(), kCount);
  for (const v1::WriteStreamResponse& reply : replies) {
    EXPECT_EQ(reply.single().result().sequence(), reply.tag() + 1);
  }
  OnCore([&](MemoryCore& core) {
    ASSERT_EQ(core.writes.size(), kCount);
    for (size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(core.writes[i].operations[0].path, "p" + std::to_string(i));
    }
  });
  metrics_.WaitHandled(RpcMethod::kWriteStream, 0, 1);
}

TEST_F(WriteStreamTest, ReadingStopsWhileTooManyWritesAreUnanswered) {
  constexpr uint64_t kCount = 100;
  options_.max_stream_pending = 8;
  core_.hold = true;
  StartServer();
  Open();
  WriteAll(kCount);
  std::thread releaser([this] {
    for (uint64_t answered = 0; answered < kCount; ++answered) {
      // The rest has been sent, and still no more than eight come in.
      Until([&](MemoryCore& core) {
        return core.held() == std::min<uint64_t>(8, kCount - answered);
      });
      OnCore([](MemoryCore& core) { core.Release(1); });
    }
  });
  EXPECT_EQ(ReadAll().size(), kCount);
  releaser.join();
  EXPECT_TRUE(stream_->Finish().ok());
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.most_held; }), 8u);
}

TEST_F(WriteStreamTest, AClientThatDoesNotReadItsRepliesIsHeldBack) {
  options_.max_stream_pending = 4;
  StartServer();
  Open();
  // Replies of this size fill the connection's window long before all writes are in.
  OnCore([](MemoryCore& core) {
    core.refusal = Refuse(Reason::kPathNotFound, std::string(500, 'x'),
                          {.metadata = {{"k", std::string(500, 'y')}}});
  });
  constexpr uint64_t kCount = 3'000;
  WriteAll(kCount);
  const auto replies = ReadAll();
  EXPECT_EQ(replies.size(), kCount);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, ABadWriteIsAnErrorReplyAndTheStreamGoesOn) {
  StartServer();
  Open();
  v1::WriteStreamRequest bad = Single(1);
  bad.mutable_single()->set_request_id("bad");
  v1::WriteStreamRequest empty;
  empty.set_tag(2);
  v1::WriteStreamRequest batch;
  batch.set_tag(3);
  batch.mutable_batch()->set_request_id(IdOf(9));
  batch.mutable_batch()->add_operations()->mutable_delete_()->set_path("x");
  for (const auto& request : {bad, empty, batch, Single(4)}) EXPECT_TRUE(stream_->Write(request));
  stream_->WritesDone();
  std::map<uint64_t, v1::WriteStreamResponse> replies;
  for (auto& reply : ReadAll()) replies[reply.tag()] = reply;
  ASSERT_EQ(replies.size(), 4u);
  google::rpc::ErrorInfo info;
  ASSERT_EQ(replies[1].error().details_size(), 1);
  EXPECT_TRUE(replies[1].error().details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "REQUEST_ID_INVALID");
  EXPECT_EQ(replies[2].error().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(replies[3].batch().results_size(), 1);
  EXPECT_TRUE(replies[4].has_single());
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, AfterTheHalfCloseAllRepliesAreSentBeforeTheEnd) {
  core_.hold = true;
  StartServer();
  Open();
  for (uint64_t tag = 0; tag < 5; ++tag) stream_->Write(Single(tag));
  stream_->WritesDone();
  Until([](MemoryCore& core) { return core.held() == 5; });
  OnCore([](MemoryCore& core) { core.Release(); });
  EXPECT_EQ(ReadAll().size(), 5u);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, ACancelledStreamEndsAndLateAnswersAreIgnored) {
  core_.hold = true;
  StartServer();
  Open();
  for (uint64_t tag = 0; tag < 5; ++tag) stream_->Write(Single(tag));
  Until([](MemoryCore& core) { return core.held() == 5; });
  OnCore([](MemoryCore& core) { core.Release(2); });
  context_.TryCancel();
  metrics_.WaitHandled(RpcMethod::kWriteStream, grpc::StatusCode::CANCELLED, 1);
  OnCore([](MemoryCore& core) { core.Release(); });
  ReadAll();
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
  StopServer();
}

// However long it may take: nobody waits for a client that says nothing.
constexpr int64_t kForEverMs = 3'600'000;

TEST_F(WriteStreamTest, AShutdownEndsAnIdleStreamAtOnce) {
  StartServer();
  Open();
  ASSERT_TRUE(stream_->Write(Single(0)));
  v1::WriteStreamResponse reply;
  ASSERT_TRUE(stream_->Read(&reply));
  StopServer(kForEverMs);
  EXPECT_FALSE(stream_->Read(&reply));
  const grpc::Status status = stream_->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(WireErrorOf(status).info.reason(), "SHUTTING_DOWN");
}

TEST_F(WriteStreamTest, AShutdownAnswersWhatWasReceivedAndEndsTheStreamThen) {
  core_.hold = true;
  StartServer();
  Open();
  for (uint64_t tag = 0; tag < 3; ++tag) ASSERT_TRUE(stream_->Write(Single(tag)));
  Until([](MemoryCore& core) { return core.held() == 3; });
  OnCore([this](MemoryCore&) { server_->DrainStreams(); });
  EXPECT_TRUE(stream_->Write(Single(3))) << "it comes too late, and is as if it had not come";
  OnCore([](MemoryCore& core) { core.Release(); });
  v1::WriteStreamResponse reply;
  for (uint64_t tag = 0; tag < 3; ++tag) {
    ASSERT_TRUE(stream_->Read(&reply));
    EXPECT_EQ(reply.tag(), tag);
  }
  EXPECT_FALSE(stream_->Read(&reply));
  EXPECT_EQ(WireErrorOf(stream_->Finish()).info.reason(), "SHUTTING_DOWN");
  StopServer(kForEverMs);
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.writes.size(); }), 3u);
}

TEST_F(WriteStreamTest, AStreamThatBeginsWhileTheDaemonDrainsIsToldSo) {
  StartServer();
  OnCore([this](MemoryCore&) { server_->DrainStreams(); });
  Open();
  v1::WriteStreamResponse reply;
  EXPECT_FALSE(stream_->Read(&reply));
  EXPECT_EQ(WireErrorOf(stream_->Finish()).info.reason(), "SHUTTING_DOWN");
  AsyncWrite write;  // core itself says what it takes
  write.request = PutRequest(1, "a", "x");
  write.Start(*stub_);
  EXPECT_TRUE(write.Wait().ok());
}

TEST_F(WriteStreamTest, AShutdownEndsAStreamWithWritesInFlight) {
  core_.hold = true;
  StartServer();
  Open();
  stream_->Write(Single(0));
  Until([](MemoryCore& core) { return core.held() == 1; });
  StopServer(1);
  ReadAll();
  EXPECT_FALSE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, CoreMayLetGoOfAWriteAfterTheServerIsGone) {
  core_.hold = true;
  StartServer();
  Open();
  stream_->Write(Single(0));
  Until([](MemoryCore& core) { return core.held() == 1; });
  OnCore([this](MemoryCore&) { server_.reset(); });
  ReadAll();
  EXPECT_FALSE(stream_->Finish().ok());
  OnCore([](MemoryCore& core) { core.DropHeld(); });
}

TEST_F(WriteStreamTest, WhatCoreDropsIsAnsweredAsUnknown) {
  core_.hold = true;
  StartServer();
  Open();
  stream_->Write(Single(5));
  stream_->WritesDone();
  Until([](MemoryCore& core) { return core.held() == 1; });
  OnCore([](MemoryCore& core) { core.DropHeld(); });
  const auto replies = ReadAll();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].error().code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(stream_->Finish().ok());
}

}  // namespace
}  // namespace tandem
