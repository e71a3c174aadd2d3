// The fixture of the cases that every engine is put through.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/status.h"
#include "daemon/io/make_files.h"
#include "tests/unit/io/io_test_support.h"

namespace tandem {

class EngineTest : public testing::TestWithParam<IoEngine> {
 protected:
  EngineTest() {
    // A ring this small makes the tests pass its limits.
    const FilesOptions options = {
        .engine = GetParam(), .ring_entries = 8, .max_workers = 16, .threads = 4};
    files_ = *MakeFiles(loop_.get_executor(), options, *log_);
    root_ = *Run(files_->Open(kNoFile, directory_.path(), O_RDONLY | O_DIRECTORY));
  }
  ~EngineTest() override {
    if (root_ != kNoFile) close(root_);
  }

  template <typename T>
  T Run(Awaitable<T> coroutine) {
    return RunUntilDone(loop_, std::move(coroutine));
  }

  // Leaves what else is under way alone.
  template <typename T>
  bool LoopUntilDone(Awaitable<T> coroutine) {
    std::optional<T> result;
    Spawn(loop_.get_executor(), Keep(std::move(coroutine), result));
    loop_.restart();
    while (!result && loop_.run_one() > 0) {
    }
    return result.has_value();
  }

  FileHandle Create(const std::string& name, const std::string& content) {
    const FileHandle file = *Run(files_->Open(root_, name, O_RDWR | O_CREAT | O_EXCL));
    EXPECT_TRUE(Run(files_->Write(file, content, 0)).ok());
    return file;
  }

  std::string ReadAll(FileHandle file) {
    std::string content(1 << 16, '\0');
    content.resize(*Run(files_->Read(file, content.data(), content.size(), 0)));
    return content;
  }

  int OpenErrno(const std::string& path, int flags = O_RDONLY) {
    const absl::StatusOr<FileHandle> file = Run(files_->Open(root_, path, flags));
    if (file.ok()) close(*file);
    return ErrnoOf(file.status());
  }

  boost::asio::io_context loop_;
  std::unique_ptr<Logger> log_ = MakeNullLogger();
  TemporaryDirectory directory_;
  std::unique_ptr<Files> files_;
  FileHandle root_ = kNoFile;
};

}  // namespace tandem
