// The pipelined stream over broken connections: order and ids are kept.
#include "tests/unit/client/stream_fixture.h"

namespace tandem::client {
namespace {

TEST_F(StreamTest, AfterABreakTheUnansweredAreSentAgainInOrderUnderTheSameIds) {
  server_.OnStream(BreakAfter(20, 7, ErrorStatus({.code = grpc::StatusCode::UNAVAILABLE})));
  server_.OnStream(BreakAfter(5, 0, ErrorStatus({.code = grpc::StatusCode::UNAVAILABLE})));
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 100);
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(daemon_.order(), lines_) << "each once, in order";
  ASSERT_EQ(results().size(), 100u);
  std::set<uint64_t> sequences;
  int earlier = 0;
  for (const absl::StatusOr<WriteResult>& result : results()) {
    ASSERT_TRUE(result.ok()) << result.status();
    sequences.insert(result->sequence());
    earlier += result->earlier_attempt ? 1 : 0;
  }
  EXPECT_EQ(sequences.size(), 100u);
  EXPECT_EQ(earlier, 13) << "those that the first connection took but did not answer";
  EXPECT_GE(clock_->Pauses().size(), 2u) << "a pause before each reconnection";
}

TEST_F(StreamTest, ADaemonThatIsRestartedIsFoundAgain) {
  clock_ = nullptr;  // the real one: gRPC's own reconnection takes real time
  std::promise<void> half;
  server_.OnStream([this, &half](grpc::ServerContext* context, ServerStream* stream) {
    v1::WriteStreamRequest request;
    for (int i = 0; i < 10 && stream->Read(&request); ++i) stream->Write(daemon_.Apply(request));
    half.set_value();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 50);
  half.get_future().wait();
  server_.Stop();
  server_.Start();
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(daemon_.order(), lines_);
  for (const absl::StatusOr<WriteResult>& result : results()) {
    EXPECT_TRUE(result.ok()) << result.status();
  }
  EXPECT_EQ(results().size(), 50u);
}

TEST_F(StreamTest, ADaemonThatShutsDownIsNoFailureOfTheWrites) {
  server_.OnStream([this](grpc::ServerContext* context, ServerStream* stream) {
    v1::WriteStreamRequest request;
    stream->Read(&request);
    stream->Write(daemon_.Apply(request));
    stream->Read(&request);
    v1::WriteStreamResponse refusal;
    refusal.set_tag(request.tag());
    *refusal.mutable_error() =
        ErrorMessage({.code = grpc::StatusCode::UNAVAILABLE, .reason = "SHUTTING_DOWN"});
    stream->Write(refusal);
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 5);
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(daemon_.order(), lines_);
  for (const absl::StatusOr<WriteResult>& result : results()) EXPECT_TRUE(result.ok());
}

TEST_F(StreamTest, AnIdleStreamThatTheDaemonEndsIsOpenedAgainByTheNextWrite) {
  server_.OnStream([this](grpc::ServerContext*, ServerStream* stream) {
    v1::WriteStreamRequest request;
    stream->Read(&request);
    stream->Write(daemon_.Apply(request));
    return ErrorStatus({.code = grpc::StatusCode::UNAVAILABLE, .reason = "SHUTTING_DOWN"});
  });
  server_.OnStream(Serve());
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 1);
  ASSERT_TRUE(stream->Flush().ok());
  SendLines(stream.get(), 3);
  ASSERT_TRUE(stream->Close().ok());
  EXPECT_EQ(daemon_.order(), lines_);
  EXPECT_EQ(results().size(), lines_.size());
  for (const absl::StatusOr<WriteResult>& result : results()) {
    EXPECT_TRUE(result.ok()) << result.status();
  }
}

TEST_F(StreamTest, AFinalErrorOfTheStreamEndsWhatIsUnanswered) {
  server_.OnStream(BreakAfter(1, 0, {grpc::StatusCode::PERMISSION_DENIED, "not you"}));
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 3);
  ASSERT_TRUE(stream->Flush().ok());
  ASSERT_EQ(results().size(), 3u);
  for (const absl::StatusOr<WriteResult>& result : results()) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kPermissionDenied);
  }
}

TEST_F(StreamTest, AWriteThatNobodyAnswersEndsAtItsTimeoutAsUnknown) {
  std::promise<void> taken;
  server_.OnStream([&taken](grpc::ServerContext* context, ServerStream* stream) {
    v1::WriteStreamRequest request;
    stream->Read(&request);
    taken.set_value();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  std::unique_ptr<WriteStream> stream = Open({.timeout = absl::Seconds(40)});
  SendLines(stream.get(), 1);
  taken.get_future().wait();
  clock_->Advance(absl::Seconds(41));
  ASSERT_TRUE(stream->Flush().ok());
  const absl::Status status = results().at(0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(DetailOf(status).outcome_unknown);
  EXPECT_TRUE(DetailOf(status).retryable);
  EXPECT_FALSE(DetailOf(status).request_id.empty());
}

TEST_F(StreamTest, WithoutADaemonAWriteEndsWithTheAttemptsAndSurelyDidNotHappen) {
  server_.Stop();
  options_.retry.max_attempts = 3;
  std::unique_ptr<WriteStream> stream = Open();
  SendLines(stream.get(), 2);
  ASSERT_TRUE(stream->Flush().ok());
  ASSERT_EQ(results().size(), 2u);
  EXPECT_EQ(results()[0].status().code(), absl::StatusCode::kUnavailable);
  const ErrorDetail detail = DetailOf(results()[0].status());
  EXPECT_FALSE(detail.outcome_unknown);
  EXPECT_TRUE(detail.retryable);
}

}  // namespace
}  // namespace tandem::client
