// The pipelined stream: order, window, refusals, ends.
#include "tests/unit/client/stream_fixture.h"

namespace tandem::client {
namespace {

// On the wire it would end the stream, with all the other writes, again and again.
TEST_F(StreamTest, APathThatIsNotUtf8IsRefusedAloneAndTheStreamGoesOn) {
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 2);
  EXPECT_EQ(stream->Send(Operation::Put("\xff", "x"), Collect()).status().code(),
            absl::StatusCode::kInvalidArgument);
  SendLines(stream.get(), 2);
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(daemon_.order(), lines_);
}

TEST_F(StreamTest, WritesAreSequencedInTheOrderSentAndAllAnswered) {
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 500);
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(daemon_.order(), lines_);
  ASSERT_EQ(results().size(), 500u);
  for (const absl::StatusOr<WriteResult>& result : results()) EXPECT_TRUE(result.ok());
}

TEST_F(StreamTest, ABatchTravelsAsOne) {
  server_.OnStream([](grpc::ServerContext*, ServerStream* stream) {
    v1::WriteStreamRequest request;
    stream->Read(&request);
    EXPECT_EQ(request.batch().operations_size(), 2);
    v1::WriteStreamResponse response;
    response.set_tag(request.tag());
    response.mutable_batch()->add_results()->set_sequence(1);
    response.mutable_batch()->add_results()->set_sequence(2);
    stream->Write(response);
    return grpc::Status::OK;
  });
  std::unique_ptr<WriteStream> stream = Open();
  std::vector<Operation> operations;
  operations.push_back(Operation::Append("a", "1"));
  operations.push_back(Operation::Put("b", "2"));
  ASSERT_TRUE(stream->Send(std::move(operations), Collect()).ok());
  ASSERT_TRUE(stream->Close().ok());
  ASSERT_TRUE(results().at(0).ok());
  EXPECT_EQ(results()[0]->sequence(), 2u);
}

TEST_F(StreamTest, ARefusedWriteIsAnsweredAndTheStreamGoesOn) {
  server_.OnStream([this](grpc::ServerContext*, ServerStream* stream) {
    for (v1::WriteStreamRequest request; stream->Read(&request);) {
      if (request.tag() == 2) {
        v1::WriteStreamResponse refusal;
        refusal.set_tag(2);
        *refusal.mutable_error() =
            ErrorMessage({.code = grpc::StatusCode::ALREADY_EXISTS, .reason = "PATH_EXISTS"});
        stream->Write(refusal);
      } else {
        stream->Write(daemon_.Apply(request));
      }
    }
    return grpc::Status::OK;
  });
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 3);
  ASSERT_TRUE(stream->Close().ok());
  ASSERT_EQ(results().size(), 3u);
  EXPECT_TRUE(results()[0].ok());
  EXPECT_EQ(results()[1].status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(DetailOf(results()[1].status()).reason, "PATH_EXISTS");
  EXPECT_FALSE(DetailOf(results()[1].status()).outcome_unknown);
  EXPECT_TRUE(results()[2].ok());
}

TEST_F(StreamTest, AnAnswerWithoutAnOutcomeIsAnError) {
  server_.OnStream([](grpc::ServerContext*, ServerStream* stream) {
    v1::WriteStreamRequest request;
    stream->Read(&request);
    v1::WriteStreamResponse response;
    response.set_tag(request.tag());
    stream->Write(response);
    return grpc::Status::OK;
  });
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 1);
  ASSERT_TRUE(stream->Flush().ok());
  EXPECT_EQ(results().at(0).status().code(), absl::StatusCode::kInternal);
}

TEST_F(StreamTest, TheWindowIsBoundedAndSendWaitsForRoom) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  server_.OnStream([this, released](grpc::ServerContext*, ServerStream* stream) {
    released.wait();
    for (v1::WriteStreamRequest request; stream->Read(&request);) {
      stream->Write(daemon_.Apply(request));
    }
    return grpc::Status::OK;
  });
  std::unique_ptr<WriteStream> stream = Open({.max_pending_writes = 4});
  SendLines(stream.get(), 4);
  std::vector<Operation> fifth;
  fifth.push_back(Operation::Append("log", "x"));
  EXPECT_EQ(stream->TrySend(fifth, Collect()).status().code(),
            absl::StatusCode::kResourceExhausted);
  std::promise<void> sent;
  std::future<void> has_sent = sent.get_future();
  std::thread sender([&] {
    EXPECT_TRUE(stream->Send(fifth, Collect()).ok());
    sent.set_value();
  });
  EXPECT_EQ(has_sent.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  release.set_value();
  sender.join();
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(results().size(), 5u) << "the refused TrySend has no callback";
}

TEST_F(StreamTest, TheWindowCountsBytesAndOneLargeWriteStillGoes) {
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open({.max_pending_bytes = 10});
  ASSERT_TRUE(stream->Send(Operation::Append("log", std::string(100, 'x')), Collect()).ok());
  ASSERT_TRUE(stream->Send(Operation::Append("log", "y"), Collect()).ok()) << "after the first";
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(daemon_.order().size(), 2u);
}

TEST_F(StreamTest, DestroyingTheStreamAnswersEverything) {
  std::promise<void> taken;
  server_.OnStream([&taken](grpc::ServerContext* context, ServerStream* stream) {
    v1::WriteStreamRequest request;
    stream->Read(&request);
    taken.set_value();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 3);
  taken.get_future().wait();
  stream = nullptr;
  ASSERT_EQ(results().size(), 3u);
  EXPECT_EQ(results()[0].status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(DetailOf(results()[0].status()).outcome_unknown);
}

TEST_F(StreamTest, DestroyingTheClientFirstEndsTheStream) {
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 3);
  ASSERT_TRUE(stream->Flush().ok());
  client_ = nullptr;
  EXPECT_EQ(stream->Send(Operation::Delete("x"), Collect()).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(results().size(), 3u);
}

TEST_F(StreamTest, ManyThreadsShareAStream) {
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open({.max_pending_writes = 16});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, &stream] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(stream->Send(Operation::Append("log", "x"), Collect()).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(results().size(), 800u);
  EXPECT_EQ(stream->Send(Operation::Delete("x"), Collect()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// Told that it surely was not written, the caller would write it under another id.
TEST_F(StreamTest, AnExpiredIdOfTheCallersLeavesTheOutcomeUnknown) {
  server_.OnStream([](grpc::ServerContext*, ServerStream* stream) {
    for (v1::WriteStreamRequest request; stream->Read(&request);) {
      v1::WriteStreamResponse refusal;
      refusal.set_tag(request.tag());
      *refusal.mutable_error() = ErrorMessage(
          {.code = grpc::StatusCode::FAILED_PRECONDITION, .reason = "REQUEST_ID_EXPIRED"});
      stream->Write(refusal);
    }
    return grpc::Status::OK;
  });
  std::unique_ptr<WriteStream> stream = Open();
  const std::string id = "018f3a2b-0000-7000-8000-000000000001";
  ASSERT_TRUE(stream->Send(Operation::Put("a", "x"), Collect(), id).ok());
  ASSERT_TRUE(stream->Send(Operation::Put("b", "x"), Collect()).ok());
  ASSERT_TRUE(stream->Close().ok());
  ASSERT_EQ(results().size(), 2u);
  EXPECT_TRUE(DetailOf(results()[0].status()).outcome_unknown);
  EXPECT_FALSE(DetailOf(results()[1].status()).outcome_unknown);
}

}  // namespace
}  // namespace tandem::client
