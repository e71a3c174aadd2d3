// The fixture of files_contract.h, and what a backend must offer:
//
//   struct Backend {                       // made anew for every test
//     Files& files();                      // the one under test
//     Files& other();                      // a second one, as another process would have
//     Executor executor();
//     std::string root();                  // an empty directory, absolute
//     bool RunUntil(absl::FunctionRef<bool()> done);  // false: gave up
//     void MakeLink(const std::string& name, const std::string& to);  // a symlink in the root
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Uring, FilesContract, Backend);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/status.h"
#include "daemon/io/files.h"

namespace tandem {

template <typename Backend>
class FilesContract : public testing::Test {
 protected:
  FilesContract() {
    auto root = Await(files().Open(kNoFile, backend_.root(), O_RDONLY | O_DIRECTORY));
    EXPECT_TRUE(root.ok()) << root.status();
    root_ = root.value_or(kNoFile);
  }

  Files& files() { return backend_.files(); }

  template <typename T>
  static Awaitable<void> Store(Awaitable<T> coroutine, std::optional<T>* result) {
    result->emplace(co_await std::move(coroutine));
  }
  template <typename T>
  T Await(Awaitable<T> coroutine) {
    std::optional<T> result;
    Spawn(backend_.executor(), Store<T>(std::move(coroutine), &result));
    EXPECT_TRUE(backend_.RunUntil([&] { return result.has_value(); }));
    return *std::move(result);
  }

  // Open beneath the root; the errno, or 0.
  int OpenErrno(std::string path, int flags) {
    return ErrnoOf(Await(files().Open(root_, std::move(path), flags)).status());
  }
  FileHandle Open(std::string path, int flags, uint32_t mode = 0640) {
    auto file = Await(files().Open(root_, std::move(path), flags, mode));
    EXPECT_TRUE(file.ok()) << file.status();
    return file.value_or(kNoFile);
  }
  void Close(FileHandle file) { EXPECT_TRUE(Await(files().Close(file)).ok()); }
  void Write(FileHandle file, const std::string& data, uint64_t offset = 0) {
    const absl::Status status = Await(files().Write(file, data, offset));
    EXPECT_TRUE(status.ok()) << status;
  }
  void MakeFile(std::string path, const std::string& data) {
    const FileHandle file = Open(std::move(path), O_WRONLY | O_CREAT | O_TRUNC);
    Write(file, data);
    Close(file);
  }
  std::string ReadAll(FileHandle file, size_t limit = 1 << 20) {
    std::string data(limit, '\0');
    auto count = Await(files().Read(file, data.data(), data.size(), 0));
    EXPECT_TRUE(count.ok()) << count.status();
    data.resize(count.value_or(0));
    return data;
  }
  std::string ReadFile(std::string path) {
    const FileHandle file = Open(std::move(path), O_RDONLY);
    const std::string data = ReadAll(file);
    Close(file);
    return data;
  }
  void Mkdir(std::string name) { EXPECT_TRUE(Await(files().Mkdir(root_, std::move(name))).ok()); }
  std::vector<std::string> Names() {
    auto names = Await(files().List(root_));
    EXPECT_TRUE(names.ok()) << names.status();
    return std::move(names).value_or(std::vector<std::string>{});
  }

  Backend backend_;
  FileHandle root_ = kNoFile;
};

}  // namespace tandem
