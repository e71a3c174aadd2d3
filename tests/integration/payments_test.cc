// The example application, killed together with the daemon at random: no payment it was told of is
// lost, none is made twice.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "absl/strings/numbers.h"
#include "tests/integration/daemon.h"
#include "tests/integration/program.h"

namespace tandem {
namespace {

// How often to kill: more with PAYMENTS_ROUNDS in the environment.
int Rounds() {
  int rounds = 5;
  const char* wanted = std::getenv("PAYMENTS_ROUNDS");
  if (wanted != nullptr && !absl::SimpleAtoi(wanted, &rounds)) ADD_FAILURE() << "PAYMENTS_ROUNDS";
  return rounds;
}

uint64_t BytesIn(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, error)) {
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  }
  return bytes;
}

class PaymentsTest : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] std::vector<std::string> Arguments() const {
    return {PAYMENTS, "--address=unix:" + workspace_.socket(), "--state=" + State()};
  }
  [[nodiscard]] std::string State() const { return workspace_.root() + "/app"; }
  [[nodiscard]] std::string Log() const { return workspace_.root() + "/app.log"; }

  Workspace workspace_;
};

TEST_P(PaymentsTest, KilledWithTheDaemonAtRandomLosesAndDoublesNone) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  Daemon daemon(workspace_, {.keys = {{"io_engine", GetParam()}}});
  for (int round = 0, rounds = Rounds(); round < rounds; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    daemon.Start();
    std::vector<std::string> arguments = Arguments();
    arguments.insert(arguments.end(), {"--count=1000000", "--threads=8"});
    Program app(arguments, Log());
    const uint64_t enough = BytesIn(State()) + 1 + random() % 40'000;
    ASSERT_TRUE(WaitUntil([&] { return BytesIn(State()) >= enough; })) << Contents(Log());
    if (random() % 2 == 0) app.Kill();
    daemon.KillAll();
    app.Kill();
  }
  daemon.Start();
  std::vector<std::string> resume = Arguments();
  resume.push_back("--resume");
  ASSERT_EQ(Program(resume, Log()).Wait(), 0) << Contents(Log());
  ASSERT_TRUE(WaitConverged(*daemon.Connect()));
  EXPECT_EQ(daemon.Stop(), 0);
  std::vector<std::string> verify = Arguments();
  verify.insert(verify.end(), {"--verify", workspace_.OnLocal(""), workspace_.OnCoreBank("")});
  EXPECT_EQ(Program(verify, Log()).Wait(), 0) << Contents(Log());
  EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
  const std::string log = Contents(Log());
  std::cout << log.substr(log.rfind('\n', log.size() - 2) + 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, PaymentsTest, testing::Values("io_uring", "threads"),
                         [](const auto& test) {
                           return test.param == "threads" ? "Threads" : "IoUring";
                         });

}  // namespace
}  // namespace tandem
