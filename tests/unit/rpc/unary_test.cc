#include <atomic>

#include "absl/strings/numbers.h"
#include "daemon/base/crc32c.h"
#include "daemon/rpc/errors.h"
#include "tests/unit/rpc/rpc_fixture.h"

namespace tandem {
namespace {

TEST_F(RpcTest, AWriteIsAnsweredWithWhatCoreSays) {
  StartServer();
  grpc::ClientContext context;
  v1::WriteResponse response;
  v1::WriteRequest request = PutRequest(1, "a/b", "hello");
  request.set_level(v1::DURABILITY_LEVEL_ALL);
  const grpc::Status status = stub_->Write(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.result().sequence(), 1u);
  EXPECT_EQ(response.result().data_crc32c(), Crc32c("hello"));
  EXPECT_EQ(response.result().size(), 5u);
  EXPECT_TRUE(response.result().existed());
  EXPECT_EQ(response.level_reached(), v1::DURABILITY_LEVEL_ALL);
  ASSERT_EQ(response.targets_size(), 2);
  EXPECT_EQ(response.targets(0).state(), v1::TARGET_STATE_DURABLE);
  EXPECT_EQ(response.targets(1).state(), v1::TARGET_STATE_FAILED);
  EXPECT_EQ(response.targets(1).reason(), "no space \\377");
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.writes.at(0).operations.at(0).path; }),
            "a/b");
  metrics_.WaitHandled(RpcMethod::kWrite, 0, 1);
  EXPECT_EQ(metrics_.started(RpcMethod::kWrite), 1);
}

TEST_F(RpcTest, ABatchReachesCoreAsOneWrite) {
  StartServer();
  grpc::ClientContext context;
  v1::WriteBatchRequest request;
  request.set_request_id(IdOf(1));
  for (const char* path : {"a", "b", "c"})
    request.add_operations()->mutable_append()->set_path(path);
  v1::WriteBatchResponse response;
  ASSERT_TRUE(stub_->WriteBatch(&context, request, &response).ok());
  EXPECT_EQ(response.results_size(), 3);
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.writes.size(); }), 1u);
}

