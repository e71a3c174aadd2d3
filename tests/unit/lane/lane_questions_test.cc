// What core asks a lane of paths.
#include "absl/strings/str_cat.h"
#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

using LaneQuestions = LaneFixture;

// Found by a review: after a failure, when no directory is remembered for them, a thousand
// questions at once took a thousand descriptors and more, and writes failed for want of one.
TEST_F(LaneQuestions, AThousandAtOnceTakeFewDescriptors) {
  Start();
  Do(PutRecord(0, "d/e/f/a", "1"));
  disk_.Inject({.kind = IoKind::kWrite, .error = EIO, .path = "root/"});
  Do(PutRecord(0, "b", "1"));
  ASSERT_TRUE(world_.RunUntil(
      [this] { return status_.health() == internal::v1::LANE_HEALTH_HEALTHY; }, kLimit));
  std::vector<std::string> paths = {"d/e/f/a"};
  for (int i = 1; i < 1000; ++i) paths.push_back(absl::StrCat("d/e/f/", i));
  AskAt(paths);
  size_t most = 0;
  ASSERT_TRUE(world_.RunUntil(
      [&] {
        most = std::max(most, open_handles());
        return answers_.size() == paths.size();
      },
      kLimit));
  EXPECT_LT(most, 200u);
  size_t found = 0;
  for (const auto& answer : answers_) {
    EXPECT_EQ(answer.error(), "");
    EXPECT_GE(answer.components_size(), 3);
    if (answer.components_size() == 4) ++found;
  }
  EXPECT_EQ(found, 1u);
}

TEST_F(LaneQuestions, ThoseThatWaitAreAnsweredWhenTheLaneEnds) {
  Start();
  disk_.Hang();
  std::vector<std::string> paths;
  for (int i = 0; i < 100; ++i) paths.push_back(absl::StrCat("d", i));
  AskAt(paths);
  world_.RunFor(kSimSecond);
  EXPECT_TRUE(answers_.empty());
  Drain();
  world_.RunFor(kSimSecond);
  disk_.Heal();
  EXPECT_TRUE(world_.RunUntil([this] { return ended().has_value(); }, kLimit));
  EXPECT_EQ(answers_.size(), paths.size());
}

}  // namespace
}  // namespace tandem
