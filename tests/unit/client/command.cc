#include "tests/unit/client/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tandem::client {
namespace {

std::string Slurp(const std::string& file) {
  std::ifstream input(file, std::ios::binary);
  std::ostringstream content;
  content << input.rdbuf();
  return content.str();
}

pid_t Spawn(const std::vector<std::string>& arguments, const std::string& input,
            const std::string& output, const std::string& errors) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int create = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 0, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), create, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, errors.c_str(), create, 0600);
  pid_t process = -1;
  if (posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environment) != 0) {
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
  return process;
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& arguments, const std::string& directory,
                         const std::string& input) {
  const std::string base = directory + "/command";
  std::ofstream(base + ".in", std::ios::binary) << input;
  const pid_t process = Spawn(arguments, base + ".in", base + ".out", base + ".err");
  int status = 0;
  waitpid(process, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Slurp(base + ".out"), Slurp(base + ".err")};
}

pid_t StartCommand(const std::vector<std::string>& arguments) {
  return Spawn(arguments, "/dev/null", "/dev/null", "/dev/null");
}

}  // namespace tandem::client
