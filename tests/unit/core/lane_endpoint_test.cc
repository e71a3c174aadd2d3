#include "daemon/core/lane_endpoint.h"

#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class LaneEndpointTest : public testing::Test {
 protected:
  LaneEndpoint Make() {
    return LaneEndpoint(
        env, {.on_message = [](internal::v1::LaneMessage) {}, .on_lost = [this] { ++lost; }});
  }
  SimWorld world{1};
  NoFiles files;
  Env env = world.MakeEnv(files);
  FakeLane lane;
  int lost = 0;
};

TEST_F(LaneEndpointTest, WithoutALaneTheTargetIsDown) {
  LaneEndpoint endpoint = Make();
  EXPECT_EQ(endpoint.Status().health(), internal::v1::LANE_HEALTH_DOWN);
  EXPECT_EQ(endpoint.Status().reason(), "lane is not connected");
  EXPECT_FALSE(endpoint.Ask(1, "a"));
  endpoint.SendTail({}, 5, 0, 0);
  endpoint.Attach(lane.Connect());
  EXPECT_EQ(endpoint.Status().health(), internal::v1::LANE_HEALTH_STARTING);
  EXPECT_TRUE(lane.sent().empty());
  lane.Break();
  EXPECT_EQ(endpoint.Status().health(), internal::v1::LANE_HEALTH_DOWN);
  EXPECT_EQ(lost, 1);
  world.Poll();
}

TEST_F(LaneEndpointTest, WatermarkMessagesCoalesceWhileTheLaneDoesNotRead) {
  LaneEndpoint endpoint = Make();
  endpoint.Attach(lane.Connect());
  endpoint.SendTail({.durable = 1, .segment = 1, .segment_first = 1}, 2, 0, 77);
  ASSERT_EQ(lane.sent().size(), 1u);
  lane.wire().backlogged = true;
  for (Sequence i = 2; i <= 100; ++i) {
    endpoint.SendTail({.durable = i, .segment = 3, .segment_first = 2}, i + 1, i, 77);
  }
  endpoint.SendSaveCheckpoint();
  EXPECT_TRUE(endpoint.Ask(7, "p"));
  world.Poll();
  EXPECT_EQ(lane.sent().size(), 1u);
  lane.wire().backlogged = false;
  lane.wire().handlers.on_drained();
  ASSERT_EQ(lane.sent().size(), 2u);
  const internal::v1::CoreMessage& message = lane.sent()[1];
  EXPECT_EQ(message.tail().durable(), 100u);
  EXPECT_EQ(message.tail().segment(), 3u);
  EXPECT_EQ(message.appended(), 101u);
  EXPECT_TRUE(message.save_checkpoint());
  ASSERT_EQ(message.queries_size(), 1);
  EXPECT_EQ(message.queries(0).path(), "p");
  lane.wire().handlers.on_drained();
  EXPECT_EQ(lane.sent().size(), 2u);
}

TEST_F(LaneEndpointTest, Promise6QuestionsOfALaneThatDoesNotAnswerAreBounded) {
  LaneEndpoint endpoint = Make();
  endpoint.Attach(lane.Connect());
  for (uint64_t i = 1; i <= LaneEndpoint::kMaxQuestions; ++i) EXPECT_TRUE(endpoint.Ask(i, "p"));
  EXPECT_FALSE(endpoint.Ask(5000, "p"));
  endpoint.OnAnswer(17);
  EXPECT_TRUE(endpoint.Ask(5000, "p"));
  world.Poll();
  EXPECT_EQ(lane.sent().size(), 1u) << "questions of one turn go together";
}

TEST_F(LaneEndpointTest, ANewChannelReplacesTheOldAndCountersAddUp) {
  LaneEndpoint endpoint = Make();
  endpoint.Attach(lane.Connect());
  internal::v1::LaneStatus status;
  status.set_health(internal::v1::LANE_HEALTH_HEALTHY);
  status.set_applied_writes(10);
  status.add_apply_buckets(4);
  endpoint.OnStatus(status);
  EXPECT_TRUE(endpoint.Changed());
  EXPECT_FALSE(endpoint.Changed());
  FakeLane next;
  endpoint.Attach(next.Connect());
  EXPECT_FALSE(lane.open());
  EXPECT_EQ(lost, 0) << "there is a lane";
  EXPECT_FALSE(endpoint.greeted());
  EXPECT_TRUE(endpoint.Changed());
  status.set_applied_writes(3);
  endpoint.OnStatus(status);
  EXPECT_EQ(endpoint.Status().applied_writes(), 13u);
  EXPECT_EQ(endpoint.Status().apply_buckets(0), 8u);
  world.Poll();
}

// Found in the lab: a lane under SIGSTOP was shown HEALTHY for as long as that lasted.
TEST_F(LaneEndpointTest, ALaneThatSaysNothingIsNotTakenForWell) {
  LaneEndpoint endpoint = Make();
  endpoint.Attach(lane.Connect());
  internal::v1::LaneMessage message;
  message.mutable_status()->set_health(internal::v1::LANE_HEALTH_HEALTHY);
  endpoint.OnStatus(message.status());
  EXPECT_TRUE(endpoint.Changed());
  world.RunFor(1'900'000'000);
  EXPECT_EQ(endpoint.Status().health(), internal::v1::LANE_HEALTH_HEALTHY);
  world.RunFor(200'000'000);
  EXPECT_EQ(endpoint.Status().health(), internal::v1::LANE_HEALTH_SLOW);
  EXPECT_TRUE(endpoint.Changed());
  world.RunFor(8'000'000'000);
  EXPECT_EQ(endpoint.Status().health(), internal::v1::LANE_HEALTH_STALLED);
  EXPECT_TRUE(endpoint.Changed());
  EXPECT_FALSE(endpoint.Changed());
  lane.Send(message);
  EXPECT_EQ(endpoint.Status().health(), internal::v1::LANE_HEALTH_HEALTHY);
  EXPECT_TRUE(endpoint.Changed());
}

}  // namespace
}  // namespace tandem
