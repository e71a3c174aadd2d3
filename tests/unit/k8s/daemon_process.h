// A tandemd of its own for a test: embedded default, in a directory that the test names.
#pragma once

#include <sys/types.h>

#include <string>

namespace tandem {

// Owner: the test's thread. The destructor kills the process.
class DaemonProcess {
 public:
  // Runs in `directory` (made if missing); with `seccomp_profile` (a file as Kubernetes takes it)
  // under that profile.
  DaemonProcess(std::string directory, const std::string& seccomp_profile);
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  [[nodiscard]] std::string address() const { return "unix:" + directory_ + "/var/tandem.sock"; }
  // What it has logged so far.
  [[nodiscard]] std::string Log() const;
  // Sends SIGTERM and waits; the exit status, or -signal.
  [[nodiscard]] int Stop();

 private:
  std::string directory_;
  pid_t process_ = -1;
};

}  // namespace tandem
