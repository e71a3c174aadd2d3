#include "daemon/base/sequence_set.h"

#include <algorithm>
#include <random>
#include <set>

#include "gtest/gtest.h"

namespace tandem {
namespace {

using Ranges = std::vector<SequenceRange>;

TEST(SequenceSet, ThePrefixGrowsOnlyOverWhatIsContiguous) {
  SequenceSet set(10);
  set.Add(12);
  set.Add(14, 15);
  EXPECT_EQ(set.prefix(), 10u);
  EXPECT_EQ(set.max(), 15u);
  EXPECT_EQ(set.beyond_count(), 3u);
  EXPECT_EQ(set.Ranges(), (Ranges{{12, 12}, {14, 15}}));
  set.Add(11);
  EXPECT_EQ(set.prefix(), 12u);
  set.Add(13);
  EXPECT_EQ(set.prefix(), 15u);
  EXPECT_EQ(set.range_count(), 0u);
  EXPECT_EQ(set.max(), 15u);
}

TEST(SequenceSet, NeighboursBecomeOneRange) {
  SequenceSet set;
  set.Add(5);
  set.Add(7);
  set.Add(6);
  EXPECT_EQ(set.Ranges(), (Ranges{{5, 7}}));
  set.Add(3, 20);
  EXPECT_EQ(set.Ranges(), (Ranges{{3, 20}}));
  EXPECT_EQ(set.beyond_count(), 18u);
  set.Add(4, 6);  // in already
  EXPECT_EQ(set.beyond_count(), 18u);
}

TEST(SequenceSet, WhatIsBelowThePrefixIsIn) {
  SequenceSet set(100);
  set.Add(1, 50);
  EXPECT_EQ(set.prefix(), 100u);
  EXPECT_TRUE(set.Contains(1));
  EXPECT_TRUE(set.Contains(100));
  EXPECT_FALSE(set.Contains(101));
  set.Add(90, 110);
  EXPECT_EQ(set.prefix(), 110u);
}

TEST(SequenceSet, AgreesWithAPlainSetOnRandomInput) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    SequenceSet set;
    std::set<Sequence> model;
    for (int step = 0; step < 60; ++step) {
      const Sequence first = 1 + random() % 80;
      const Sequence last = first + random() % 8;
      set.Add(first, last);
      for (Sequence sequence = first; sequence <= last; ++sequence) model.insert(sequence);

      Sequence prefix = 0;
      while (model.contains(prefix + 1)) ++prefix;
      ASSERT_EQ(set.prefix(), prefix) << "seed " << seed;
      ASSERT_EQ(set.max(), *model.rbegin()) << "seed " << seed;
      ASSERT_EQ(set.beyond_count(), model.size() - prefix) << "seed " << seed;
      for (Sequence sequence = 1; sequence < 95; ++sequence) {
        ASSERT_EQ(set.Contains(sequence), model.contains(sequence)) << seed << " " << sequence;
      }
      Sequence before = prefix;
      for (const SequenceRange& range : set.Ranges()) {
        ASSERT_GT(range.first, before + 1) << "no gap; seed " << seed;
        ASSERT_LE(range.first, range.last);
        before = range.last;
      }
      ASSERT_EQ(set.Ranges().size(), set.range_count());
    }
  }
}

TEST(SequenceSetDeathTest, SequenceZeroAndTurnedRangesAreBrokenInvariants) {
  SequenceSet set;
  EXPECT_DEATH(set.Add(0, 3), "invariant broken");
  EXPECT_DEATH(set.Add(5, 4), "invariant broken");
}

}  // namespace
}  // namespace tandem
