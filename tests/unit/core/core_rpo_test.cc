// rpo_policy: what happens to new writes while CoreBank lags beyond the limit.
#include "daemon/base/reason.h"
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

class CoreRpo : public CoreFixture {
 protected:
  CoreRpo() {
    options.rpo_refuse = true;
    options.rpo_limit_ms = 30'000;
    options.heartbeat_interval_ms = 0;
    Start();
  }
  // Local has everything at once; CoreBank lacks what comes from now on.
  void WriteThatCoreBankLacks(const std::string& path) {
    Run(PutOf(path));
    local.Durable(1, journal->appended());
    local.Checkpoint(journal->appended());
    world.Poll();
  }
  static std::optional<Reason> ReasonOfOutcome(const OutcomePtr& outcome) {
    return outcome->answered() ? ReasonOf(outcome->reply->status()) : std::nullopt;
  }
};

TEST_F(CoreRpo, NewWritesAreRefusedBeyondTheLimitAndAcceptedAgainByThemselves) {
  WriteThatCoreBankLacks("a");
  world.RunFor(29 * kSecondNs);
  WriteThatCoreBankLacks("b");
  EXPECT_EQ(journal->appended(), 2u);
  EXPECT_FALSE(core->View().rpo_at_risk);
  world.RunFor(2 * kSecondNs);
  const OutcomePtr refused = Do(PutOf("c"));
  Settle();
  EXPECT_EQ(ReasonOfOutcome(refused), Reason::kRpoAtRisk);
  EXPECT_EQ(journal->appended(), 2u);
  EXPECT_TRUE(core->View().rpo_at_risk);
  EXPECT_EQ(core->View().rpo_limit_ms, 30'000);
  corebank.Durable(1, 2);
  corebank.Checkpoint(2);
  world.RunFor(kSecondNs);
  Run(PutOf("c"));
  EXPECT_EQ(journal->appended(), 3u);
  EXPECT_FALSE(core->View().rpo_at_risk);
}

TEST_F(CoreRpo, ARetryOfWhatWasAcceptedIsStillAnswered) {
  const Uuid id = NewId();
  Submit(id, {PutOf("a")});
  Settle();
  journal->Sync();
  Settle();
  local.Durable(1, 1);
  world.RunFor(40 * kSecondNs);
  const OutcomePtr retry = Submit(id, {PutOf("a")});
  Settle();
  ASSERT_TRUE(retry->answered());
  EXPECT_TRUE(retry->reply->ok()) << retry->reply->status();
}

TEST_F(CoreRpo, LocalMayLagAsLongAsItLikes) {
  Run(PutOf("a"));
  corebank.Durable(1, 1);
  corebank.Checkpoint(1);
  world.RunFor(100 * kSecondNs);
  Run(PutOf("b"));
  EXPECT_EQ(journal->appended(), 2u);
}

class CoreRpoAlert : public CoreRpo {
 protected:
  CoreRpoAlert() {
    core.reset();
    world.Poll();
    options.rpo_refuse = false;
    local.Reset();
    corebank.Reset();
    Start();
  }
};

TEST_F(CoreRpoAlert, TheDefaultSaysSoAndRefusesNothing) {
  WriteThatCoreBankLacks("a");
  world.RunFor(40 * kSecondNs);
  EXPECT_TRUE(core->View().rpo_at_risk);
  WriteThatCoreBankLacks("b");
  EXPECT_EQ(journal->appended(), 2u);
}

}  // namespace
}  // namespace tandem
