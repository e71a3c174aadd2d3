#include <grpcpp/create_channel_posix.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "daemon/base/crc32c.h"
#include "tests/unit/rpc/rpc_fixture.h"

namespace tandem {
namespace {

v1::UploadRequest Header(int id) {
  v1::UploadRequest part;
  part.mutable_header()->set_request_id(IdOf(id));
  part.mutable_header()->set_path("big");
  return part;
}

v1::UploadRequest Data(const std::string& data) {
  v1::UploadRequest part;
  part.set_data(data);
  return part;
}

class UploadTest : public RpcTest {
 protected:
  // Sends the parts, then half-closes.
  grpc::Status Send(const std::vector<v1::UploadRequest>& parts) {
    grpc::ClientContext context;
    const auto writer = stub_->Upload(&context, &response_);
    for (const v1::UploadRequest& part : parts) {
      if (!writer->Write(part)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }

  std::string ReasonOfSent(const std::vector<v1::UploadRequest>& parts) {
    return WireErrorOf(Send(parts)).info.reason();
  }

  v1::UploadResponse response_;
};

TEST_F(UploadTest, ChunksArriveInOrderAndTheHalfCloseCommits) {
  StartServer();
  std::vector<v1::UploadRequest> parts = {Header(1)};
  std::string whole;
  for (int i = 0; i < 50; ++i) {
    const std::string chunk(10'000 + static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    parts.push_back(Data(chunk));
    whole += chunk;
  }
  const grpc::Status status = Send(parts);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response_.result().size(), whole.size());
  EXPECT_EQ(response_.result().data_crc32c(), Crc32c(whole));
  OnCore([&](MemoryCore& core) {
    ASSERT_EQ(core.committed.size(), 1u);
    EXPECT_EQ(core.committed[0].data, whole);
    EXPECT_EQ(core.committed[0].chunks, 50u);
    EXPECT_EQ(core.committed[0].request.path, "big");
    EXPECT_EQ(core.aborted, 0u);
  });
}

TEST_F(UploadTest, AnEmptyFileIsAnUploadToo) {
  StartServer();
  EXPECT_TRUE(Send({Header(1)}).ok());
  EXPECT_TRUE(Send({Header(2), Data("")}).ok());
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.committed.size(); }), 2u);
}

TEST_F(UploadTest, PartsOutOfPlaceAreRefusedAndNothingStaysOpen) {
  options_.max_write_bytes = 1'000;
  StartServer();
  EXPECT_EQ(ReasonOfSent({}), "ARGUMENT_INVALID");
  EXPECT_EQ(ReasonOfSent({Data("x")}), "ARGUMENT_INVALID");
  EXPECT_EQ(ReasonOfSent({Header(1), Data("x"), Header(1)}), "ARGUMENT_INVALID");
  EXPECT_EQ(ReasonOfSent({Header(1), v1::UploadRequest()}), "ARGUMENT_INVALID");
  EXPECT_EQ(ReasonOfSent({Header(1), Data(std::string(1'001, 'x'))}), "PAYLOAD_TOO_LARGE");
  v1::UploadRequest no_id = Header(1);
  no_id.mutable_header()->set_request_id("");
  EXPECT_EQ(ReasonOfSent({no_id}), "REQUEST_ID_INVALID");
  Until([](MemoryCore& core) { return core.open.empty(); });
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.committed.size(); }), 0u);
}

TEST_F(UploadTest, CoresRefusalsReachTheCaller) {
  core_.refusal = Refuse(Reason::kUploadsFull, "too many");
  StartServer();
  EXPECT_EQ(ReasonOfSent({Header(1), Data("x")}), "UPLOADS_FULL");
  OnCore([](MemoryCore& core) {
    core.refusal = absl::OkStatus();
    core.chunk_refusal = Refuse(Reason::kJournalFull, "full");
  });
  EXPECT_EQ(ReasonOfSent({Header(1), Data("x"), Data("y")}), "JOURNAL_FULL");
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.aborted; }), 0u);  // core forgot it by itself
}

TEST_F(UploadTest, AnEarlierAttemptIsAnsweredWithoutReadingTheData) {
  core_.earlier_upload = true;
  StartServer();
  EXPECT_TRUE(Send({Header(1), Data("x"), Data("y")}).ok());
  EXPECT_TRUE(response_.earlier_attempt());
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.open.size(); }), 0u);
}

TEST_F(UploadTest, AClientThatGoesAwayBeforeTheEndNeverCommits) {
  constexpr int kRounds = 200;
  StartServer();
  for (int round = 0; round < kRounds; ++round) {
    grpc::ClientContext context;
    const auto writer = stub_->Upload(&context, &response_);
    writer->Write(Header(round + 1));
    writer->Write(Data("half of it"));
    // Sometimes core has the chunk already, sometimes it is on its way.
    if (round % 2 == 0) {
      Until([](MemoryCore& core) {
        return !core.open.empty() && core.open.begin()->second.chunks > 0;
      });
    }
    context.TryCancel();
    EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
    Until([](MemoryCore& core) { return core.open.empty(); });
  }
  StopServer();
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.committed.size(); }), 0u);
}

