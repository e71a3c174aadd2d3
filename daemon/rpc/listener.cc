#include "daemon/rpc/listener.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

constexpr char kBindSuffix[] = ".new";
constexpr gid_t kKeepGroup = static_cast<gid_t>(-1);

// Whether somebody accepts connections at `path`.
absl::StatusOr<bool> SomebodyListens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return ErrnoStatus(errno, "socket");
  const int result = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(probe);
  if (result == 0 || error == EAGAIN) return true;  // EAGAIN: its backlog is full
  if (error == ECONNREFUSED || error == ENOENT) return false;
  return ErrnoStatus(error, absl::StrCat("connect to ", path));
}

absl::StatusOr<gid_t> GroupOf(const std::string& name) {
  if (name.empty()) return kKeepGroup;
  uint32_t number = 0;
  if (absl::SimpleAtoi(name, &number)) return static_cast<gid_t>(number);
  group entry{};
  group* found = nullptr;
  std::string buffer(16'384, '\0');
  const int error = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("look up group ", name));
  if (found == nullptr) return absl::InvalidArgumentError(absl::StrCat("no group named ", name));
  return found->gr_gid;
}

absl::Status CheckPlace(const std::string& path) {
  if (path.empty() || path.size() + sizeof(kBindSuffix) > sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the unix socket's path must have 1 to ",
                     sizeof(sockaddr_un::sun_path) - sizeof(kBindSuffix), " bytes: ", path));
  }
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the unix socket's directory does not exist: ", directory));
  }
  if (lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, absl::StrCat("stat ", path));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is something else than a socket at ", path));
  }
  ASSIGN_OR_RETURN(const bool taken, SomebodyListens(path));
  if (taken) {
    return absl::FailedPreconditionError(absl::StrCat("a server listens already at ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const std::string& path, absl::string_view what) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  if (!file || content.view().empty()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read the ", what, ": ", path));
  }
  return std::move(content).str();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketFile>> SocketFile::Prepare(const UnixListenOptions& options) {
  RETURN_IF_ERROR(CheckPlace(options.path));
  ASSIGN_OR_RETURN(const gid_t group, GroupOf(options.group));
  return std::unique_ptr<SocketFile>(new SocketFile(options, group));
}

SocketFile::SocketFile(const UnixListenOptions& options, gid_t group)
    : options_(options), group_(group), bind_path_(options.path + kBindSuffix) {}

absl::Status SocketFile::Publish() {
  if (group_ != kKeepGroup && chown(bind_path_.c_str(), static_cast<uid_t>(-1), group_) != 0) {
    return ErrnoStatus(errno, absl::StrCat("set the group of ", bind_path_));
  }
  if (chmod(bind_path_.c_str(), options_.mode) != 0) {
    return ErrnoStatus(errno, absl::StrCat("set the mode of ", bind_path_));
  }
  struct stat status {};
  if (stat(bind_path_.c_str(), &status) != 0) {
    return ErrnoStatus(errno, absl::StrCat("stat ", bind_path_));
  }
  if (rename(bind_path_.c_str(), options_.path.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", bind_path_, " to ", options_.path));
  }
  inode_ = status.st_ino;
  return absl::OkStatus();
}

SocketFile::~SocketFile() {
  struct stat status {};
  if (inode_ == 0 || lstat(options_.path.c_str(), &status) != 0) return;
  if (S_ISSOCK(status.st_mode) && status.st_ino == inode_) unlink(options_.path.c_str());
}

std::string UnixTarget(const std::string& path) {
  std::string target = "unix:";
  for (const char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || std::strchr("/-._~", c) != nullptr) {
      target.push_back(c);
    } else {
      absl::StrAppendFormat(&target, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return target;
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MutualTls(
    const TcpListenOptions& options) {
  if (options.cert_file.empty() || options.key_file.empty() || options.client_ca_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "TCP (", options.address,
        ") is served with mutual TLS only: name the certificate, its key and the clients' CA"));
  }
  ASSIGN_OR_RETURN(std::string certificate, ReadAll(options.cert_file, "certificate"));
  ASSIGN_OR_RETURN(std::string key, ReadAll(options.key_file, "certificate's key"));
  ASSIGN_OR_RETURN(std::string client_ca, ReadAll(options.client_ca_file, "clients' CA"));
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = std::move(client_ca);
  tls.pem_key_cert_pairs.push_back({std::move(key), std::move(certificate)});
  return grpc::SslServerCredentials(tls);
}

}  // namespace tandem
