#include "tests/unit/rpc/rpc_fixture.h"

#include <cstdio>

namespace tandem {

WireError WireErrorOf(const grpc::Status& status) {
  WireError error;
  google::rpc::Status message;
  EXPECT_TRUE(message.ParseFromString(status.error_details()));
  error.code = message.code();
  for (const google::protobuf::Any& detail : message.details()) {
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&error.info)) continue;
    if (detail.UnpackTo(&retry)) {
      error.retry_ms =
          retry.retry_delay().seconds() * 1000 + retry.retry_delay().nanos() / 1'000'000;
    }
  }
  return error;
}

std::string IdOf(int number) {
  std::string id(64, '\0');
  id.resize(static_cast<size_t>(
      std::snprintf(id.data(), id.size(), "00000000-0000-4000-8000-%012d", number)));
  return id;
}

v1::WriteRequest PutRequest(int id, const std::string& path, const std::string& data) {
  v1::WriteRequest request;
  request.set_request_id(IdOf(id));
  request.mutable_operation()->mutable_put()->set_path(path);
  request.mutable_operation()->mutable_put()->set_data(data);
  return request;
}

RpcTest::RpcTest() {
  std::string name = (std::filesystem::temp_directory_path() / "tandem-rpc-XXXXXX").string();
  directory_ = mkdtemp(name.data());
  options_.unix_socket.path = Path("tandem.sock");
  options_.status = {.version = "1.2.3",
                     .writer = "satellite",
                     .started_ms = 1'700'000'000'500,
                     .journal_directory = "/journal",
                     .journal_max_bytes = 1 << 30,
                     .io_engine = "threads"};
}

RpcTest::~RpcTest() {
  if (thread_.joinable()) {
    OnCore([this](MemoryCore&) { server_.reset(); });
    work_.reset();
    thread_.join();
  }
  std::filesystem::remove_all(directory_);
}

void RpcTest::StartServer() {
  thread_ = std::thread([this] { io_.run(); });
  OnCore([this](MemoryCore& core) {
    auto server = RpcServer::Start(options_, core, io_.get_executor(), metrics_, *log_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  });
  channel_ = NewChannel();
  stub_ = v1::TandemService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(channel_);
}

void RpcTest::StopServer(int64_t deadline_ms) {
  std::promise<void> stopped;
  boost::asio::post(io_, [&] {
    boost::asio::co_spawn(io_.get_executor(), server_->Shutdown(deadline_ms),
                          [&](const std::exception_ptr&) { stopped.set_value(); });
  });
  stopped.get_future().get();
}

std::shared_ptr<grpc::Channel> RpcTest::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(UnixTarget(Path("tandem.sock")),
                                   grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace tandem
