// Promises about targets in trouble, which only the whole shows: the real core, journal and lanes
// on simulated disks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/sim/node.h"
#include "tests/sim/second_daemon.h"

namespace tandem {
namespace {

using testing::HasSubstr;

constexpr size_t kLocalTarget = 0;
constexpr size_t kCoreBankTarget = 1;

class PromisesTest : public testing::Test, private SimNode::Listener {
 protected:
  PromisesTest() { node_.Boot(); }

  template <typename Condition>
  bool Until(Condition condition, int64_t limit_ns = 600 * kSimSecond) {
    const int64_t give_up_ns = world_.now_ns() + limit_ns;
    while (!condition() && world_.now_ns() <= give_up_ns && world_.Step()) {
      node_.Tick();
      second_.Tick();
    }
    EXPECT_EQ(node_.failure(), "");
    EXPECT_EQ(node_.Violation(), "");
    return condition();
  }
  void RunFor(int64_t duration_ns) {
    const int64_t end_ns = world_.now_ns() + duration_ns;
    Until([&] { return world_.now_ns() >= end_ns; }, 2 * duration_ns);
  }
  // Virtual time until the answer; nullopt: refused, or none within the limit.
  std::optional<int64_t> TimeOf(const std::string& path, Level level,
                                int64_t limit_ns = 600 * kSimSecond) {
    const auto answer = std::make_shared<std::optional<absl::Status>>();
    ++ids_;
    Operation operation = {.type = OperationType::kPut, .path = path, .payload = "x"};
    node_.core()->Write(
        {.request_id = MakeUuidV7(world_.wall_ms(), ids_, ids_),
         .operations = {operation},
         .level = level},
        [answer](const absl::StatusOr<WriteReply>& reply) { answer->emplace(reply.status()); });
    const int64_t begun_ns = world_.now_ns();
    if (!Until([&] { return answer->has_value(); }, limit_ns) || !(*answer)->ok()) {
      return std::nullopt;
    }
    return world_.now_ns() - begun_ns;
  }
  void WaitUntilHealthy() {
    EXPECT_TRUE(Until([&] {
      if (node_.core() == nullptr) return false;
      const CoreView view = node_.core()->View();
      for (const TargetView& target : view.targets) {
        if (target.status.health() != internal::v1::LANE_HEALTH_HEALTHY) return false;
        if (target.lag_writes > 0) return false;
      }
      return true;
    }));
  }
  internal::v1::LaneStatus StatusOf(size_t target) {
    return node_.core()->View().targets.at(target).status;
  }

  void OnCoreUp() override {}
  void OnCoreDown() override {}

