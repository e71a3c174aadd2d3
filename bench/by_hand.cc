#include "bench/by_hand.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tandem::bench {
namespace {

using std::chrono::steady_clock;

// One thread's work; all its errors end in `failed`.
class Hand {
 public:
  // `ledger_end`: of the one file that all append to; used for a ledger only.
  Hand(const ByHandOptions& options, int number, std::atomic<uint64_t>* ledger_end)
      : options_(options),
        number_(number),
        ledger_end_(*ledger_end),
        data_(kPayloadBytes, static_cast<char>('a' + number % 26)) {}

  void Run(const std::atomic<bool>& stop) {
    if (!Open()) error_ = errno;
    while (error_ == 0 && !stop) {
      const auto start = steady_clock::now();
      const uint64_t offset = options_.kind == Kind::kLedger ? ledger_end_.fetch_add(kPayloadBytes)
                                                             : latencies_us.size() * kPayloadBytes;
      for (size_t side = 0; side < files_.size() && error_ == 0; ++side) {
        const bool done = options_.kind == Kind::kPut ? Put(side) : Append(side, offset);
        if (!done) error_ = errno;
      }
      latencies_us.push_back(static_cast<uint32_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start)
              .count()));
    }
    for (const int file : files_) {
      if (file >= 0) close(file);
    }
  }

  [[nodiscard]] int error() const { return error_; }
  std::vector<uint32_t> latencies_us;

 private:
  [[nodiscard]] const std::string& Directory(size_t side) const {
    return side == 0 ? options_.first : options_.second;
  }

  // The files that grow, or the directories.
  bool Open() {
    for (size_t side = 0; side < files_.size(); ++side) {
      const int file = options_.kind == Kind::kLedger ? 0 : number_;
      files_[side] = options_.kind == Kind::kPut
                         ? open(Directory(side).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                         : open(absl::StrCat(Directory(side), "/", file).c_str(),
                                O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
      if (files_[side] < 0) return false;
    }
    return true;
  }

  bool Append(size_t side, uint64_t offset) {
    return pwrite(files_[side], data_.data(), data_.size(), static_cast<off_t>(offset)) ==
               static_cast<ssize_t>(data_.size()) &&
           fdatasync(files_[side]) == 0;
  }

  bool Put(size_t side) {
    const std::string name = absl::StrCat(number_, "-", latencies_us.size());
    const std::string temp = "." + name;
    const int file =
        openat(files_[side], temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (file < 0) return false;
    const bool written =
        write(file, data_.data(), data_.size()) == static_cast<ssize_t>(data_.size()) &&
        fdatasync(file) == 0;
    return close(file) == 0 && written &&
           renameat(files_[side], temp.c_str(), files_[side], name.c_str()) == 0 &&
           fsync(files_[side]) == 0;
  }

  const ByHandOptions& options_;
  const int number_;
  std::atomic<uint64_t>& ledger_end_;
  const std::string data_;
  std::array<int, 2> files_ = {-1, -1};
  int error_ = 0;  // errno; 0: none
};

}  // namespace

absl::StatusOr<LoadResult> RunByHand(const ByHandOptions& options) {
  std::filesystem::create_directories(options.first);
  std::filesystem::create_directories(options.second);
  std::atomic<uint64_t> ledger_end = 0;
  std::vector<std::unique_ptr<Hand>> hands;
  for (int i = 0; i < options.threads; ++i) {
    hands.push_back(std::make_unique<Hand>(options, i, &ledger_end));
  }
  std::atomic<bool> stop = false;
  const auto start = steady_clock::now();
  std::vector<std::thread> threads;
  for (const auto& hand : hands) threads.emplace_back([&stop, &hand] { hand->Run(stop); });
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = steady_clock::now() - start;

  std::vector<uint32_t> latencies;
  for (const auto& hand : hands) {
    if (hand->error() != 0) return absl::ErrnoToStatus(hand->error(), "writing by hand");
    latencies.insert(latencies.end(), hand->latencies_us.begin(), hand->latencies_us.end());
  }
  std::sort(latencies.begin(), latencies.end());
  return LoadResult{.ops_per_s = static_cast<double>(latencies.size()) / took.count(),
                    .operations = latencies.size(),
                    .p50_us = latencies[latencies.size() / 2],
                    .p99_us = latencies[latencies.size() * 99 / 100]};
}

}  // namespace tandem::bench
