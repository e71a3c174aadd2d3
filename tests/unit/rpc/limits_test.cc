// How a server ends, and which messages it takes.
#include "tests/unit/rpc/rpc_fixture.h"

namespace tandem {
namespace {

TEST_F(RpcTest, AShutdownEndsCallsThatCoreNeverAnswers) {
  core_.hold = true;
  StartServer();
  AsyncWrite write;
  write.request = PutRequest(1, "a", "b");
  write.Start(*stub_);
  Until([](MemoryCore& core) { return core.held() == 1; });
  StopServer(1);
  EXPECT_FALSE(write.Wait().ok());
  OnCore([](MemoryCore& core) { core.Release(); });  // far too late
}

TEST_F(RpcTest, AShutdownWaitsForAnswersThatComeInTime) {
  core_.hold = true;
  StartServer();
  AsyncWrite write;
  write.request = PutRequest(1, "a", "b");
  write.Start(*stub_);
  Until([](MemoryCore& core) { return core.held() == 1; });
  boost::asio::post(io_, [this] { boost::asio::post(io_, [this] { core_.Release(); }); });
  StopServer(60'000);
  EXPECT_TRUE(write.Wait().ok());
}

TEST_F(RpcTest, CallsThatBeginDuringAShutdownAreToldSo) {
  core_.hold = true;
  StartServer();
  AsyncWrite write;
  write.request = PutRequest(1, "a", "b");
  write.Start(*stub_);
  Until([](MemoryCore& core) { return core.held() == 1; });
  std::thread stopper([this] { StopServer(3'600'000); });
  grpc::Status status;
  do {
    grpc::ClientContext context;
    v1::GetWriteRequest request;
    request.set_sequence(1);
    v1::GetWriteResponse response;
    status = stub_->GetWrite(&context, request, &response);
  } while (status.error_code() != grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(WireErrorOf(status).info.reason(), "SHUTTING_DOWN");
  grpc::ClientContext context;
  v1::UploadResponse uploaded;
  EXPECT_EQ(WireErrorOf(stub_->Upload(&context, &uploaded)->Finish()).info.reason(),
            "SHUTTING_DOWN");
  grpc::ClientContext stream_context;
  EXPECT_EQ(WireErrorOf(stub_->WriteStream(&stream_context)->Finish()).info.reason(),
            "SHUTTING_DOWN");
  OnCore([](MemoryCore& core) { core.Release(); });
  stopper.join();
  EXPECT_TRUE(write.Wait().ok()) << "it was under way";
}

TEST_F(RpcTest, AServerThatIsDestroyedWithCallsInFlightDoesNotHang) {
  core_.hold = true;
  StartServer();
  AsyncWrite write;
  write.request = PutRequest(1, "a", "b");
  write.Start(*stub_);
  Until([](MemoryCore& core) { return core.held() == 1; });
  OnCore([this](MemoryCore&) { server_.reset(); });
  EXPECT_FALSE(write.Wait().ok());
}

TEST_F(RpcTest, APayloadOverTheLimitIsRefusedWithItsReasonThoughItIsFarOver) {
  options_.max_write_bytes = 1'000;
  options_.max_queued_bytes = 1;
  StartServer();
  for (const size_t bytes : {size_t{1'001}, size_t{70'000}, size_t{4'000'000}}) {
    grpc::ClientContext context;
    v1::WriteResponse response;
    const grpc::Status status =
        stub_->Write(&context, PutRequest(1, "a", std::string(bytes, 'x')), &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bytes;
    EXPECT_EQ(WireErrorOf(status).info.reason(), "PAYLOAD_TOO_LARGE") << bytes;
  }
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.writes.size(); }), 0u);
}

TEST_F(RpcTest, ABatchOfTheLongestPathsIsNoTooLargeMessage) {
  options_.max_write_bytes = 1'000;
  StartServer();
  grpc::ClientContext context;
  v1::WriteBatchRequest request;
  request.set_request_id(IdOf(1));
  for (int i = 0; i < 256; ++i) {
    auto& rename = *request.add_operations()->mutable_rename();
    rename.set_path(std::string(3072, 'a'));
    rename.set_new_path(std::string(3072, 'b'));
  }
  v1::WriteBatchResponse response;
  const grpc::Status status = stub_->WriteBatch(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(RpcTest, AMessageFarOverTheLimitIsRefusedBeforeItIsParsed) {
  options_.max_write_bytes = 1'000;
  StartServer();
  grpc::ClientContext context;
  v1::WriteResponse response;
  const grpc::Status status =
      stub_->Write(&context, PutRequest(1, "a", std::string(5 << 20, 'x')), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.writes.size(); }), 0u);
}

}  // namespace
}  // namespace tandem
