#include "daemon/rpc/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "tests/unit/rpc/rpc_fixture.h"

namespace tandem {
namespace {

class ListenerTest : public RpcTest {
 protected:
  absl::Status StartStatus() {
    absl::Status status;
    if (!thread_.joinable()) thread_ = std::thread([this] { io_.run(); });
    OnCore([&](MemoryCore& core) {
      status = RpcServer::Start(options_, core, io_.get_executor(), metrics_, *log_).status();
    });
    return status;
  }

  // Binds a unix socket at the server's path, as a server would; closed by the caller.
  int BindSocket() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, options_.unix_socket.path.c_str());
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd, 1), 0);
    return fd;
  }

  grpc::Status WriteOne(v1::TandemService::Stub& stub) {
    grpc::ClientContext context;
    v1::WriteResponse response;
    return stub.Write(&context, PutRequest(1, "a", "b"), &response);
  }
};

TEST_F(ListenerTest, TheSocketHasTheModeAndGroupAskedForAndIsRemovedAtTheEnd) {
  options_.unix_socket.mode = 0620;
  options_.unix_socket.group = std::to_string(getegid());
  StartServer();
  struct stat status {};
  ASSERT_EQ(stat(Path("tandem.sock").c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 07777, 0620u);
  EXPECT_EQ(status.st_gid, getegid());
  OnCore([this](MemoryCore&) { server_.reset(); });
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(ListenerTest, ADeadServersSocketIsReplaced) {
  close(BindSocket());
  StartServer();
  EXPECT_TRUE(WriteOne(*stub_).ok());
}

TEST_F(ListenerTest, ALiveServersSocketIsNotTaken) {
  const int live = BindSocket();
  EXPECT_EQ(StartStatus().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(Path("tandem.sock")));
  close(live);
}

TEST_F(ListenerTest, AFileThatIsNoSocketIsNotTouched) {
  std::ofstream(Path("tandem.sock")) << "mine";
  EXPECT_EQ(StartStatus().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::filesystem::file_size(Path("tandem.sock")), 4u);
}

TEST_F(ListenerTest, APathThatCannotBeASocketIsRefusedClearly) {
  options_.unix_socket.path = Path("missing/tandem.sock");
  EXPECT_EQ(StartStatus().code(), absl::StatusCode::kInvalidArgument);
  options_.unix_socket.path = Path(std::string(100, 'x'));
  EXPECT_EQ(StartStatus().code(), absl::StatusCode::kInvalidArgument);
  options_.unix_socket.path = "";
  EXPECT_EQ(StartStatus().code(), absl::StatusCode::kInvalidArgument);
  options_.unix_socket.path = Path("tandem.sock");
  options_.unix_socket.group = "no-such-group-here";
  EXPECT_EQ(StartStatus().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ListenerTest, APathWithSpacesAndPercentSignsWorks) {
  options_.unix_socket.path = Path("a b%41?.sock");
  StartServer();
  const auto stub = v1::TandemService::NewStub(grpc::CreateChannel(
      UnixTarget(options_.unix_socket.path), grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(WriteOne(*stub).ok());
}

TEST_F(ListenerTest, TcpWithoutMutualTlsIsRefused) {
  options_.tcp.address = "127.0.0.1:0";
  const absl::Status status = StartStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("mutual TLS"), absl::string_view::npos) << status;
  options_.tcp.cert_file = Path("missing.pem");
  options_.tcp.key_file = Path("missing.key");
  options_.tcp.client_ca_file = Path("missing-ca.pem");
  EXPECT_EQ(StartStatus().code(), absl::StatusCode::kInvalidArgument);
}

class MutualTlsTest : public ListenerTest {
 protected:
  void SetUp() override {
    MakeCa("ca");
    MakeCa("stranger");
    MakeCertificate("server", "ca");
    MakeCertificate("client", "ca");
    MakeCertificate("intruder", "stranger");
    options_.tcp = {.address = "127.0.0.1:0",
                    .cert_file = Path("server.pem"),
                    .key_file = Path("server.key"),
                    .client_ca_file = Path("ca.pem")};
    StartServer();
  }

  void Run(const std::string& command) {
    ASSERT_EQ(std::system(("cd " + directory_ + " && " + command + " 2>openssl.log").c_str()), 0)
        << command;
  }
  void MakeCa(const std::string& name) {
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" +
        name + " -keyout " + name + ".key -out " + name + ".pem");
  }
  void MakeCertificate(const std::string& name, const std::string& ca) {
    Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
        " -addext subjectAltName=IP:127.0.0.1 -keyout " + name + ".key -out " + name + ".csr");
    Run("openssl x509 -req -days 2 -copy_extensions copy -CAcreateserial -in " + name +
        ".csr -CA " + ca + ".pem -CAkey " + ca + ".key -out " + name + ".pem");
  }
  std::string Read(const std::string& name) {
    std::ifstream file(Path(name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  grpc::Status WriteWith(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    const auto stub = v1::TandemService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->tcp_port()), credentials));
    return WriteOne(*stub);
  }
  std::shared_ptr<grpc::ChannelCredentials> As(const std::string& name) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Read("ca.pem");
    if (!name.empty()) {
      options.pem_private_key = Read(name + ".key");
      options.pem_cert_chain = Read(name + ".pem");
    }
    return grpc::SslCredentials(options);
  }
};

TEST_F(MutualTlsTest, OnlyAClientWithACertificateOfTheCaGetsIn) {
  EXPECT_NE(server_->tcp_port(), 0);
  const grpc::Status good = WriteWith(As("client"));
  EXPECT_TRUE(good.ok()) << good.error_message();
  EXPECT_FALSE(WriteWith(As("")).ok());
  EXPECT_FALSE(WriteWith(As("intruder")).ok());
  EXPECT_FALSE(WriteWith(grpc::InsecureChannelCredentials()).ok());
  EXPECT_EQ(OnCore([](MemoryCore& core) { return core.writes.size(); }), 1u);
}

}  // namespace
}  // namespace tandem
