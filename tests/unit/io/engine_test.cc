// The engines where io_uring is allowed.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "daemon/io/make_files.h"
#include "daemon/io/plain_calls.h"
#include "tests/unit/io/chain_contract.h"
#include "tests/unit/io/files_contract.h"
#include "tests/unit/io/io_test_support.h"
#include "tests/unit/io/real_backend.h"

namespace tandem {

std::vector<IoEngine> EnginesUnderTest() { return {IoEngine::kUring, IoEngine::kThreads}; }

namespace {

INSTANTIATE_TYPED_TEST_SUITE_P(Uring, FilesContract, RealBackend<IoEngine::kUring>);
INSTANTIATE_TYPED_TEST_SUITE_P(Uring, ChainContract, RealBackend<IoEngine::kUring>);
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, FilesContract, RealBackend<IoEngine::kThreads>);
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, ChainContract, RealBackend<IoEngine::kThreads>);

TEST(MakeFilesTest, AutoTakesIoUringWhereItIsAllowed) {
  boost::asio::io_context loop;
  const std::unique_ptr<Logger> log = MakeNullLogger();
  EXPECT_EQ((*MakeFiles(loop.get_executor(), {}, *log))->engine(), "io_uring");
}

TEST(MakeFilesTest, TheEngineCanBeForced) {
  boost::asio::io_context loop;
  const std::unique_ptr<Logger> log = MakeNullLogger();
  EXPECT_EQ((*MakeFiles(loop.get_executor(), {.engine = IoEngine::kUring}, *log))->engine(),
            "io_uring");
  EXPECT_EQ((*MakeFiles(loop.get_executor(), {.engine = IoEngine::kThreads}, *log))->engine(),
            "threads");
}

TEST(MakeFilesTest, NoThreadsAtAllIsRefused) {
  boost::asio::io_context loop;
  const std::unique_ptr<Logger> log = MakeNullLogger();
  EXPECT_EQ(MakeFiles(loop.get_executor(), {.threads = 0}, *log).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// What distinguishes the two cannot be seen without cutting the power.
TEST(SyncTest, DirectoriesAndWhatMayBeOneAreSyncedWithTheirMetadata) {
  TemporaryDirectory directory;
  const int folder = open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int writer = open((directory / "f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int both = open((directory / "f").c_str(), O_RDWR | O_CLOEXEC);
  const int reader = open((directory / "f").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_FALSE(DataSyncIsEnough(folder));
  EXPECT_FALSE(DataSyncIsEnough(reader));
  EXPECT_TRUE(DataSyncIsEnough(writer));
  EXPECT_TRUE(DataSyncIsEnough(both));
  for (const int fd : {folder, writer, both, reader}) close(fd);
}

}  // namespace
}  // namespace tandem
