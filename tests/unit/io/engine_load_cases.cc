// What both engines must do with many operations and with some that hang; linked like
// engine_cases.cc.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "daemon/io/make_files.h"
#include "tests/unit/io/engine_fixture.h"

namespace tandem {
namespace {

class EngineLoadTest : public EngineTest {};

TEST_P(EngineLoadTest, FarMoreOperationsThanTheRingHoldsAllComplete) {
  const FileHandle file = Create("file", "");
  constexpr int kCount = 2000;
  const std::string byte = "y";
  int completed = 0;
  for (int i = 0; i < kCount; ++i) {
    IoRequest request{.kind = IoKind::kWrite,
                      .file = file,
                      .source = byte.data(),
                      .length = 1,
                      .offset = static_cast<uint64_t>(i)};
    files_->Submit(std::move(request), [&completed](const IoResult& result) {
      EXPECT_EQ(result.value, 1);
      ++completed;
    });
    // Never inside Submit.
    EXPECT_EQ(completed, 0);
  }
  EXPECT_EQ(files_->in_flight(), static_cast<size_t>(kCount));
  loop_.restart();
  loop_.run();
  EXPECT_EQ(completed, kCount);
  EXPECT_EQ(files_->in_flight(), 0U);
  EXPECT_EQ(files_->oldest_in_flight_ns(), 0);
  EXPECT_EQ(ReadAll(file), std::string(kCount, 'y'));
  close(file);
}

// Opening a FIFO that nobody writes to hangs as a file of a dead server does.
IoRequest HangingOpen(FileHandle directory) {
  return {.kind = IoKind::kOpen,
          .file = directory,
          .path = "fifo",
          .open_flags = O_RDONLY | O_CREAT,
          .mode = 0600};
}

TEST_P(EngineLoadTest, AnOperationThatHangsDelaysNoOtherAndIsSeen) {
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  FileHandle opened = kNoFile;
  files_->Submit(HangingOpen(root_),
                 [&](const IoResult& result) { opened = static_cast<FileHandle>(result.value); });
  bool others_done = false;
  Spawn(loop_.get_executor(), [](Files& files, FileHandle root, bool& done) -> Awaitable<void> {
    for (int i = 0; i < 100; ++i) {
      const absl::StatusOr<FileHandle> file =
          co_await files.Open(root, "other" + std::to_string(i), O_WRONLY | O_CREAT);
      EXPECT_TRUE(file.ok());
      EXPECT_TRUE((co_await files.Write(*file, "data", 0)).ok());
      EXPECT_TRUE((co_await files.Close(*file)).ok());
    }
    done = true;
  }(*files_, root_, others_done));
  loop_.restart();
  while (!others_done) ASSERT_EQ(loop_.run_one(), 1U);
  EXPECT_EQ(opened, kNoFile);
  EXPECT_EQ(files_->in_flight(), 1U);
  EXPECT_GT(files_->oldest_in_flight_ns(), 0);
  const int writer = open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  // The loop keeps running for what is under way.
  loop_.run();
  EXPECT_GE(opened, 0);
  EXPECT_EQ(files_->in_flight(), 0U);
  close(opened);
  close(writer);
}

TEST_P(EngineLoadTest, DestructionWhileAnOperationHangsReturnsAndNeverCallsBack) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  // In a process of its own: what hangs is never freed.
  EXPECT_EXIT(
      {
        files_->Submit(HangingOpen(root_), [](const IoResult&) { _exit(1); });
        // Once a later one is done, the first has left the queue.
        EXPECT_TRUE(LoopUntilDone(files_->StatFile(root_)));
        files_.reset();
        loop_.poll();
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_P(EngineLoadTest, CallbacksMaySubmitMore) {
  int left = 500;
  std::function<void(const IoResult&)> next = [&](const IoResult&) {
    if (--left == 0) return;
    IoRequest request{.kind = IoKind::kStat, .file = root_};
    files_->Submit(std::move(request), next);
  };
  next({});
  loop_.restart();
  loop_.run();
  EXPECT_EQ(left, 0);
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineLoadTest, testing::ValuesIn(EnginesUnderTest()),
                         EngineTestName);

}  // namespace
}  // namespace tandem
