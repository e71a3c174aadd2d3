// TCP with mutual TLS: who has a certificate of ours is served, nobody else.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/integration/daemon.h"
#include "tests/integration/program.h"

namespace tandem {
namespace {

int FreePort() {
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(file, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(getsockname(file, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(file);
  return ntohs(address.sin_port);
}

class TlsTest : public testing::Test {
 protected:
  [[nodiscard]] std::string File(const std::string& name) const {
    return workspace_.root() + "/" + name;
  }

  void OpenSsl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    ASSERT_EQ(Program(arguments, File("openssl.log")).Wait(), 0) << Contents(File("openssl.log"));
  }

  void MakeAuthority(const std::string& name) {
    OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", File(name + ".key"), "-out", File(name + ".pem"), "-subj", "/CN=" + name});
  }

  void MakeCertificate(const std::string& name, const std::string& authority) {
    std::ofstream(File(name + ".ext")) << "subjectAltName=IP:127.0.0.1\n";
    OpenSsl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             File(name + ".key"), "-out", File(name + ".csr"), "-subj", "/CN=" + name});
    OpenSsl({"x509", "-req", "-in", File(name + ".csr"), "-CA", File(authority + ".pem"), "-CAkey",
             File(authority + ".key"), "-CAcreateserial", "-extfile", File(name + ".ext"), "-out",
             File(name + ".pem")});
  }

  [[nodiscard]] std::unique_ptr<client::Client> ConnectAs(const std::string& name) const {
    client::ClientOptions options;
    options.address = address_;
    options.tls = {.ca_file = File("ca.pem"),
                   .certificate_file = File(name + ".pem"),
                   .key_file = File(name + ".key")};
    auto client = client::Client::Connect(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  Workspace workspace_;
  std::string address_ = absl::StrCat("127.0.0.1:", FreePort());
};

TEST_F(TlsTest, ServesOverTcpWhoHasACertificateOfItsAuthorityOnly) {
  MakeAuthority("ca");
  MakeAuthority("stranger_ca");
  MakeCertificate("server", "ca");
  MakeCertificate("app", "ca");
  MakeCertificate("stranger", "stranger_ca");
  Daemon daemon(workspace_, {.keys = {{"tcp_address", address_},
                                      {"tls_certificate_file", File("server.pem")},
                                      {"tls_key_file", File("server.key")},
                                      {"tls_client_ca_file", File("ca.pem")}}});
  daemon.Start();
  ASSERT_TRUE(daemon.WaitServing());
  const auto app = ConnectAs("app");
  ASSERT_TRUE(app->WaitReady(absl::Seconds(30)).ok());
  EXPECT_TRUE(app->Put("over-tcp", "x", {.level = client::Level::kAll}).ok());
  EXPECT_EQ(Contents(workspace_.OnCoreBank("over-tcp")), "x");
  const auto stranger = ConnectAs("stranger");
  const auto refused = stranger->Put("stranger", "x", {.timeout = absl::Seconds(2)});
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(Contents(workspace_.OnLocal("stranger")), "");
}

}  // namespace
}  // namespace tandem