TEST_F(UploadTest, AConnectionThatBreaksBeforeTheEndNeverCommits) {
  constexpr int kRounds = 100;
  StartServer();
  for (int round = 0; round < kRounds; ++round) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, options_.unix_socket.path.c_str());
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ASSERT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const int other_end = dup(connection);
    const auto stub =
        v1::TandemService::NewStub(grpc::CreateInsecureChannelFromFd("broken", connection));
    grpc::ClientContext context;
    const auto writer = stub->Upload(&context, &response_);
    writer->Write(Header(round + 1));
    writer->Write(Data("half of it"));
    Until([](MemoryCore& core) { return !core.open.empty(); });
    shutdown(other_end, SHUT_RDWR);
    close(other_end);
    EXPECT_FALSE(writer->Finish().ok());
    Until([](MemoryCore& core) { return core.open.empty(); });
  }
  StopServer();
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.committed.size(); }), 0u);
}

TEST_F(UploadTest, ACancelWhileItIsBeingOpenedAbortsIt) {
  core_.hold_open = true;
  StartServer();
  grpc::ClientContext context;
  const auto writer = stub_->Upload(&context, &response_);
  writer->Write(Header(1));
  Until([](MemoryCore& core) { return core.held() == 1; });
  context.TryCancel();
  writer->Finish();
  metrics_.WaitHandled(RpcMethod::kUpload, grpc::StatusCode::CANCELLED, 1);
  OnCore([](MemoryCore& core) { core.Release(); });
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.aborted; }), 1u);
}

TEST_F(UploadTest, ACommitThatTakesTooLongIsAnsweredBeforeTheCallsDeadline) {
  core_.hold = true;
  StartServer();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1'500));
  const auto writer = stub_->Upload(&context, &response_);
  writer->Write(Header(1));
  writer->Write(Data("x"));
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const WireError error = WireErrorOf(status);
  EXPECT_EQ(error.info.reason(), "DURABILITY_NOT_REACHED");
  EXPECT_EQ(error.info.metadata().at("sequence"), "1");
  EXPECT_EQ(error.info.metadata().at("level_reached"), "JOURNALED");
  OnCore([](MemoryCore& core) { core.Release(); });
}

// An answer from an earlier attempt waits for its level, too.
TEST_F(UploadTest, WhatIsAnsweredBeforeTheDataKnowsTheCallsDeadline) {
  StartServer();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const auto writer = stub_->Upload(&context, &response_);
  v1::UploadRequest header = Header(1);
  header.mutable_header()->mutable_wait_timeout()->set_seconds(50);
  writer->Write(header);
  writer->WritesDone();
  ASSERT_TRUE(writer->Finish().ok());
  OnCore([](MemoryCore& core) {
    const UploadRequest& request = core.committed.at(0).request;
    ASSERT_TRUE(request.open_timeout_ms.has_value());
    EXPECT_LT(*request.open_timeout_ms, 20'000);
    EXPECT_EQ(request.wait_timeout_ms, 50'000) << "from the commit on";
  });
}

TEST_F(UploadTest, AShutdownEndsAnUploadThatIsNotWholeAtOnce) {
  StartServer();
  grpc::ClientContext context;
  const auto writer = stub_->Upload(&context, &response_);
  ASSERT_TRUE(writer->Write(Header(1)));
  ASSERT_TRUE(writer->Write(Data("some")));
  Until([](MemoryCore& core) { return core.open.size() == 1 && core.open.begin()->second.chunks; });
  StopServer(3'600'000);
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.aborted; }), 1u);
  const grpc::Status status = writer->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(WireErrorOf(status).info.reason(), "SHUTTING_DOWN");
}

TEST_F(UploadTest, AShutdownAnswersAnUploadThatHasComeWhole) {
  core_.hold = true;
  StartServer();
  grpc::ClientContext context;
  const auto writer = stub_->Upload(&context, &response_);
  ASSERT_TRUE(writer->Write(Header(1)));
  ASSERT_TRUE(writer->Write(Data("some")));
  writer->WritesDone();
  Until([](MemoryCore& core) { return core.held() == 1; });
  std::thread stopper([this] { StopServer(3'600'000); });
  OnCore([](MemoryCore& core) { core.Release(); });
  EXPECT_TRUE(writer->Finish().ok());
  stopper.join();
}

TEST_F(UploadTest, AShutdownEndsAnOpenUpload) {
  StartServer();
  grpc::ClientContext context;
  const auto writer = stub_->Upload(&context, &response_);
  writer->Write(Header(1));
  Until([](MemoryCore& core) { return !core.open.empty(); });
  StopServer(1);
  EXPECT_FALSE(writer->Finish().ok());
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.committed.size(); }), 0u);
}

}  // namespace
}  // namespace tandem
