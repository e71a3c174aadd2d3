// Where the server can be reached: a unix socket, and TCP with mutual TLS.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace tandem {

struct UnixListenOptions {
  std::string path;    // of the socket; its directory must exist
  mode_t mode = 0660;  // who may connect needs write permission
  std::string group;   // name or number; "": the process's own
};

struct TcpListenOptions {
  std::string address;         // "host:port"; "" for no TCP; port 0: the system chooses
  std::string cert_file;       // PEM, the server's chain
  std::string key_file;        // PEM
  std::string client_ca_file;  // PEM, who signs the clients' certificates
};

// A unix socket's file. gRPC binds bind_path(); Publish then gives the socket its mode and group
// and moves it to its place in one step, so that nobody ever connects before the permissions are
// right. The destructor removes the file if it is still this one.
class SocketFile {
 public:
  // FAILED_PRECONDITION if a server listens there already; INVALID_ARGUMENT if the path is too
  // long, is something else than a socket, or has no directory. A dead server's socket is no
  // obstacle.
  static absl::StatusOr<std::unique_ptr<SocketFile>> Prepare(const UnixListenOptions& options);
  ~SocketFile();
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  [[nodiscard]] const std::string& bind_path() const { return bind_path_; }
  [[nodiscard]] absl::Status Publish();

 private:
  SocketFile(const UnixListenOptions& options, gid_t group);

  const UnixListenOptions options_;
  const gid_t group_;
  const std::string bind_path_;
  ino_t inode_ = 0;  // of what was published; 0: nothing yet
};

// `path` as gRPC wants it: "unix:" and the path, percent-encoded where a URI needs that.
[[nodiscard]] std::string UnixTarget(const std::string& path);

// Credentials that require a client certificate signed by the CA. INVALID_ARGUMENT if a file is not
// named (TCP without mutual TLS is not offered) or cannot be read.
[[nodiscard]] absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MutualTls(
    const TcpListenOptions& options);

}  // namespace tandem
