#include "daemon/lane/path_locks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/lane/records.h"

namespace tandem {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PathLocksTest : public testing::Test {
 protected:
  bool Acquire(const Record& record) { return locks_.Acquire(record.sequence, LockKeysOf(record)); }
  std::vector<Sequence> Release(Sequence sequence) {
    std::vector<Sequence> granted;
    locks_.Release(sequence, [&](Sequence next) { granted.push_back(next); });
    return granted;
  }
  std::vector<Sequence> Behind(const std::string& path) {
    std::vector<Sequence> waiting;
    locks_.ForEachWaitingBehind(path, [&](Sequence sequence) {
      waiting.push_back(sequence);
      return true;
    });
    return waiting;
  }

  PathLocks locks_;
};

TEST_F(PathLocksTest, WritesToOnePathGoOneAfterTheOtherInSequenceOrder) {
  EXPECT_TRUE(Acquire(PutRecord(1, "d/a", "x")));
  EXPECT_FALSE(Acquire(PutRecord(2, "d/a", "x")));
  EXPECT_FALSE(Acquire(PutRecord(3, "d/a", "x")));
  EXPECT_THAT(Release(1), ElementsAre(2));
  EXPECT_THAT(Release(2), ElementsAre(3));
}

TEST_F(PathLocksTest, WritesToDifferentPathsOfOneDirectoryGoSideBySide) {
  EXPECT_TRUE(Acquire(PutRecord(1, "d/a", "x")));
  EXPECT_TRUE(Acquire(PutRecord(2, "d/b", "x")));
  EXPECT_TRUE(Acquire(PutRecord(3, "e", "x")));
}

TEST_F(PathLocksTest, AWriteWaitsForItsAncestorAndAnAncestorForItsDescendants) {
  EXPECT_TRUE(Acquire(DeleteRecord(1, "a")));
  EXPECT_FALSE(Acquire(PutRecord(2, "a/b/c", "x")));
  EXPECT_FALSE(Acquire(PutRecord(3, "a/d", "x")));
  EXPECT_FALSE(Acquire(DeleteRecord(4, "a")));
  EXPECT_THAT(Release(1), ElementsAre(2, 3));
  EXPECT_THAT(Release(2), IsEmpty());
  EXPECT_THAT(Release(3), ElementsAre(4));
}

TEST_F(PathLocksTest, NobodyOvertakesAWaitingAncestor) {
  EXPECT_TRUE(Acquire(PutRecord(1, "a/b", "x")));
  EXPECT_FALSE(Acquire(DeleteRecord(2, "a")));
  EXPECT_FALSE(Acquire(PutRecord(3, "a/c", "x")));
  EXPECT_THAT(Release(1), ElementsAre(2));
  EXPECT_THAT(Release(2), ElementsAre(3));
}

TEST_F(PathLocksTest, ARenameHoldsBothItsEnds) {
  EXPECT_TRUE(Acquire(RenameRecord(1, "a/x", "b/y", FileOf(1))));
  EXPECT_FALSE(Acquire(PutRecord(2, "a/x", "v")));
  EXPECT_FALSE(Acquire(PutRecord(3, "b/y", "v")));
  EXPECT_TRUE(Acquire(PutRecord(4, "b/z", "v")));
  EXPECT_THAT(Release(1), ElementsAre(2, 3));
}

TEST_F(PathLocksTest, TheMembersOfABatchGoOneAfterTheOther) {
  Record first = PutRecord(1, "a", "x");
  Record second = PutRecord(2, "b", "x");
  first.flags = kRecordBatchMore;
  second.flags = kRecordBatchLater;
  first.request_id.bytes[0] = second.request_id.bytes[0] = 7;
  EXPECT_TRUE(Acquire(first));
  EXPECT_FALSE(Acquire(second));
  EXPECT_TRUE(Acquire(PutRecord(3, "c", "x")));
  EXPECT_THAT(Release(1), ElementsAre(2));
}

TEST_F(PathLocksTest, ARunTakesAlongOnlyThoseThatWaitForNothingElse) {
  EXPECT_TRUE(Acquire(PutRecord(1, "a", "x")));
  EXPECT_TRUE(Acquire(PutRecord(2, "b", "x")));
  EXPECT_FALSE(Acquire(PutRecord(3, "a", "x")));
  EXPECT_FALSE(Acquire(RenameRecord(4, "a", "b", FileOf(1))));
  EXPECT_FALSE(Acquire(PutRecord(5, "a", "x")));
  EXPECT_THAT(Behind("a"), ElementsAre(3));
}

TEST_F(PathLocksTest, NothingIsLeftWhenAllHaveLetGo) {
  Acquire(PutRecord(1, "a/b", "x"));
  Acquire(RenameRecord(2, "a/b", "c", FileOf(1)));
  Release(1);
  Release(2);
  EXPECT_EQ(locks_.size(), 0u);
  EXPECT_TRUE(Acquire(PutRecord(3, "a", "x")));
}

TEST(KeyUses, ForgetsWhatWasRemoved) {
  KeyUses uses;
  uses.Add(PutRecord(1, "a/b", "x"));
  EXPECT_TRUE(uses.Conflicts(PutRecord(2, "a", "x")));
  EXPECT_TRUE(uses.Conflicts(PutRecord(2, "a/b/c", "x")));
  EXPECT_FALSE(uses.Conflicts(PutRecord(2, "a/c", "x")));
  uses.Remove(PutRecord(1, "a/b", "x"));
  EXPECT_FALSE(uses.Conflicts(PutRecord(2, "a/b", "x")));
}

TEST_F(PathLocksTest, APinComesAfterWhatQueuedBeforeItAndHoldsUpWhatComesLater) {
  EXPECT_TRUE(Acquire(PutRecord(1, "d/a", "x")));
  EXPECT_FALSE(Acquire(PutRecord(2, "d/a", "x")));
  Record pin = PutRecord(kFirstPin, "d/a", "");
  EXPECT_FALSE(Acquire(pin));
  EXPECT_FALSE(Acquire(PutRecord(3, "d/a", "x")));
  EXPECT_THAT(Behind("d/a"), ElementsAre(2)) << "nothing is merged across it";
  EXPECT_THAT(Release(1), ElementsAre(2));
  EXPECT_THAT(Release(2), ElementsAre(kFirstPin));
  EXPECT_THAT(Release(kFirstPin), ElementsAre(3));
}

}  // namespace
}  // namespace tandem
