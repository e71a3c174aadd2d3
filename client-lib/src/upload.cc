#include "tandem/client/upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tandem::client {
namespace {

class FileSource : public UploadSource {
 public:
  explicit FileSource(std::string file) : file_(std::move(file)) {}
  ~FileSource() override { Close(); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  absl::Status Restart() override {
    Close();
    descriptor_ = open(file_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) return Error("open");
    struct stat info {};
    if (fstat(descriptor_, &info) != 0) return Error("stat");
    if (S_ISDIR(info.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(file_, " is a directory"));
    }
    size_ = std::nullopt;
    if (S_ISREG(info.st_mode)) size_ = static_cast<uint64_t>(info.st_size);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Next(size_t max_bytes) override {
    std::string data(max_bytes, '\0');
    ssize_t count = 0;
    do {
      count = read(descriptor_, data.data(), data.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) return Error("read");
    data.resize(static_cast<size_t>(count));
    return data;
  }

  std::optional<uint64_t> Size() override { return size_; }

 private:
  void Close() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

  [[nodiscard]] absl::Status Error(absl::string_view call) const {
    return absl::ErrnoToStatus(errno, absl::StrCat(call, " ", file_));
  }

  const std::string file_;
  int descriptor_ = -1;
  std::optional<uint64_t> size_;
};

class GeneratorSource : public UploadSource {
 public:
  GeneratorSource(std::function<absl::StatusOr<std::string>(size_t)> next,
                  std::function<absl::Status()> restart)
      : next_(std::move(next)), restart_(std::move(restart)) {}

  absl::Status Restart() override {
    if (restart_) return restart_();
    if (taken_) {
      return absl::AbortedError("the upload broke and its generator cannot start again");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Next(size_t max_bytes) override {
    taken_ = true;
    return next_(max_bytes);
  }

 private:
  const std::function<absl::StatusOr<std::string>(size_t)> next_;
  const std::function<absl::Status()> restart_;
  bool taken_ = false;  // of what it generates
};

}  // namespace

std::unique_ptr<UploadSource> MakeFileSource(std::string file) {
  return std::make_unique<FileSource>(std::move(file));
}

std::unique_ptr<UploadSource> MakeGeneratorSource(
    std::function<absl::StatusOr<std::string>(size_t max_bytes)> next,
    std::function<absl::Status()> restart) {
  return std::make_unique<GeneratorSource>(std::move(next), std::move(restart));
}

}  // namespace tandem::client
