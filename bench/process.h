// Child processes and what /proc says of them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tandem::bench {

// Owner: the main thread: the child gets SIGKILL when the thread that started it ends.
class ChildProcess {
 public:
  ChildProcess() = default;
  ~ChildProcess() { Kill(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Both its outputs go to the end of the file `log`.
  [[nodiscard]] absl::Status Start(const std::vector<std::string>& arguments,
                                   const std::string& log);
  void Signal(int signal) const;
  // Waits for its end.
  void Wait();
  // SIGKILL, and waits.
  void Kill();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;  // -1: none runs
};

// Use of one process since its start; all 0 if it is gone.
struct ProcessUse {
  uint64_t rss_kib = 0;
  uint64_t pss_kib = 0;  // pages that several processes share are divided among them
  double cpu_seconds = 0;
  uint64_t context_switches = 0;
};

// `with_pss`: also what is dear to read.
[[nodiscard]] ProcessUse UseOf(pid_t process, bool with_pss);
[[nodiscard]] std::vector<pid_t> AllProcesses();
// Empty for one that has ended.
[[nodiscard]] std::vector<std::string> CommandLineOf(pid_t process);
[[nodiscard]] std::string Contents(const std::string& path);

}  // namespace tandem::bench
