// The engine that is chosen where a seccomp filter denies io_uring, as a container's default does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>

#include <cerrno>

#include "daemon/base/status.h"
#include "daemon/io/make_files.h"
#include "tests/unit/io/chain_contract.h"
#include "tests/unit/io/files_contract.h"
#include "tests/unit/io/io_test_support.h"
#include "tests/unit/io/real_backend.h"

namespace tandem {

std::vector<IoEngine> EnginesUnderTest() { return {IoEngine::kAuto}; }

namespace {

INSTANTIATE_TYPED_TEST_SUITE_P(Auto, FilesContract, RealBackend<IoEngine::kAuto>);
INSTANTIATE_TYPED_TEST_SUITE_P(Auto, ChainContract, RealBackend<IoEngine::kAuto>);

class RecordingLogger final : public Logger {
 public:
  void Log(LogLevel, absl::string_view event, std::vector<LogField> fields) override {
    lines.emplace_back(event);
    for (const LogField& field : fields) lines.back() += " " + field.key + "=" + field.json;
  }
  std::vector<std::string> lines;
};

TEST(DeniedIoUringTest, AutoTakesThreadsAndLogsWhy) {
  boost::asio::io_context loop;
  RecordingLogger log;
  EXPECT_EQ((*MakeFiles(loop.get_executor(), {}, log))->engine(), "threads");
  ASSERT_EQ(log.lines.size(), 1U);
  EXPECT_THAT(log.lines[0], testing::HasSubstr("io_engine engine=\"threads\" reason="));
  EXPECT_THAT(log.lines[0], testing::HasSubstr("io_uring_setup"));
}

TEST(DeniedIoUringTest, ForcedIoUringIsAnError) {
  boost::asio::io_context loop;
  RecordingLogger log;
  const auto files = MakeFiles(loop.get_executor(), {.engine = IoEngine::kUring}, log);
  EXPECT_EQ(ErrnoOf(files.status()), EPERM);
}

bool DenyIoUring() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return false;
  bool denied = true;
  for (const char* name : {"io_uring_setup", "io_uring_enter", "io_uring_register"}) {
    const int call = seccomp_syscall_resolve_name(name);
    denied = denied && call != __NR_SCMP_ERROR &&
             seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) == 0;
  }
  denied = denied && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return denied;
}

}  // namespace
}  // namespace tandem

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!tandem::DenyIoUring()) return 1;
  return RUN_ALL_TESTS();
}
