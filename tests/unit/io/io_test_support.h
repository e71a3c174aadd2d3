// Shared by the tests of the engines.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/async.h"
#include "daemon/io/make_files.h"

namespace tandem {

// The engines that this test program runs every case on.
[[nodiscard]] std::vector<IoEngine> EnginesUnderTest();

[[nodiscard]] inline std::string EngineTestName(const testing::TestParamInfo<IoEngine>& info) {
  switch (info.param) {
    case IoEngine::kAuto:
      return "Auto";
    case IoEngine::kUring:
      return "Uring";
    case IoEngine::kThreads:
      return "Threads";
  }
  return "Unknown";
}

// A directory of its own, removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "tandem-io-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::terminate();
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Stores what the coroutine returns.
template <typename T>
Awaitable<void> Keep(Awaitable<T> coroutine, std::optional<T>& result) {
  result.emplace(co_await std::move(coroutine));
}

// Runs the loop until nothing is left to do, then returns what the coroutine returned.
template <typename T>
T RunUntilDone(boost::asio::io_context& loop, Awaitable<T> coroutine) {
  std::optional<T> result;
  Spawn(loop.get_executor(), Keep(std::move(coroutine), result));
  loop.restart();
  loop.run();
  if (!result) std::terminate();
  return *std::move(result);
}

}  // namespace tandem
