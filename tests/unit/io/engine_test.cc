// The engines where io_uring is allowed.
#include <gtest/gtest.h>

#include "daemon/io/make_files.h"
#include "tests/unit/io/files_contract.h"
#include "tests/unit/io/io_test_support.h"
#include "tests/unit/io/real_backend.h"

namespace tandem {

std::vector<IoEngine> EnginesUnderTest() { return {IoEngine::kUring, IoEngine::kThreads}; }

namespace {

INSTANTIATE_TYPED_TEST_SUITE_P(Uring, FilesContract, RealBackend<IoEngine::kUring>);
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, FilesContract, RealBackend<IoEngine::kThreads>);

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

}  // namespace
}  // namespace tandem
