// The real tandemd under the bench.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/process.h"
#include "tandem/v1/admin.grpc.pb.h"

namespace tandem::bench {

using RoleUse = std::map<std::string, ProcessUse>;  // by "supervisor", "core", a target's name

// A channel of its own to a unix socket: equal settings for every server that is measured.
[[nodiscard]] std::shared_ptr<grpc::Channel> Connect(const std::string& socket);
// Waits until a server accepts connections there; `limit_s` seconds at most.
[[nodiscard]] absl::Status WaitForSocket(const std::string& socket, int limit_s);

// Owner: the main thread. The destructor leaves no process behind.
class Daemon {
 public:
  // Journal, both targets, socket and log go below `directory`, which exists.
  Daemon(std::string binary, std::string directory);
  ~Daemon() { KillAll(); }

  // Does not wait.
  [[nodiscard]] absl::Status Start();
  // Waits until both targets are healthy.
  [[nodiscard]] absl::Status WaitHealthy();
  // SIGTERM, and waits.
  void Stop();
  // SIGKILL to every process, and waits.
  void KillAll();
  // To the one with this role.
  [[nodiscard]] absl::Status Signal(const std::string& role, int signal) const;

  // Waits until both targets hold all that was journaled.
  [[nodiscard]] absl::Status Drain();
  // Bytes of data not yet on the target; 0 if it is not known.
  [[nodiscard]] uint64_t LagBytes(const std::string& target);
  [[nodiscard]] RoleUse Use(bool with_pss) const;
  // A metric without labels; 0 if it is not there.
  [[nodiscard]] double Metric(const std::string& name) const;

  [[nodiscard]] std::string socket() const { return directory_ + "/tandem.sock"; }
  [[nodiscard]] std::string log() const { return directory_ + "/log"; }

 private:
  [[nodiscard]] std::map<std::string, pid_t> Processes() const;
  [[nodiscard]] absl::StatusOr<v1::GetStatusResponse> Status();

  const std::string binary_;
  const std::string directory_;
  uint16_t http_port_ = 0;
  ChildProcess supervisor_;
};

}  // namespace tandem::bench
