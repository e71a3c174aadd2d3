// Retries: under which id, when, for which errors, and what is said when they end.
#include "absl/strings/str_cat.h"
#include "tests/unit/client/call_fixture.h"

namespace tandem::client {
namespace {

TEST_F(CallTest, ARetryKeepsTheRequestIdAndBacksOffWithJitter) {
  Fail({.code = grpc::StatusCode::UNAVAILABLE}, 6);
  Succeed();
  const absl::StatusOr<WriteResult> result = client().Put("a", "x");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(server_.Writes().size(), 7u);
  EXPECT_EQ(SeenIds(), std::set<std::string>{result->request_id});
  const std::vector<absl::Duration> pauses = clock_->Pauses();
  ASSERT_EQ(pauses.size(), 6u);
  absl::Duration full = absl::Milliseconds(100);
  for (const absl::Duration pause : pauses) {
    EXPECT_GE(pause, full / 2);
    EXPECT_LE(pause, full);
    full = std::min(full * 2, options_.retry.max_backoff);
  }
}

TEST_F(CallTest, WhileNobodyListensItLooksAgainSoon) {
  options_.address = absl::StrCat("unix:", testing::TempDir(), "/tandem-client-nobody.sock");
  options_.timeout = absl::Seconds(10);
  const absl::Status status = client().Put("a", "x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(DetailOf(status).outcome_unknown);
  const std::vector<absl::Duration> pauses = clock_->Pauses();
  EXPECT_GE(pauses.size(), 50u) << "10 s of pauses of 200 ms and less";
  for (const absl::Duration pause : pauses) EXPECT_LE(pause, absl::Milliseconds(200));
}

TEST_F(CallTest, TheCallersOwnIdIsUsed) {
  Fail({.code = grpc::StatusCode::UNAVAILABLE});
  Succeed();
  const std::string id = client().NewRequestId();
  ASSERT_TRUE(client().Put("a", "x", {.request_id = id}).ok());
  EXPECT_EQ(SeenIds(), std::set<std::string>{id});
}

TEST_F(CallTest, WaitsAtLeastAsLongAsRetryInfoSays) {
  Fail({.code = grpc::StatusCode::RESOURCE_EXHAUSTED,
        .reason = "QUEUE_FULL",
        .retry_delay_ms = 5'000});
  Succeed();
  ASSERT_TRUE(client().Put("a", "x").ok());
  const std::vector<absl::Duration> pauses = clock_->Pauses();
  ASSERT_EQ(pauses.size(), 1u);
  EXPECT_GE(pauses[0], absl::Seconds(5));
  EXPECT_LE(pauses[0], absl::Seconds(6));
}

TEST_F(CallTest, WaitsAtLeastAsLongAsThePushBackTrailerSays) {
  server_.OnWrite([](grpc::ServerContext* context, auto&, auto*) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "3000");
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "later");
  });
  Succeed();
  ASSERT_TRUE(client().Put("a", "x").ok());
  ASSERT_EQ(clock_->Pauses().size(), 1u);
  EXPECT_GE(clock_->Pauses()[0], absl::Seconds(3));
}

TEST_F(CallTest, ANegativePushBackMeansNeverAgain) {
  server_.OnWrite([](grpc::ServerContext* context, auto&, auto*) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "-1");
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no");
  });
  EXPECT_EQ(client().Put("a", "x").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.Writes().size(), 1u);
}

