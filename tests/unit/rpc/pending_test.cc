// What an operator asks of parked writes, over gRPC.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/rpc/rpc_fixture.h"

namespace tandem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RpcPendingTest : public RpcTest {
 protected:
  RpcPendingTest() { StartServer(); }

  grpc::Status Skip(const v1::SkipPendingRequest& request, v1::SkipPendingResponse* response) {
    grpc::ClientContext context;
    return admin_->SkipPending(&context, request, response);
  }
  grpc::Status Retry(const v1::RetryPendingRequest& request, v1::RetryPendingResponse* response) {
    grpc::ClientContext context;
    return admin_->RetryPending(&context, request, response);
  }
  static v1::SkipPendingRequest SkipRequest() {
    v1::SkipPendingRequest request;
    request.set_target("corebank");
    request.set_path("a/b");
    request.set_reason("not needed");
    return request;
  }
};

TEST_F(RpcPendingTest, WhatIsPendingIsShownWithAllThatIsKnown) {
  OnCore([](MemoryCore& core) {
    internal::v1::ParkedWrite write;
    write.set_sequence(7);
    write.set_path("a");
    write.set_new_path("b");
    write.set_type(6);
    write.set_error("no \xff");
    write.set_since_ms(1'700'000'000'123);
    write.set_attempts(3);
    core.pending.entries.push_back({.target = "local", .write = write});
    write.mutable_skip()->set_reason("gone");
    write.mutable_skip()->set_caller("me");
    write.mutable_skip()->set_time_ms(1'700'000'001'000);
    write.mutable_skip()->add_diverged("b");
    core.pending.entries.push_back({.target = "corebank", .write = write});
    core.pending.next = PendingPlace{.target = 1, .sequence = 7};
    core.pending.unknown = {"other"};
    return 0;
  });
  grpc::ClientContext context;
  v1::ListPendingRequest request;
  request.set_target("local");
  request.set_page_size(2);
  request.set_page_token("1-6");
  v1::ListPendingResponse response;
  ASSERT_TRUE(admin_->ListPending(&context, request, &response).ok());
  ASSERT_EQ(response.writes_size(), 2);
  const v1::PendingWrite& parked = response.writes(0);
  EXPECT_EQ(parked.target(), "local");
  EXPECT_EQ(parked.sequence(), 7u);
  EXPECT_EQ(parked.path(), "a");
  EXPECT_EQ(parked.new_path(), "b");
  EXPECT_EQ(parked.type(), v1::WRITE_TYPE_RENAME);
  EXPECT_EQ(parked.state(), v1::PENDING_STATE_PARKED);
  EXPECT_EQ(parked.error(), "no \\377");
  EXPECT_EQ(parked.since_time().seconds(), 1'700'000'000);
  EXPECT_EQ(parked.attempts(), 3u);
  const v1::PendingWrite& skipped = response.writes(1);
  EXPECT_EQ(skipped.state(), v1::PENDING_STATE_DIVERGED);
  EXPECT_EQ(skipped.skip_reason(), "gone");
  EXPECT_EQ(skipped.skipped_by(), "me");
  EXPECT_EQ(skipped.skipped_time().seconds(), 1'700'000'001);
  EXPECT_THAT(skipped.diverged_paths(), ElementsAre("b"));
  EXPECT_EQ(response.next_page_token(), "1-7");
  EXPECT_THAT(response.unknown_targets(), ElementsAre("other"));
  EXPECT_EQ(OnCore([](MemoryCore& core) {
              return absl::StrCat(core.listed_target, " ", core.listed_after.target, " ",
                                  core.listed_after.sequence, " ", core.listed_limit);
            }),
            "local 1 6 2");
}

TEST_F(RpcPendingTest, APageThatIsNoneIsRefused) {
  for (const auto& [size, token] : std::vector<std::pair<int, std::string>>{
           {-1, ""}, {1001, ""}, {1, "x"}, {1, "1-"}, {1, "1-2-3"}}) {
    grpc::ClientContext context;
    v1::ListPendingRequest request;
    request.set_page_size(size);
    request.set_page_token(token);
    v1::ListPendingResponse response;
    EXPECT_EQ(admin_->ListPending(&context, request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << size << " " << token;
  }
}

TEST_F(RpcPendingTest, ASkipReachesCoreWithItsReasonAndWhoAsks) {
  OnCore([](MemoryCore& core) {
    internal::v1::PendingResult result;
    result.set_done(2);
    internal::v1::PendingOutcome* outcome = result.add_outcomes();
    outcome->set_sequence(9);
    outcome->set_path("a/b");
    outcome->set_done(true);
    core.resolution = result;
    return 0;
  });
  v1::SkipPendingRequest request = SkipRequest();
  request.set_requested_by("anna");
  request.mutable_wait_timeout()->set_seconds(3);
  v1::SkipPendingResponse response;
  const grpc::Status status = Skip(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.skipped_writes(), 2u);
  EXPECT_EQ(response.outcomes(0).sequence(), 9u);
  EXPECT_TRUE(response.outcomes(0).done());
  const PendingRequest seen = OnCore([](MemoryCore& core) { return core.resolved.at(0); });
  EXPECT_EQ(seen.target, "corebank");
  EXPECT_EQ(seen.path, "a/b");
  EXPECT_TRUE(seen.skip);
  EXPECT_EQ(seen.reason, "not needed");
  EXPECT_THAT(seen.caller, testing::StartsWith("anna at unix:"));
  EXPECT_EQ(seen.wait_timeout_ms, 3'000);
  metrics_.WaitHandled(RpcMethod::kSkipPending, 0, 1);
}

TEST_F(RpcPendingTest, ASkipWithoutAReasonOrOfNothingSaidIsRefused) {
  const auto expect_refused = [this](const v1::SkipPendingRequest& request) {
    v1::SkipPendingResponse response;
    EXPECT_EQ(Skip(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << request.ShortDebugString();
  };
  v1::SkipPendingRequest request = SkipRequest();
  request.clear_reason();
  expect_refused(request);
  request.set_reason(std::string(501, 'x'));
  expect_refused(request);
  request.set_reason("two\nlines");
  expect_refused(request);
  request = SkipRequest();
  request.clear_target();
  expect_refused(request);
  request = SkipRequest();
  request.clear_path();
  expect_refused(request);
  request.add_sequences(0);
  expect_refused(request);
  request = SkipRequest();
  request.add_sequences(4);
  expect_refused(request);
  request = SkipRequest();
  request.mutable_wait_timeout()->set_seconds(3'601);
  expect_refused(request);
  request = SkipRequest();
  request.set_requested_by(std::string(101, 'x'));
  expect_refused(request);
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.resolved.size(); }), 0u);
}

TEST_F(RpcPendingTest, ARetrySaysWhatWasAppliedAndWhatStillWaits) {
  OnCore([](MemoryCore& core) {
    internal::v1::PendingResult result;
    result.set_done(1);
    result.set_left(4);
    core.resolution = result;
    return 0;
  });
  v1::RetryPendingRequest request;
  request.set_target("local");
  request.set_all(true);
  v1::RetryPendingResponse response;
  ASSERT_TRUE(Retry(request, &response).ok());
  EXPECT_EQ(response.applied_writes(), 1u);
  EXPECT_EQ(response.parked_writes(), 4u);
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.resolved.at(0).wait_timeout_ms; }), 10'000);
  request.set_path("p");
  EXPECT_EQ(Retry(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(RpcPendingTest, ARefusalComesWithItsReason) {
  OnCore([](MemoryCore& core) {
    core.resolution = Refuse(Reason::kTargetUnavailable, "the lane of local does not answer");
    return 0;
  });
  v1::RetryPendingRequest request;
  request.set_target("local");
  request.add_sequences(3);
  v1::RetryPendingResponse response;
  const grpc::Status status = Retry(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("does not answer"));
  EXPECT_THAT(status.error_details(), HasSubstr("TARGET_UNAVAILABLE"));
}

}  // namespace
}  // namespace tandem
