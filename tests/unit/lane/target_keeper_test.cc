#include "daemon/lane/target_keeper.h"

#include "daemon/model/path.h"
#include "tests/unit/lane/target_fixture.h"

namespace tandem {
namespace {

class TargetKeeperTest : public TargetFixture {
 protected:
  TargetKeeperTest() {
    keeper_.Start();
    EXPECT_NE(world_.Await(keeper_.Ready()), nullptr);
  }
  static Awaitable<void> Ask(TargetKeeper& keeper, int& well, int& answers) {
    const bool is_well = co_await keeper.IsWell();
    well += is_well ? 1 : 0;
    ++answers;
  }

  TargetKeeper keeper_{env_, options_, ""};
};

// Found in the lab: the paths of one unreadable directory, failing side by side, probed side by
// side, each removed the other's file, and the target was DOWN again and again.
TEST_F(TargetKeeperTest, ThoseWhoAskAtTheSameTimeShareAProbe) {
  int well = 0;
  int answers = 0;
  const uint64_t unlinks = disk_.count(IoKind::kUnlink);
  for (int i = 0; i < 20; ++i) Spawn(env_.executor, Ask(keeper_, well, answers));
  world_.RunFor(10'000'000'000);
  EXPECT_EQ(answers, 20);
  EXPECT_EQ(well, 20);
  EXPECT_FALSE(keeper_.down()) << keeper_.reason();
  EXPECT_LE(disk_.count(IoKind::kUnlink) - unlinks, 2u);
}

TEST_F(TargetKeeperTest, AProbeThatFailsMakesTheTargetDownUntilItOpensAgain) {
  disk_.Inject({.kind = IoKind::kSync, .error = EIO});
  EXPECT_FALSE(world_.Await(keeper_.IsWell()));
  EXPECT_TRUE(keeper_.down());
  EXPECT_TRUE(keeper_.failed_before());
  EXPECT_NE(world_.Await(keeper_.Ready()), nullptr);
  EXPECT_TRUE(world_.Await(keeper_.IsWell()));
}

// Runs go on with the opening that they have when another failed and the target is opened anew.
TEST_F(TargetKeeperTest, ATargetOpenedAgainLeavesTempFilesThatAreBeingWritten) {
  const std::string temp = TempName(1, 7);
  const std::shared_ptr<Target> before = world_.Await(keeper_.Ready());
  disk_.WriteFile("root/" + temp, "half");
  before->directories().temps().insert(temp);
  const auto reopen = [&] {
    keeper_.ReportFailure(absl::UnavailableError("another run's failure"));
    ASSERT_NE(world_.Await(keeper_.Ready()), nullptr);
  };
  reopen();
  EXPECT_TRUE(disk_.TypeOf("root/" + temp).has_value());
  before->directories().temps().erase(temp);
  reopen();
  EXPECT_FALSE(disk_.TypeOf("root/" + temp).has_value()) << "what nobody writes any more goes";
}

}  // namespace
}  // namespace tandem