TEST_F(CallTest, ResourceExhaustedWithoutADelayIsNotRetried) {
  Fail({.code = grpc::StatusCode::RESOURCE_EXHAUSTED, .reason = "QUEUE_FULL"});
  const absl::Status status = client().Put("a", "x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(DetailOf(status).retryable);
  EXPECT_FALSE(DetailOf(status).outcome_unknown) << "refused before anything was written";
  EXPECT_EQ(server_.Writes().size(), 1u);
}

TEST_F(CallTest, ARefusalIsNotRetriedAndSaysWhy) {
  Fail({.code = grpc::StatusCode::ALREADY_EXISTS,
        .reason = "PATH_EXISTS",
        .metadata = {{"path", "a"}}});
  const absl::Status status = client().Put("a", "x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  const ErrorDetail detail = DetailOf(status);
  EXPECT_EQ(detail.reason, "PATH_EXISTS");
  EXPECT_EQ(detail.metadata.at("path"), "a");
  EXPECT_FALSE(detail.retryable);
  EXPECT_FALSE(detail.outcome_unknown);
  EXPECT_EQ(detail.attempts, 1);
  EXPECT_EQ(server_.Writes().size(), 1u);
}

TEST_F(CallTest, DurabilityNotReachedSaysSequenceAndLevelAndIsNotRetriedUnasked) {
  Fail(kNotReached);
  const absl::Status status = client().Put("a", "x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  const ErrorDetail detail = DetailOf(status);
  EXPECT_EQ(detail.sequence, 99u);
  EXPECT_EQ(detail.level_reached, Level::kJournaled);
  EXPECT_TRUE(detail.retryable);
  EXPECT_FALSE(detail.outcome_unknown) << "the journal has it";
  EXPECT_EQ(server_.Writes().size(), 1u);
}

TEST_F(CallTest, KeepWaitingPicksTheWriteUpAgainUnderTheSameId) {
  Fail(kNotReached, 2);
  Succeed(99);
  const absl::StatusOr<WriteResult> result = client().Put("a", "x", {.keep_waiting = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(server_.Writes().size(), 3u);
  EXPECT_EQ(SeenIds().size(), 1u);
}

TEST_F(CallTest, WhatAnEarlierAttemptReachedIsKept) {
  options_.retry.max_attempts = 2;
  Fail(kNotReached);
  Fail({.code = grpc::StatusCode::UNAVAILABLE});
  const ErrorDetail detail = DetailOf(client().Put("a", "x", {.keep_waiting = true}).status());
  EXPECT_EQ(detail.sequence, 99u);
  EXPECT_EQ(detail.level_reached, Level::kJournaled);
  EXPECT_FALSE(detail.outcome_unknown);
  EXPECT_EQ(detail.attempts, 2);
}

TEST_F(CallTest, TheOverallTimeoutEndsTheRetriesAndTheOutcomeIsCalledUnknown) {
  Fail({.code = grpc::StatusCode::UNAVAILABLE});  // for ever
  const absl::Time before = clock_->Now();
  const absl::Status status = client().Put("a", "x", {.timeout = absl::Seconds(10)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_LT(clock_->Now(), before + absl::Seconds(10)) << "it does not sleep past its deadline";
  EXPECT_GT(clock_->Now(), before + absl::Seconds(8));
  const ErrorDetail detail = DetailOf(status);
  EXPECT_TRUE(detail.outcome_unknown);
  EXPECT_TRUE(detail.retryable);
  // One whose time is over before it is sent does not come to the server.
  EXPECT_GE(detail.attempts, static_cast<int>(server_.Writes().size()));
  EXPECT_EQ(detail.request_id, server_.Writes().front().request_id());
}

TEST_F(CallTest, MaxAttemptsEndsTheRetries) {
  options_.retry.max_attempts = 3;
  Fail({.code = grpc::StatusCode::UNAVAILABLE});
  EXPECT_EQ(DetailOf(client().Put("a", "x").status()).attempts, 3);
  EXPECT_EQ(server_.Writes().size(), 3u);
}

TEST_F(CallTest, ARefusalAfterALostAttemptStaysUnknownUnlessItIsTheLastWord) {
  options_.retry.max_attempts = 2;
  Fail({.code = grpc::StatusCode::UNAVAILABLE});
  Fail({.code = grpc::StatusCode::RESOURCE_EXHAUSTED,
        .reason = "JOURNAL_FULL",
        .retry_delay_ms = 10});
  EXPECT_TRUE(DetailOf(client().Put("a", "x").status()).outcome_unknown);

  ScriptedServer other;
  other.Start();
  options_.address = other.address();
  client_ = nullptr;
  other.OnWrite([](auto*, auto&, auto*) { return ErrorStatus({}); });
  other.OnWrite([](auto*, auto&, auto*) {
    return ErrorStatus({.code = grpc::StatusCode::NOT_FOUND, .reason = "PATH_NOT_FOUND"});
  });
  EXPECT_FALSE(DetailOf(client().Truncate("a", 1).status()).outcome_unknown);
}

TEST_F(CallTest, AnExpiredIdOfTheCallersLeavesTheOutcomeUnknown) {
  Fail({.code = grpc::StatusCode::FAILED_PRECONDITION, .reason = "REQUEST_ID_EXPIRED"});
  const ErrorDetail mine = DetailOf(
      client().Put("a", "x", {.request_id = "018f3a2b-0000-7000-8000-000000000001"}).status());
  EXPECT_EQ(mine.reason, "REQUEST_ID_EXPIRED");
  EXPECT_TRUE(mine.outcome_unknown) << "an earlier life of the caller may have written it";
  EXPECT_FALSE(DetailOf(client().Put("a", "x").status()).outcome_unknown);
}

TEST_F(CallTest, WithoutADaemonTheWriteSurelyDidNotHappen) {
  server_.Stop();
  const absl::Status status = client().Put("a", "x", {.timeout = absl::Seconds(1)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(DetailOf(status).retryable);
  EXPECT_FALSE(DetailOf(status).outcome_unknown);
}

}  // namespace
}  // namespace tandem::client
