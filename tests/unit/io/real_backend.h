// A real engine on a real directory, for files_contract.h.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "daemon/io/make_files.h"
#include "tests/unit/io/io_test_support.h"

namespace tandem {

template <IoEngine kEngine>
class RealBackend {
 public:
  RealBackend() {
    const FilesOptions options = {.engine = kEngine, .ring_entries = 8, .threads = 4};
    files_ = *MakeFiles(loop_.get_executor(), options, *log_);
    other_ = *MakeFiles(loop_.get_executor(), options, *log_);
  }

  Files& files() { return *files_; }
  Files& other() { return *other_; }
  Executor executor() { return loop_.get_executor(); }
  [[nodiscard]] std::string root() const { return directory_.path(); }

  bool RunUntil(absl::FunctionRef<bool()> done) {
    loop_.restart();
    while (!done()) {
      if (loop_.run_one() == 0) return false;
    }
    return true;
  }

  void MakeLink(const std::string& name, const std::string& to) {
    EXPECT_EQ(symlink(to.c_str(), (directory_ / name).c_str()), 0);
  }

 private:
  boost::asio::io_context loop_;
  std::unique_ptr<Logger> log_ = MakeNullLogger();
  TemporaryDirectory directory_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<Files> other_;
};

}  // namespace tandem
