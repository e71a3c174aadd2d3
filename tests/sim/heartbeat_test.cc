// The whole way of a heartbeat: through core, the journal and the lanes, to the targets.
#include <gtest/gtest.h>

#include "tests/sim/node.h"

namespace tandem {
namespace {

class HeartbeatTest : public testing::Test, private SimNode::Listener {
 protected:
  HeartbeatTest() {
    node_.Boot();
    Run(20);
  }

  void OnCoreUp() override {}
  void OnCoreDown() override {}

  void Run(int64_t seconds) {
    const int64_t end_ns = world_.now_ns() + seconds * kSimSecond;
    while (world_.now_ns() < end_ns && world_.Step()) node_.Tick();
    ASSERT_EQ(node_.failure(), "");
  }
  TargetView Local() { return node_.core()->View().targets.at(0); }
  TargetView CoreBank() { return node_.core()->View().targets.at(1); }

  SimWorld world_{5};
  std::unique_ptr<Logger> log_ = MakeNullLogger();
  SimNode node_{world_, {}, *log_, *this};
};

TEST_F(HeartbeatTest, WithAllWellTheLagStaysUnderASecond) {
  EXPECT_GT(node_.core()->View().appended, 15u);
  EXPECT_LT(Local().lag_ms, 1'000);
  EXPECT_LT(CoreBank().lag_ms, 1'000);
}

// The directory of a mount that hangs is still open, and nothing is under way there.
TEST_F(HeartbeatTest, TheLagOfATargetThatHangsGrowsWithNothingToWrite) {
  node_.target_disk(1).Hang();
  Run(30);
  EXPECT_GT(CoreBank().lag_ms, 28'000);
  EXPECT_EQ(CoreBank().lag_writes, 0u);
  EXPECT_LT(Local().lag_ms, 1'000);
  node_.target_disk(1).Heal();
  Run(10);
  EXPECT_LT(CoreBank().lag_ms, 1'000);
}

TEST_F(HeartbeatTest, TheLagOfATargetThatIsGoneGrowsWithNothingToWrite) {
  node_.SetMounted(1, false);
  Run(30);
  EXPECT_GT(CoreBank().lag_ms, 28'000);
  EXPECT_LT(Local().lag_ms, 1'000);
  node_.SetMounted(1, true);
  Run(10);
  EXPECT_LT(CoreBank().lag_ms, 1'000);
}

TEST_F(HeartbeatTest, SegmentsOfHeartbeatsRetire) {
  const uint64_t before = node_.core()->View().journal_bytes;
  Run(1'800);
  EXPECT_GT(node_.core()->View().retired, 0u);
  EXPECT_LE(node_.core()->View().journal_bytes, std::max<uint64_t>(before, 512 << 10));
}

}  // namespace
}  // namespace tandem
