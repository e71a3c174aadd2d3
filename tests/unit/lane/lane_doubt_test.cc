// What a predecessor may have begun is done again; what came later is looked at like anything else.
#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

using testing::HasSubstr;

class LaneDoubt : public LaneFixture {
 protected:
  void ExpectForeign(Sequence sequence) {
    ASSERT_TRUE(IsParked(sequence)) << sequence;
    EXPECT_THAT(parked_.at(sequence).error(), HasSubstr("FOREIGN_CHANGE"));
  }
};

// Found by hand: for the next hundred thousand writes nobody noticed.
TEST_F(LaneDoubt, AForeignChangeIsNoticedAfterARestartToo) {
  Start();
  for (const char* path : {"append", "put", "delete", "from"}) Do(PutRecord(0, path, "1"));
  Restart();
  world_.RunFor(kSimSecond);
  for (const char* path : {"append", "put", "delete", "from"}) {
    disk_.WriteFile(absl::StrCat("root/", path), "foreign");
  }
  ExpectForeign(Do(AppendRecord(0, "append", "2", 1, FileOf(1))));
  ExpectForeign(Do(PutRecord(0, "put", "2", FileOf(1))));
  EXPECT_EQ(At("append"), "foreign");
  EXPECT_EQ(At("put"), "foreign");
}

// The power fails while it is applied, and what is there then is of no known size.
TEST_F(LaneDoubt, WhatWasJournaledBeforeTheRestartIsDoneAgain) {
  Start();
  Do(PutRecord(0, "a", "1"));
  disk_.Hang();
  const Sequence append = Append(AppendRecord(0, "a", "2", 1, FileOf(1)));
  world_.RunFor(kSimSecond);
  Restart();
  disk_.WriteFile("root/a", "12");
  disk_.Heal();
  ASSERT_TRUE(world_.RunUntil([&] { return durable_.contains(append); }, kLimit));
  EXPECT_EQ(At("a"), "12");
  ExpectForeign([&] {
    disk_.WriteFile("root/a", "12foreign");
    return Do(AppendRecord(0, "a", "3", 2, FileOf(2)));
  }());
}

}  // namespace
}  // namespace tandem
