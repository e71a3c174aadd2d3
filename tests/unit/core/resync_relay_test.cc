#include "daemon/core/resync_relay.h"

#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

using internal::v1::SourceAnswer;
using internal::v1::SourceQuery;

class ResyncRelayTest : public testing::Test {
 protected:
  ResyncRelayTest() {
    for (size_t i = 0; i < 3; ++i) {
      endpoints.push_back(std::make_unique<LaneEndpoint>(
          env, LaneEndpoint::Handlers{.on_message = [](internal::v1::LaneMessage) {},
                                      .on_lost = [] {}}));
      endpoints[i]->Attach(lanes[i].Connect());
    }
  }
  void Open(uint64_t id, size_t asker = 0) {
    SourceQuery query;
    query.set_id(id);
    query.set_path("a");
    relay.OnQuery(asker, query);
  }
  void AnswerOpen(size_t source, uint64_t id) {
    SourceAnswer answer;
    answer.set_id(id);
    answer.set_session(id);
    relay.OnAnswer(source, answer);
  }
  std::vector<SourceQuery> Asked(size_t lane) {
    world.Poll();
    std::vector<SourceQuery> queries;
    for (const auto& message : lanes[lane].sent()) {
      queries.insert(queries.end(), message.source_queries().begin(),
                     message.source_queries().end());
    }
    return queries;
  }
  std::vector<SourceAnswer> Answered(size_t lane) {
    world.Poll();
    std::vector<SourceAnswer> answers;
    for (const auto& message : lanes[lane].sent()) {
      answers.insert(answers.end(), message.source_answers().begin(),
                     message.source_answers().end());
    }
    return answers;
  }

  SimWorld world{1};
  NoFiles files;
  Env env = world.MakeEnv(files);
  FakeLane lanes[3];
  std::vector<std::unique_ptr<LaneEndpoint>> endpoints;
  std::set<size_t> complete = {1};
  ResyncRelay relay{endpoints, [this](size_t lane) { return complete.contains(lane); }};
};

TEST_F(ResyncRelayTest, AsksATargetThatHasEverythingAndBringsTheAnswer) {
  Open(7);
  ASSERT_EQ(Asked(1).size(), 1u);
  EXPECT_TRUE(Asked(2).empty());
  AnswerOpen(1, Asked(1)[0].id());
  ASSERT_EQ(Answered(0).size(), 1u);
  EXPECT_EQ(Answered(0)[0].id(), 7u) << "the asker's own number";
}

TEST_F(ResyncRelayTest, AnAnswerThatOpensNothingLeavesNothing) {
  Open(7);
  SourceAnswer answer;
  const uint64_t id = Asked(1)[0].id();
  answer.set_id(id);
  relay.OnAnswer(1, answer);
  SourceQuery piece;
  piece.set_id(8);
  piece.set_session(id);
  relay.OnQuery(0, piece);
  ASSERT_EQ(Answered(0).size(), 2u);
  EXPECT_EQ(Answered(0)[1].trouble(), internal::v1::SOURCE_TROUBLE_LATER);
  EXPECT_EQ(Asked(1).size(), 1u);
}

// Who asks gives up after some time and asks again; one that hangs would keep it all.
TEST_F(ResyncRelayTest, ASourceThatHangsIsNotAskedForEver) {
  for (uint64_t id = 1; id <= 100; ++id) Open(id);
  EXPECT_LT(Asked(1).size(), 30u);
  ASSERT_FALSE(Answered(0).empty());
  EXPECT_EQ(Answered(0)[0].trouble(), internal::v1::SOURCE_TROUBLE_LATER);
  AnswerOpen(1, Asked(1)[0].id());
  const size_t asked = Asked(1).size();
  Open(101);
  EXPECT_EQ(Asked(1).size(), asked + 1);
}

TEST_F(ResyncRelayTest, WithoutASourceTheAnswerIsToAskLater) {
  complete.clear();
  Open(7);
  ASSERT_EQ(Answered(0).size(), 1u);
  EXPECT_EQ(Answered(0)[0].trouble(), internal::v1::SOURCE_TROUBLE_LATER);
}

TEST_F(ResyncRelayTest, ASourceThatDoesNotAnswerIsNotTheOnlyOneAsked) {
  complete = {1, 2};
  Open(7);
  Open(8);
  EXPECT_EQ(Asked(1).size(), 1u);
  EXPECT_EQ(Asked(2).size(), 1u);
}

TEST_F(ResyncRelayTest, WhoWaitsForASourceThatIsGoneIsTold) {
  Open(7);
  relay.OnLaneLost(1);
  ASSERT_EQ(Answered(0).size(), 1u);
  EXPECT_EQ(Answered(0)[0].trouble(), internal::v1::SOURCE_TROUBLE_LATER);
  AnswerOpen(1, Asked(1)[0].id());
  EXPECT_EQ(Answered(0).size(), 1u) << "its late answer is nobody's";
}

TEST_F(ResyncRelayTest, SessionsOfALaneThatIsGoneAreClosed) {
  Open(7);
  const uint64_t session = Asked(1)[0].id();
  AnswerOpen(1, session);
  relay.OnLaneLost(0);
  ASSERT_EQ(Asked(1).size(), 2u);
  EXPECT_TRUE(Asked(1)[1].close());
  EXPECT_EQ(Asked(1)[1].session(), session);
}

TEST_F(ResyncRelayTest, NobodyReadsASessionOfAnotherLane) {
  Open(7);
  AnswerOpen(1, Asked(1)[0].id());
  SourceQuery query;
  query.set_id(9);
  query.set_session(Asked(1)[0].id());
  relay.OnQuery(2, query);
  EXPECT_EQ(Asked(1).size(), 1u);
  ASSERT_EQ(Answered(2).size(), 1u);
  EXPECT_EQ(Answered(2)[0].trouble(), internal::v1::SOURCE_TROUBLE_LATER);
}

}  // namespace
}  // namespace tandem
