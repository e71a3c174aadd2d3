#include "payments/intent_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace payments {
namespace {

absl::Status SyncDirectory(const std::string& directory) {
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", directory));
  const int error = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  return error == 0 ? absl::OkStatus() : absl::ErrnoToStatus(error, "sync the directory");
}

}  // namespace

absl::StatusOr<std::unique_ptr<IntentLog>> IntentLog::Open(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("create ", directory));
  const std::string file = directory + "/intents.log";
  const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", file));
  std::unique_ptr<IntentLog> log(new IntentLog(descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("another process uses ", file));
  }
  if (absl::Status status = SyncDirectory(directory); !status.ok()) return status;
  if (absl::Status status = log->Load(); !status.ok()) return status;
  return log;
}

IntentLog::~IntentLog() { close(descriptor_); }

absl::Status IntentLog::Load() {
  // What is in the page cache may never have reached the disk.
  if (fsync(descriptor_) != 0) return absl::ErrnoToStatus(errno, "sync the intent log");
  std::string content;
  for (;;) {
    char buffer[65536];
    const ssize_t count =
        pread(descriptor_, buffer, sizeof(buffer), static_cast<off_t>(content.size()));
    if (count < 0) return absl::ErrnoToStatus(errno, "read the intent log");
    if (count == 0) break;
    content.append(buffer, static_cast<size_t>(count));
  }
  size_t at = 0;
  for (size_t end = 0; (end = content.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = content.substr(at, end - at);
    uint64_t number = 0;
    if (line.starts_with("I ")) {
      std::optional<Transaction> transaction = ParseTransaction(line.substr(2));
      if (!transaction.has_value()) return absl::DataLossError(absl::StrCat("bad line: ", line));
      number = transaction->number;
      intended_[number] = *std::move(transaction);
    } else if (line.starts_with("A ") && absl::SimpleAtoi(line.substr(2), &number)) {
      acknowledged_.insert(number);
    } else {
      return absl::DataLossError(absl::StrCat("bad line: ", line));
    }
  }
  if (at == content.size()) return absl::OkStatus();
  if (ftruncate(descriptor_, static_cast<off_t>(at)) != 0 || fsync(descriptor_) != 0) {
    return absl::ErrnoToStatus(errno, "cut the intent log's torn line");
  }
  return absl::OkStatus();
}

absl::Status IntentLog::Add(const std::string& line) {
  // One writer (the lock), so that the end of the file is ours.
  const off_t end = lseek(descriptor_, 0, SEEK_END);
  if (end < 0) return absl::ErrnoToStatus(errno, "seek in the intent log");
  for (size_t done = 0; done < line.size();) {
    const ssize_t count = write(descriptor_, line.data() + done, line.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, "write the intent log");
    done += static_cast<size_t>(count);
  }
  if (fdatasync(descriptor_) != 0) return absl::ErrnoToStatus(errno, "sync the intent log");
  return absl::OkStatus();
}

absl::Status IntentLog::Intend(const Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  absl::Status status = Add(absl::StrCat("I ", ToText(transaction), "\n"));
  if (status.ok()) intended_[transaction.number] = transaction;
  return status;
}

absl::Status IntentLog::Acknowledge(uint64_t number) {
  const std::lock_guard lock(mutex_);
  absl::Status status = Add(absl::StrCat("A ", number, "\n"));
  if (status.ok()) acknowledged_.insert(number);
  return status;
}

std::map<uint64_t, Transaction> IntentLog::Unacknowledged() const {
  const std::lock_guard lock(mutex_);
  std::map<uint64_t, Transaction> open = intended_;
  for (const uint64_t number : acknowledged_) open.erase(number);
  return open;
}

std::map<uint64_t, Transaction> IntentLog::Intended() const {
  const std::lock_guard lock(mutex_);
  return intended_;
}

std::set<uint64_t> IntentLog::Acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

}  // namespace payments
