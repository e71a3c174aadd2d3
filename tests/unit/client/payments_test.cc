// The payment example against a daemon that writes a tree, forgets answers, and sees its client
// die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/unit/client/command.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {
namespace {

using testing::HasSubstr;

class PaymentsTest : public testing::Test {
 protected:
  PaymentsTest() : root_(server_.directory() + "/root"), state_(server_.directory() + "/state") {
    std::filesystem::create_directory(root_);
    server_.OnBatch([this](auto*, const v1::WriteBatchRequest& request,
                           v1::WriteBatchResponse* response) { return Apply(request, response); });
    server_.OnGet([](auto*, auto&, v1::GetWriteResponse* response) {
      v1::TargetOutcome* target = response->add_targets();
      target->set_target("corebank");
      target->set_state(v1::TARGET_STATE_DURABLE);
      return grpc::Status::OK;
    });
    server_.Start();
  }

  // Each id once; every third answer is lost.
  grpc::Status Apply(const v1::WriteBatchRequest& request, v1::WriteBatchResponse* response) {
    const std::lock_guard lock(mutex_);
    const bool fresh = ids_.insert(request.request_id()).second;
    for (const v1::Operation& operation : request.operations()) {
      if (!fresh) break;
      const std::filesystem::path path =
          root_ + "/" + (operation.has_put() ? operation.put().path() : operation.append().path());
      std::filesystem::create_directories(path.parent_path());
      if (operation.has_put()) std::ofstream(path) << operation.put().data();
      if (operation.has_append()) {
        std::ofstream(path, std::ios::app) << operation.append().data();
      }
    }
    response->add_results()->set_sequence(ids_.size());
    ++calls_;
    changed_.notify_all();
    return calls_ % 3 == 0 ? ErrorStatus({}) : grpc::Status::OK;
  }

  void AwaitCalls(int more) {
    std::unique_lock lock(mutex_);
    const int limit = calls_ + more;
    changed_.wait(lock, [&] { return calls_ >= limit; });
  }

  std::vector<std::string> Command(std::vector<std::string> more) {
    std::vector<std::string> all = {PAYMENTS, "--address", server_.address(), "--state", state_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  CommandResult Run(std::vector<std::string> more) {
    return RunCommand(Command(std::move(more)), server_.directory());
  }
  CommandResult Verify() { return Run({"--verify", root_}); }

  // Some file beneath `folder`.
  std::filesystem::path Some(const std::string& folder) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ + "/" + folder)) {
      if (entry.is_regular_file()) return entry.path();
    }
    return {};
  }

  ScriptedServer server_;
  const std::string root_;
  const std::string state_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> ids_;
  int calls_ = 0;
};

TEST_F(PaymentsTest, PostsEachPaymentOnceThoughAnswersAreLost) {
  const CommandResult result = Run({"--count", "40"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("posted 40 payments"));
  EXPECT_THAT(result.output, HasSubstr("payment 40: CoreBank DURABLE"));
  const CommandResult verified = Verify();
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  EXPECT_THAT(verified.output, HasSubstr("\"ok\":true,\"intended\":40,\"acknowledged\":40"));
}

TEST_F(PaymentsTest, KilledAtAnyMomentItGoesOnWithTheSameIds) {
  for (int round = 0; round < 5; ++round) {
    const pid_t process = StartCommand(Command({"--count", "100000", "--threads", "3"}));
    AwaitCalls(7 + round);
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
    EXPECT_EQ(Verify().exit_code, 0) << Verify().output;
  }
  const CommandResult result = Run({"--resume"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const CommandResult verified = Verify();
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  EXPECT_THAT(verified.output, HasSubstr("\"unacknowledged_present\":0"));
  const std::string count = std::to_string(ids_.size());
  EXPECT_THAT(verified.output, HasSubstr("\"intended\":" + count + ",\"acknowledged\":" + count));
}

TEST_F(PaymentsTest, VerifyFindsWhatIsLostDoubledTornOrForeign) {
  ASSERT_EQ(Run({"--count", "5"}).exit_code, 0);
  const std::filesystem::path ledger = Some("ledger");
  std::ifstream input(ledger);
  std::string first;
  std::getline(input, first);
  std::ofstream(ledger, std::ios::app) << first << "\n";
  CommandResult result = Verify();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("doubled_ledger_line"));

  std::ofstream(ledger, std::ios::trunc) << "stranger\n";
  std::ofstream(Some("receipts"), std::ios::app) << "more";
  result = Verify();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("lost_ledger_line"));
  EXPECT_THAT(result.output, HasSubstr("foreign_ledger_line"));
  EXPECT_THAT(result.output, HasSubstr("wrong_receipt"));

  std::filesystem::remove(Some("receipts"));
  EXPECT_THAT(Verify().output, HasSubstr("lost_receipt"));
  EXPECT_EQ(Run({"--verify", root_ + "/nowhere"}).exit_code, 1);
}

}  // namespace
}  // namespace tandem::client
