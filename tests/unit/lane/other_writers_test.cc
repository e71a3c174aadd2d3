// Two writers never write beneath one root, whatever they are called.
#include "daemon/lane/other_writers.h"

#include <gmock/gmock.h>

#include "tests/unit/lane/claim_fixture.h"

namespace tandem {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(OtherWriters, RootsOverlapWhenOneIsTheOtherOrLiesWithinIt) {
  EXPECT_TRUE(RootsOverlap("a", "a"));
  EXPECT_TRUE(RootsOverlap("a", "a/b/c"));
  EXPECT_TRUE(RootsOverlap("a/b", "a"));
  EXPECT_TRUE(RootsOverlap("", "a"));
  EXPECT_TRUE(RootsOverlap("", ""));
  EXPECT_FALSE(RootsOverlap("a", "ab"));
  EXPECT_FALSE(RootsOverlap("a/b", "a/c"));
}

// A daemon on a machine of its own, with its own writer name, on the same target.
class OtherWritersTest : public ClaimFixture {
 protected:
  static std::string EpochPath(const std::string& writer) {
    return ".tandem/writers/" + writer + "/epoch.json";
  }
  void Claims(const std::string& writer, const std::string& root, bool claiming = false) {
    const EpochFile file{.writer = writer,
                         .instance = "01900000-0000-7000-8000-00000000000b",
                         .epoch = 3,
                         .host = "elsewhere",
                         .pid = 4711,
                         .taken_ms = 1'700'000'000'000,
                         .root = root,
                         .claiming = claiming};
    disk_.MakeDirectory(".tandem/writers/" + writer);
    disk_.WriteFile(EpochPath(writer), EncodeEpochFile(file));
  }
  // Ends the lane that the fixture started, leaving nothing of it.
  void StartAfresh(const std::string& root) {
    world_.RunFor(2 * kSimSecond);
    lane().publisher.Stop();
    lane().keeper.Stop();
    world_.RunFor(2 * kSimSecond);
    disk_.Remove(EpochPath("w"));
    disk_.Remove(".tandem/writers/w/watermark.json");
    options_.writer_root = root;
  }
  void StartNew() { StartLane(LaneState{.generation = 1, .instance = MakeUuidV7(9, 9, 9)}); }
  EpochFile OnDisk(const std::string& writer) {
    const auto read = DecodeEpochFile(disk_.ReadFile(EpochPath(writer), true).value_or(""));
    EXPECT_TRUE(read.ok()) << read.status();
    return read.value_or(EpochFile());
  }
  void Release(const std::string& writer) {
    const FileHandle top = *world_.Await(files_.Open(kNoFile, "/t", O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(world_.Await(ReleaseEpoch(env_, top, writer)).ok());
  }
};

TEST_F(OtherWritersTest, AWriterOfAnOverlappingRootWritesNothing) {
  for (const std::string root : {"shared", "shared/deep/er", ""}) {
    StartAfresh(root);
    Claims("other", root == "" ? "anything" : "shared");
    const auto before = disk_.Tree();
    StartNew();
    world_.RunFor(10 * kSimSecond);
    EXPECT_TRUE(lane().keeper.down()) << root;
    EXPECT_THAT(lane().keeper.reason(),
                AllOf(HasSubstr("writer other has"), HasSubstr("pid 4711 on elsewhere"),
                      HasSubstr("tandemctl target take-over /t --writer other")));
    EXPECT_EQ(disk_.Tree(), before);
    EXPECT_EQ(lane().checkpointer.state().epoch, 0u);
  }
}

TEST_F(OtherWritersTest, WritersOfOtherRootsAreNoTrouble) {
  StartAfresh("shared/a");
  Claims("b", "shared/b");
  Claims("c", "shared/ab");
  disk_.MakeDirectory(".tandem/writers/began-and-died");
  disk_.WriteFile(".tandem/writers/no-directory", "");
  Claims("damaged", "x");
  disk_.WriteFile(EpochPath("damaged"), "{");
  StartNew();
  world_.RunFor(10 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  EXPECT_EQ(OnDisk("w").root, "shared/a");
  EXPECT_FALSE(OnDisk("w").claiming);
}

// What was written before roots were said.
TEST_F(OtherWritersTest, AnEpochWithoutARootIsThatOfTheWritersName) {
  Claims("root", "?");
  std::string json = *disk_.ReadFile(EpochPath("root"));
  json.replace(json.find(",\"root\":\"?\""), 11, "");
  StartAfresh("root");
  disk_.WriteFile(EpochPath("root"), json);
  StartNew();
  world_.RunFor(2 * kSimSecond);
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("writer root has 'root'"));
}

TEST_F(OtherWritersTest, ATakeOverOfTheOtherLetsThisOneGoOn) {
  StartAfresh("shared");
  Claims("other", "shared");
  StartNew();
  world_.RunFor(2 * kSimSecond);
  ASSERT_TRUE(lane().keeper.down());
  Release("other");
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
}

// The other one did not see us: an old look at the directory, or an old program.
TEST_F(OtherWritersTest, OneThatIsThereAllTheSameIsNoticed) {
  for (int i = 0; i < 9; ++i) Claims("w" + std::to_string(i), "root-" + std::to_string(i));
  world_.RunFor(2 * kSimSecond);
  ASSERT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  Claims("new", "root/within");
  world_.RunFor(2 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("writer new has 'root/within'"));
  world_.RunFor(20 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down()) << "it stays so as long as the other one is there";
  Release("new");
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
}

TEST_F(OtherWritersTest, OneThatMovesToOurRootIsNoticed) {
  for (int i = 0; i < 9; ++i) Claims("w" + std::to_string(i), "root-" + std::to_string(i));
  world_.RunFor(2 * kSimSecond);
  Claims("w3", "root");
  world_.RunFor(20 * kSimSecond);
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("writer w3 has 'root'"));
}

// Somebody who only asks stops nobody who writes.
TEST_F(OtherWritersTest, AClaimAloneStopsOnlyWhoHasNotBegun) {
  world_.RunFor(2 * kSimSecond);
  Claims("other", "root", /*claiming=*/true);
  world_.RunFor(10 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  Restart();
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
}

TEST_F(OtherWritersTest, WhoComesSecondWithdrawsItsClaimAndLeavesWhatWasThere) {
  StartAfresh("shared");
  // The other one's claim appears just when ours is written.
  bool claimed = false;
  disk_.set_observer([&](const SimStep& step) {
    if (claimed || step.kind != IoKind::kRename || step.path.find("w/") == absl::string_view::npos)
      return;
    claimed = true;
    Claims("other", "shared");
  });
  StartNew();
  world_.RunFor(5 * kSimSecond);
  disk_.set_observer(nullptr);
  ASSERT_TRUE(claimed);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_FALSE(disk_.TypeOf(EpochPath("w")).has_value());
  EXPECT_FALSE(disk_.TypeOf("shared").has_value());
}

// Two machines start at the same moment, each with a claim of its own; at every interleaving of
// their steps at most one may begin to write, and one of them does in the end.
class TwoAtOnce : public testing::TestWithParam<int> {};

struct Daemon {
  Daemon(SimWorld& world, SimDisk& target, const std::string& writer, const std::string& root)
      : files(world), journal(world) {
    files.Mount("/t", &target);
    journal.MakeDirectory("lane");
    files.Mount("/j", &journal);
    env.emplace(world.MakeEnv(files));
    options.target = "corebank";
    options.target_path = "/t";
    options.writer = writer;
    options.writer_root = root;
    const FileHandle directory =
        *world.Await(files.Open(kNoFile, "/j/lane", O_RDONLY | O_DIRECTORY));
    file.emplace(*env, directory);
    LaneState state{.generation = 1, .instance = MakeUuidV7(1, world.random().Next(), 3)};
    checkpointer.emplace(*env, *file, std::move(state), 100, [](Sequence) {});
    claim.emplace(*env, options, *checkpointer);
    keeper.emplace(*env, options, "", &*claim);
    checkpointer->Start();
  }
  SimFiles files;
  SimDisk journal;
  LaneOptions options;
  std::optional<Env> env;
  std::optional<LaneStateFile> file;
  std::optional<Checkpointer> checkpointer;
  std::optional<TargetClaim> claim;
  std::optional<TargetKeeper> keeper;
};

TEST_P(TwoAtOnce, AtMostOneWrites) {
  // Of the same name, of two names beneath one root, one within the other's.
  const char* const names[] = {"a", "b", "b"};
  const char* const roots[] = {"shared", "shared", ""};
  const std::string name = names[GetParam() % 3];
  const std::string root = roots[GetParam() % 3];
  SimWorld world(static_cast<uint64_t>(GetParam()));
  SimDisk target(world);
  {
    SimFiles files(world);
    files.Mount("/t", &target);
    Env env = world.MakeEnv(files);
    LaneOptions options;
    options.target = "corebank";
    options.target_path = "/t";
    options.writer = "somebody-else";
    options.writer_root = "elsewhere";
    options.initialize_target = true;
    ASSERT_TRUE(world.Await(Target::Open(env, options, "", false)).ok());
    files.Kill();
  }
  auto a = std::make_unique<Daemon>(world, target, "a", "shared");
  auto b = std::make_unique<Daemon>(world, target, name, root);
  a->keeper->Start();
  world.RunFor(world.random().Between(0, 30) * kSimMs / 10);
  b->keeper->Start();
  const int64_t end_ns = world.now_ns() + 60 * kSimSecond;
  while (world.now_ns() < end_ns && world.Step()) {
    ASSERT_FALSE(!a->keeper->down() && !b->keeper->down()) << "seed " << GetParam();
  }
  EXPECT_TRUE(a->keeper->down() != b->keeper->down()) << "one of them has it";
  for (Daemon* daemon : {a.get(), b.get()}) daemon->files.Kill();
  world.Poll();
}

INSTANTIATE_TEST_SUITE_P(Seeds, TwoAtOnce, testing::Range(1, 200));

}  // namespace
}  // namespace tandem
