#include "daemon/core/path_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Rule03OnlyThatPathWaits, OverlapIsSamePathAncestorOrDescendant) {
  PathQueue queue;
  EXPECT_FALSE(queue.Blocks({"a"}));
  queue.Add(1, {"a/b/c"});
  for (const char* path : {"a/b/c", "a/b", "a", "a/b/c/d"}) EXPECT_TRUE(queue.Blocks({path}));
  for (const char* path : {"a/b/d", "a/bc", "b", "a/b/cd", "a/b/c2/d"}) {
    EXPECT_FALSE(queue.Blocks({path})) << path;
  }
  EXPECT_TRUE(queue.Blocks({"x", "a"})) << "either end of a rename";
  EXPECT_THAT(queue.Remove(1), IsEmpty());
  EXPECT_FALSE(queue.Blocks({"a/b/c"}));
  EXPECT_TRUE(queue.empty());
}

TEST(Rule15OrderSent, OnePathGoesInItsOrder) {
  PathQueue queue;
  queue.Add(1, {"a"});
  queue.Add(2, {"a"});
  queue.Add(3, {"a/x"});
  queue.Add(4, {"b"});
  EXPECT_TRUE(queue.IsFree(1));
  EXPECT_FALSE(queue.IsFree(2));
  EXPECT_FALSE(queue.IsFree(3));
  EXPECT_TRUE(queue.IsFree(4));
  EXPECT_THAT(queue.Remove(1), ElementsAre(2));
  EXPECT_THAT(queue.Remove(2), ElementsAre(3));
  EXPECT_THAT(queue.Remove(3), IsEmpty());
  EXPECT_THAT(queue.Remove(4), IsEmpty());
}

TEST(Rule15OrderSent, ARenameWaitsForBothEndsAndHoldsBoth) {
  PathQueue queue;
  queue.Add(1, {"a"});
  queue.Add(2, {"b"});
  queue.Add(3, {"a", "b"});
  queue.Add(4, {"b"});
  EXPECT_THAT(queue.Remove(1), IsEmpty());
  EXPECT_THAT(queue.Remove(2), ElementsAre(3));
  EXPECT_FALSE(queue.IsFree(4));
  EXPECT_THAT(queue.Remove(3), ElementsAre(4));
  EXPECT_THAT(queue.Remove(4), IsEmpty());
}

TEST(Rule15OrderSent, OneThatLeavesEarlyLetsNobodyOvertake) {
  PathQueue queue;
  queue.Add(1, {"a"});
  queue.Add(2, {"a"});
  queue.Add(3, {"a"});
  EXPECT_THAT(queue.Remove(2), IsEmpty()) << "3 waits behind 1 now";
  EXPECT_FALSE(queue.IsFree(3));
  queue.Add(4, {"a"});
  EXPECT_THAT(queue.Remove(3), IsEmpty());
  EXPECT_FALSE(queue.IsFree(4));
  EXPECT_THAT(queue.Remove(1), ElementsAre(4));
}

TEST(Rule15OrderSent, ADirectoryPathWaitsForAllBeneathIt) {
  PathQueue queue;
  queue.Add(1, {"d/a"});
  queue.Add(2, {"d/b/c"});
  queue.Add(3, {"d"});
  EXPECT_THAT(queue.Remove(2), IsEmpty());
  EXPECT_THAT(queue.Remove(1), ElementsAre(3));
}

}  // namespace
}  // namespace tandem
