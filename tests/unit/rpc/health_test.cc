#include <grpcpp/generic/generic_stub.h>

#include "tests/unit/rpc/rpc_fixture.h"

namespace tandem {
namespace {

grpc::ByteBuffer Bytes(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string TextOf(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

// One field of length-delimited bytes, as protobuf writes it; shorter than 128.
std::string Field(int number, const std::string& bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(bytes.size())) + bytes;
}

class HealthTest : public RpcTest {
 protected:
  enum Health { kServing = 1, kNotServing = 2, kUnknownService = -1 };

  // grpc.health.v1.Health.Check, by its wire format.
  Health Check(const std::string& service) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    const grpc::ByteBuffer request = Bytes(service.empty() ? "" : Field(1, service));
    grpc::ByteBuffer response;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request,
                   &response, [&](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) return kUnknownService;
    EXPECT_TRUE(status.ok()) << status.error_message();
    const std::string bytes = TextOf(response);
    return bytes.size() == 2 && bytes[0] == 0x08 ? static_cast<Health>(bytes[1]) : kUnknownService;
  }

  void SetTarget(internal::v1::LaneHealth health) {
    OnCore([&](MemoryCore& core) {
      core.view.targets.resize(1);
      core.view.targets[0].name = "corebank";
      core.view.targets[0].status.set_health(health);
      server_->UpdateHealth();
    });
  }
};

TEST_F(HealthTest, TheServiceIsHealthyWhileTheJournalTakesWrites) {
  StartServer();
  EXPECT_EQ(Check(""), kServing);
  EXPECT_EQ(Check("tandem.v1.TandemService"), kServing);
  EXPECT_EQ(Check("target/nobody"), kUnknownService);
  for (const JournalState state :
       {JournalState::kFull, JournalState::kDiskFull, JournalState::kFailed}) {
    OnCore([&](MemoryCore& core) {
      core.view.journal_state = state;
      server_->UpdateHealth();
    });
    EXPECT_EQ(Check(""), kNotServing);
    EXPECT_EQ(Check("tandem.v1.TandemService"), kNotServing);
  }
}

TEST_F(HealthTest, AJournalThatFailedBeforeTheStartIsNeverShownAsServing) {
  core_.view.journal_state = JournalState::kFailed;
  StartServer();
  EXPECT_EQ(Check(""), kNotServing);
}

TEST_F(HealthTest, ATargetsHealthIsItsOwnAndDoesNotTouchTheServices) {
  StartServer();
  using internal::v1::LaneHealth;
  for (const auto& [health, expected] : {std::pair{LaneHealth::LANE_HEALTH_HEALTHY, kServing},
                                         {LaneHealth::LANE_HEALTH_DOWN, kNotServing},
                                         {LaneHealth::LANE_HEALTH_SLOW, kServing},
                                         {LaneHealth::LANE_HEALTH_STALLED, kNotServing},
                                         {LaneHealth::LANE_HEALTH_CATCHING_UP, kServing},
                                         {LaneHealth::LANE_HEALTH_STARTING, kNotServing},
                                         {LaneHealth::LANE_HEALTH_UNSPECIFIED, kNotServing}}) {
    SetTarget(health);
    EXPECT_EQ(Check("target/corebank"), expected) << health;
    EXPECT_EQ(Check(""), kServing);
  }
}

// grpc.health.v1.Health.Watch of everything; nobody but the server ends it.
class Watcher : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Watcher(grpc::GenericStub& stub) : request_(Bytes("")) {
    stub.PrepareBidiStreamingCall(&context_, "/grpc.health.v1.Health/Watch", grpc::StubOptions(),
                                  this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (++answers_ == 1) first_.set_value();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override { done_.set_value(); }
  void WaitForFirst() { first_.get_future().get(); }
  void WaitForEnd() { done_.get_future().get(); }

 private:
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  int answers_ = 0;
  std::promise<void> first_;
  std::promise<void> done_;
};

TEST_F(HealthTest, AnOpenWatchDoesNotHoldTheShutdown) {
  StartServer();
  grpc::GenericStub stub(channel_);
  Watcher watcher(stub);
  watcher.WaitForFirst();
  StopServer(3'600'000);
  watcher.WaitForEnd();
}

// Sends one request, keeps the first answer.
class Reflector : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Reflector(grpc::GenericStub& stub, const std::string& request) : request_(Bytes(request)) {
    stub.PrepareBidiStreamingCall(&context_,
                                  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                  grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (ok) text_ = TextOf(response_);
  }
  void OnDone(const grpc::Status&) override { done_.set_value(text_); }
  std::string Wait() { return done_.get_future().get(); }

 private:
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::string text_;
  std::promise<std::string> done_;
};

TEST_F(HealthTest, ReflectionNamesTheServices) {
  StartServer();
  grpc::GenericStub stub(channel_);
  Reflector reflector(stub, Field(7, "*"));
  const std::string services = reflector.Wait();
  for (const char* name :
       {"tandem.v1.TandemService", "tandem.v1.AdminService", "grpc.health.v1.Health"}) {
    EXPECT_NE(services.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace tandem
