// A file that somebody else put or changed: never overwritten before a person decides.
#include "absl/strings/str_cat.h"
#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

using testing::HasSubstr;

class StrangersFileTest : public LaneFixture {};

// Also not when it is tried again by itself, or with all the rest.
TEST_F(StrangersFileTest, AStrangersFileStaysUntilAPersonDecides) {
  options_.parked_retry_interval_ms = 1'000;
  Start();
  Do(PutRecord(0, "p", "one"));
  disk_.WriteFile("root/p", "a stranger's");
  const Sequence put = Do(PutRecord(0, "p", "two!", FileOf(3)));
  const Sequence append = Do(AppendRecord(0, "p", "more", 4, FileOf(4)));
  ASSERT_TRUE(IsParked(put));
  EXPECT_THAT(parked_.at(put).error(), HasSubstr("FOREIGN_CHANGE"));
  world_.RunFor(10 * kSimSecond);
  EXPECT_EQ(Retry().done(), 0u);
  Restart();
  world_.RunFor(10 * kSimSecond);
  EXPECT_EQ(At("p"), "a stranger's");
  // The file is put right: it goes on by itself.
  disk_.WriteFile("root/p", "one");
  world_.RunFor(10 * kSimSecond);
  EXPECT_TRUE(IsDurable(append));
  EXPECT_EQ(At("p"), "two!more");
}

TEST_F(StrangersFileTest, APersonWhoNamesAPathLetsAFullWriteReplaceAStrangersFile) {
  Start();
  Do(PutRecord(0, "p", "one"));
  Do(PutRecord(0, "q", "one"));
  disk_.WriteFile("root/p", "a stranger's");
  disk_.WriteFile("root/q", "a stranger's");
  const Sequence put = Do(PutRecord(0, "p", "two", FileOf(3)));
  const Sequence append = Do(AppendRecord(0, "q", "more", 3, FileOf(3)));
  ASSERT_TRUE(IsParked(put));
  ASSERT_TRUE(IsParked(append));
  EXPECT_EQ(Retry("p").done(), 1u);
  EXPECT_EQ(At("p"), "two");
  EXPECT_EQ(Retry("q").done(), 0u) << "nobody knows what it would be appended to";
  EXPECT_EQ(At("q"), "a stranger's");
}

// It is told of once; then there is nothing that a whole file could overwrite.
TEST_F(StrangersFileTest, WhereAFileIsGoneAWholeOneIsWrittenWhenItIsTriedAgain) {
  Start();
  Do(PutRecord(0, "p", "one"));
  Do(PutRecord(0, "q", "one"));
  disk_.Remove("root/p");
  disk_.Remove("root/q");
  const Sequence put = Do(PutRecord(0, "p", "two", FileOf(3)));
  const Sequence append = Do(AppendRecord(0, "q", "more", 3, FileOf(3)));
  ASSERT_TRUE(IsParked(put));
  EXPECT_THAT(parked_.at(put).error(), HasSubstr("gone"));
  ASSERT_TRUE(IsParked(append));
  EXPECT_EQ(Retry().done(), 1u);
  EXPECT_EQ(At("p"), "two");
  EXPECT_TRUE(IsParked(append));
}

// Two that wait together are tried together, and then one by one.
TEST_F(StrangersFileTest, NeighboursDoNotOverwriteAStrangersFileEither) {
  Start();
  Do(PutRecord(0, "p", "one"));
  Do(PutRecord(0, "p", "uno", FileOf(3)));
  disk_.Hang();
  const Sequence first = Append(AppendRecord(0, "other", "x", 0, {}));
  const Sequence second = Append(AppendRecord(0, "p", "two", 3, FileOf(3)));
  const Sequence third = Append(AppendRecord(0, "p", "three", 6, FileOf(6)));
  world_.RunFor(kSimSecond);
  disk_.WriteFile("root/p", "a stranger's");
  disk_.Heal();
  ASSERT_TRUE(world_.RunUntil([&] { return IsParked(second) && IsParked(third); }, kLimit));
  EXPECT_TRUE(world_.RunUntil([&] { return IsDurable(first); }, kLimit));
  EXPECT_EQ(At("p"), "a stranger's");
}

// A predecessor that died cannot have begun what was journaled after it.
TEST_F(StrangersFileTest, AfterARestartAStrangersFileIsToldFromOurOwn) {
  Start();
  Do(PutRecord(0, "p", "one"));
  Restart();
  world_.RunFor(kSimSecond);
  disk_.WriteFile("root/p", "a stranger's");
  EXPECT_TRUE(IsParked(Do(PutRecord(0, "p", "two", FileOf(3)))));
  EXPECT_EQ(At("p"), "a stranger's");
}

// Simulator, seed 950021320: what had made the directory was skipped here, and the Delete made the
// path equal but not what is above it.
TEST_F(StrangersFileTest, ADeleteThatMakesADivergedPathEqualMakesItsDirectoriesToo) {
  Start();
  Refuse("d");
  const Sequence put = Do(PutRecord(0, "d/e/a", "1"));
  ASSERT_TRUE(IsParked(put));
  Allow("d");
  ASSERT_EQ(Skip({put}).done(), 1u);
  EXPECT_TRUE(IsDurable(Do(DeleteRecord(0, "d/e/a", FileOf(1)))));
  EXPECT_TRUE(parked_.empty());
  EXPECT_EQ(disk_.TypeOf("root/d/e", /*durable=*/true), FileType::kDirectory);
  EXPECT_FALSE(disk_.TypeOf("root/d/e/a").has_value());
}

}  // namespace
}  // namespace tandem