TEST_F(RpcTest, AWriteCanBeFoundAgainBySequenceAndById) {
  StartServer();
  grpc::ClientContext write_context;
  v1::WriteResponse written;
  ASSERT_TRUE(stub_->Write(&write_context, PutRequest(7, "x", "y"), &written).ok());
  v1::GetWriteRequest by_sequence;
  by_sequence.set_sequence(written.result().sequence());
  v1::GetWriteRequest by_id;
  by_id.set_request_id(IdOf(7));
  for (const v1::GetWriteRequest& request : {by_sequence, by_id}) {
    grpc::ClientContext context;
    v1::GetWriteResponse response;
    ASSERT_TRUE(stub_->GetWrite(&context, request, &response).ok());
    EXPECT_EQ(response.request_id(), IdOf(7));
    EXPECT_EQ(response.results(0).sequence(), written.result().sequence());
    EXPECT_EQ(response.journaled_time().seconds(), 1'700'000'000);
    EXPECT_EQ(response.journaled_time().nanos(), 123'000'000);
  }
  v1::WaitDurableRequest wait;
  wait.set_request_id(IdOf(7));
  wait.set_level(v1::DURABILITY_LEVEL_ALL);
  grpc::ClientContext context;
  v1::WaitDurableResponse response;
  ASSERT_TRUE(stub_->WaitDurable(&context, wait, &response).ok());
  EXPECT_EQ(response.sequence(), written.result().sequence());
  EXPECT_EQ(response.level_reached(), v1::DURABILITY_LEVEL_ALL);
}

TEST_F(RpcTest, EveryRefusalArrivesWithCodeReasonMetadataAndDelay) {
  StartServer();
  for (const Reason reason : AllReasons()) {
    OnCore([&](MemoryCore& core) {
      core.refusal =
          Refuse(reason, "the text", {.retry_after_ms = 1'500, .metadata = {{"sequence", "17"}}});
    });
    grpc::ClientContext context;
    v1::WriteResponse response;
    const grpc::Status status = stub_->Write(&context, PutRequest(1, "a", "b"), &response);
    EXPECT_EQ(static_cast<int>(status.error_code()), static_cast<int>(ReasonCode(reason)));
    EXPECT_EQ(status.error_message(), "the text");
    const WireError error = WireErrorOf(status);
    EXPECT_EQ(error.code, static_cast<int>(status.error_code()));
    EXPECT_EQ(error.info.reason(), ReasonName(reason));
    EXPECT_EQ(error.info.domain(), "tandem");
    EXPECT_EQ(error.info.metadata().at("sequence"), "17");
    EXPECT_EQ(error.retry_ms, 1'500);
    const auto trailer = context.GetServerTrailingMetadata().find("grpc-retry-pushback-ms");
    ASSERT_NE(trailer, context.GetServerTrailingMetadata().end());
    EXPECT_EQ(trailer->second, "1500");
  }
}

TEST_F(RpcTest, WhatRpcItselfRefusesNeverReachesCore) {
  StartServer();
  v1::WriteRequest no_id = PutRequest(1, "a", "b");
  no_id.set_request_id("nobody");
  v1::WriteRequest wild_level = PutRequest(1, "a", "b");
  wild_level.set_level(static_cast<v1::DurabilityLevel>(9));
  v1::WriteRequest corrupt = PutRequest(1, "a", "b");
  corrupt.set_data_crc32c(0);
  v1::WriteRequest late = PutRequest(1, "a", "b");
  late.mutable_wait_timeout()->set_seconds(3'601);
  v1::WriteRequest empty = PutRequest(1, "a", "b");
  empty.mutable_operation()->clear_put();
  for (const auto& [request, reason] : {std::pair{no_id, "REQUEST_ID_INVALID"},
                                        {wild_level, "LEVEL_UNKNOWN"},
                                        {corrupt, "PAYLOAD_CORRUPT"},
                                        {late, "ARGUMENT_INVALID"},
                                        {empty, "ARGUMENT_INVALID"}}) {
    grpc::ClientContext context;
    v1::WriteResponse response;
    const grpc::Status status = stub_->Write(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(WireErrorOf(status).info.reason(), reason);
  }
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.writes.size(); }), 0u);
}

TEST_F(RpcTest, ABrokenCoreIsAnInternalErrorWithoutDetails) {
  core_.no_results = true;
  StartServer();
  grpc::ClientContext context;
  v1::WriteResponse response;
  const grpc::Status status = stub_->Write(&context, PutRequest(1, "a", "b"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(WireErrorOf(status).info.reason(), "");
}

TEST_F(RpcTest, CoreWaitsLessThanTheCallersDeadline) {
  StartServer();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::WriteResponse response;
  ASSERT_TRUE(stub_->Write(&context, PutRequest(1, "a", "b"), &response).ok());
  const int64_t wait_ms =
      OnCore([](MemoryCore& core) { return core.writes.at(0).wait_timeout_ms; });
  // 5 % less; on the wire gRPC rounds the deadline up, by 1 % at most.
  EXPECT_LE(wait_ms, 19'200);
  EXPECT_GT(wait_ms, 1);
  grpc::ClientContext wait_context;
  wait_context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::WaitDurableRequest wait;
  wait.set_sequence(1);
  v1::WaitDurableResponse waited;
  ASSERT_TRUE(stub_->WaitDurable(&wait_context, wait, &waited).ok());
  EXPECT_LE(OnCore([](MemoryCore& core) { return core.waits_ms.at(0); }), 19'200);
}

TEST_F(RpcTest, TooManyUnansweredCallsAreRefusedWithADelayAndFreeTheirPlaces) {
  options_.max_calls = 2;
  core_.hold = true;
  StartServer();
  AsyncWrite first;
  AsyncWrite second;
  for (AsyncWrite* write : {&first, &second}) {
    write->request = PutRequest(1, "a", "b");
    write->Start(*stub_);
  }
  Until([](MemoryCore& core) { return core.held() == 2; });
  grpc::ClientContext context;
  v1::WriteResponse response;
  const grpc::Status status = stub_->Write(&context, PutRequest(3, "a", "b"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(WireErrorOf(status).info.reason(), "QUEUE_FULL");
  EXPECT_GT(WireErrorOf(status).retry_ms, 0);
  OnCore([](MemoryCore& core) {
    core.hold = false;
    core.Release();
  });
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
  grpc::ClientContext again;
  EXPECT_TRUE(stub_->Write(&again, PutRequest(3, "a", "b"), &response).ok());
}

TEST_F(RpcTest, TooManyBytesOnTheWayToCoreAreRefused) {
  options_.max_queued_bytes = 1'000;
  StartServer();
  // Core's thread is busy, so that one of two writes waits for it: there is no room for the other.
  std::promise<void> go_on;
  boost::asio::post(io_, [&] { go_on.get_future().wait(); });
  AsyncWrite one;
  AsyncWrite other;
  for (AsyncWrite* write : {&one, &other}) {
    write->request = PutRequest(1, "a", std::string(900, 'x'));
    write->Start(*stub_);
  }
  metrics_.WaitHandled(RpcMethod::kWrite, grpc::StatusCode::RESOURCE_EXHAUSTED, 1);
  go_on.set_value();
  const grpc::Status first = one.Wait();
  const grpc::Status second = other.Wait();
  EXPECT_NE(first.ok(), second.ok());
  EXPECT_EQ(WireErrorOf(first.ok() ? second : first).info.reason(), "QUEUE_FULL");
  AsyncWrite later;  // there is room again
  later.request = PutRequest(2, "a", std::string(900, 'x'));
  later.Start(*stub_);
  EXPECT_TRUE(later.Wait().ok());
}

TEST_F(RpcTest, ACancelledCallIsFinishedAndCoresLateAnswerIsIgnored) {
  core_.hold = true;
  StartServer();
  AsyncWrite write;
  write.request = PutRequest(1, "a", "b");
  write.Start(*stub_);
  Until([](MemoryCore& core) { return core.held() == 1; });
  write.context.TryCancel();
  EXPECT_EQ(write.Wait().error_code(), grpc::StatusCode::CANCELLED);
  metrics_.WaitHandled(RpcMethod::kWrite, grpc::StatusCode::CANCELLED, 1);
  OnCore([](MemoryCore& core) { core.Release(); });
  StopServer();
  EXPECT_EQ(metrics_.handled(RpcMethod::kWrite, 0), 0);
}

TEST_F(RpcTest, AWriteThatCoreDropsHasAnUnknownOutcome) {
  core_.hold = true;
  StartServer();
  AsyncWrite write;
  write.request = PutRequest(1, "a", "b");
  write.Start(*stub_);
  Until([](MemoryCore& core) { return core.held() == 1; });
  OnCore([](MemoryCore& core) { core.DropHeld(); });
  const grpc::Status status = write.Wait();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(WireErrorOf(status).info.reason(), "OUTCOME_UNKNOWN");
}

TEST_F(RpcTest, TheStatusShowsCoresViewAndTheDaemonsData) {
  core_.view.journal_state = JournalState::kDiskFull;
  core_.view.journal_reason = "no room";
  core_.view.appended = 12;
  core_.view.durable = 11;
  core_.view.epoch = 3;
  TargetView target;
  target.name = "corebank";
  target.path = "/mnt/corebank";
  target.status.set_health(internal::v1::LANE_HEALTH_CATCHING_UP);
  target.status.set_reason("behind");
  target.lag_writes = 5;
  target.lag_ms = 1'250;
  target.parked_count = 1;
  target.parked.emplace_back().set_path("\xff/x");
  core_.view.targets.push_back(target);
  StartServer();
  grpc::ClientContext context;
  v1::GetStatusResponse status;
  ASSERT_TRUE(admin_->GetStatus(&context, {}, &status).ok());
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.writer(), "satellite");
  EXPECT_EQ(status.io_engine(), "threads");
  EXPECT_EQ(status.started_time().seconds(), 1'700'000'000);
  EXPECT_EQ(status.journal().state(), "DISK_FULL");
  EXPECT_EQ(status.journal().reason(), "no room");
  EXPECT_EQ(status.journal().directory(), "/journal");
  EXPECT_EQ(status.journal().appended_sequence(), 12u);
  EXPECT_EQ(status.journal().durable_sequence(), 11u);
  EXPECT_EQ(status.journal().max_bytes(), 1u << 30);
  EXPECT_EQ(status.journal().epoch(), 3u);
  ASSERT_EQ(status.targets_size(), 1);
  EXPECT_EQ(status.targets(0).health(), v1::TARGET_HEALTH_CATCHING_UP);
  EXPECT_EQ(status.targets(0).reason(), "behind");
  EXPECT_EQ(status.targets(0).lag_writes(), 5u);
  EXPECT_EQ(status.targets(0).lag_time().seconds(), 1);
  EXPECT_EQ(status.targets(0).lag_time().nanos(), 250'000'000);
  EXPECT_EQ(status.targets(0).parked(0).path(), "\xff/x");
}

}  // namespace
}  // namespace tandem