  SimWorld world_{3};
  SimNode node_{world_,
                {.remote_targets = true, .max_path_states = 1'000, .initialize_targets = false},
                world_.log(),
                *this};
  SecondDaemon second_{world_, node_, world_.log()};

 private:
  uint64_t ids_ = 0;
};

TEST_F(PromisesTest, Promise5_ATargetThatHangsDelaysNoAnswerThatDoesNotNeedIt) {
  WaitUntilHealthy();
  ASSERT_TRUE(TimeOf("a", Level::kAll).has_value());
  node_.target_disk(kCoreBankTarget).Hang();
  for (int i = 0; i < 20; ++i) {
    EXPECT_LT(TimeOf("a", Level::kLocal).value_or(INT64_MAX), kSimSecond);
    EXPECT_LT(TimeOf("a", Level::kJournaled).value_or(INT64_MAX), 50 * kSimMs);
  }
  RunFor(5 * kSimSecond);
  EXPECT_EQ(StatusOf(kCoreBankTarget).health(), internal::v1::LANE_HEALTH_STALLED);
  EXPECT_EQ(StatusOf(kLocalTarget).health(), internal::v1::LANE_HEALTH_HEALTHY);
  node_.target_disk(kLocalTarget).Hang();
  EXPECT_LT(TimeOf("a", Level::kJournaled).value_or(INT64_MAX), 50 * kSimMs);
  node_.target_disk(kLocalTarget).Heal();
  node_.target_disk(kCoreBankTarget).Heal();
  WaitUntilHealthy();
}

class Promise8WrongMount : public PromisesTest, public testing::WithParamInterface<SimMount> {};

TEST_P(Promise8WrongMount, IsNeverWritten) {
  WaitUntilHealthy();
  ASSERT_TRUE(TimeOf("a", Level::kAll).has_value());
  RunFor(kSimSecond);
  node_.SetMount(kCoreBankTarget, GetParam());
  EXPECT_TRUE(TimeOf("a", Level::kLocal).has_value());
  RunFor(10 * kSimSecond);
  EXPECT_EQ(StatusOf(kCoreBankTarget).health(), internal::v1::LANE_HEALTH_DOWN);
  node_.KillAll();
  RunFor(10 * kSimSecond);
  EXPECT_NE(StatusOf(kCoreBankTarget).health(), internal::v1::LANE_HEALTH_HEALTHY);
  node_.SetMount(kCoreBankTarget, SimMount::kTarget);
  WaitUntilHealthy();
  EXPECT_EQ(node_.Violation(), "");
}

INSTANTIATE_TEST_SUITE_P(Mounts, Promise8WrongMount,
                         testing::Values(SimMount::kNothing, SimMount::kStranger, SimMount::kOther),
                         [](const auto& mount) {
                           return mount.param == SimMount::kNothing    ? "Nothing"
                                  : mount.param == SimMount::kStranger ? "AStrangers"
                                                                       : "TheOtherTarget";
                         });

TEST_F(PromisesTest, ASecondDaemonOfTheWriterIsShutOut) {
  WaitUntilHealthy();
  ASSERT_TRUE(TimeOf("a", Level::kAll).has_value());
  ASSERT_TRUE(second_.Start());
  RunFor(5 * kSimSecond);
  EXPECT_EQ(second_.Look(), "");
  EXPECT_GT(second_.refusals(), 0u);
  node_.KillAll();
  RunFor(5 * kSimSecond);
  EXPECT_EQ(second_.Look(), "");
  second_.Stop();
  WaitUntilHealthy();
}

TEST_F(PromisesTest, ALaneThatIsStoppedIsSeenAndNoSuccessorWritesBesideIt) {
  WaitUntilHealthy();
  node_.FreezeLane(kCoreBankTarget);
  ASSERT_TRUE(TimeOf("a", Level::kLocal).has_value());
  RunFor(15 * kSimSecond);
  EXPECT_EQ(StatusOf(kCoreBankTarget).health(), internal::v1::LANE_HEALTH_STALLED);
  // Its core dies, a new one starts a lane of its own, which waits for the lock.
  node_.KillCore();
  RunFor(5 * kSimSecond);
  EXPECT_THAT(StatusOf(kCoreBankTarget).reason(), HasSubstr("predecessor"));
  EXPECT_TRUE(TimeOf("a", Level::kLocal).has_value());
  node_.ThawLanes(kCoreBankTarget);
  WaitUntilHealthy();
  EXPECT_TRUE(TimeOf("a", Level::kAll).has_value());
}

TEST_F(PromisesTest, ADrainEndsAtItsDeadlineWhileATargetHangsAndNothingIsLost) {
  WaitUntilHealthy();
  ASSERT_TRUE(TimeOf("a", Level::kAll).has_value());
  node_.target_disk(kCoreBankTarget).Hang();
  ASSERT_TRUE(TimeOf("a", Level::kLocal).has_value());
  node_.Drain(2'000);
  RunFor(2'500 * kSimMs);
  EXPECT_EQ(node_.drain_deadline_ns(), 0) << "core has gone, or its successor is there";
  EXPECT_TRUE(Until([&] { return node_.core() != nullptr; }));
  node_.target_disk(kCoreBankTarget).Heal();
  WaitUntilHealthy();
  EXPECT_EQ(node_.target_disk(kCoreBankTarget).ReadFile("a"), "x");
}

}  // namespace
}  // namespace tandem
