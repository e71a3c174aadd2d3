// Another program, run by a test.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tandem {

// Owner: the test's thread. The destructor kills it.
class Program {
 public:
  // Starts `arguments[0]` with its output and errors appended to the file `log`.
  Program(std::vector<std::string> arguments, const std::string& log);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // SIGKILL, and waits for its end.
  void Kill();
  // Its exit status, or -signal.
  [[nodiscard]] int Wait();

 private:
  pid_t process_ = -1;
};

}  // namespace tandem
