// Files that end the daemon, as kill -9 does, at a chosen operation.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "daemon/io/files.h"

namespace tandem {

// Which operation kills. Written "role=core,op=write,path=.seg,n=25,when=before".
struct Failpoint {
  std::string role;      // "core", or a lane's target
  std::string op;        // "open", "read", "write", "sync", "rename"
  std::string path;      // part of the path, of either path of a rename
  std::string to;        // rename: start of the new name
  std::string not_path;  // not in the path
  // Only if the same file, beneath this directory instead of `own_root`, is there already.
  std::string other_root;
  std::string own_root;
  uint64_t n = 1;      // at the n-th such operation
  bool after = false;  // when it has happened, before its caller knows

  // nullopt: it makes no sense.
  [[nodiscard]] static std::optional<Failpoint> Parse(const std::string& text);
};

// Owner: as that of the wrapped files.
class FailpointFiles final : public Files {
 public:
  FailpointFiles(std::unique_ptr<Files> files, Failpoint failpoint);

  void Submit(IoRequest request, IoDone done) override;
  [[nodiscard]] absl::string_view engine() const override { return files_->engine(); }
  [[nodiscard]] size_t in_flight() const override { return files_->in_flight(); }
  [[nodiscard]] int64_t oldest_in_flight_ns() const override {
    return files_->oldest_in_flight_ns();
  }

 private:
  [[nodiscard]] std::string PathOf(FileHandle directory, const std::string& path) const;
  [[nodiscard]] bool Matches(const IoRequest& request) const;
  // Kills the supervisor and this process.
  [[noreturn]] void Die() const;

  std::unique_ptr<Files> files_;
  Failpoint failpoint_;
  pid_t supervisor_;
  uint64_t matches_ = 0;
  std::unordered_map<FileHandle, std::string> paths_;
};

}  // namespace tandem
