// A lane whose target was detached: what it asks for, and what it must not apply.
#include "daemon/lane/resync.h"

#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

class ResyncTest : public LaneFixture {
 protected:
  // The lane starts again, of a target that misses the paths in missed_page_.
  void Rejoin(Sequence through) {
    missed_state_.emplace();
    missed_state_->set_incomplete(true);
    missed_state_->set_rejoin(true);
    missed_state_->set_through(through);
    missed_state_->set_since_ms(world_.wall_ms());
    missed_page_.set_last(true);
    Restart();
  }
  void Missed(const std::string& path, Sequence first) {
    auto* added = missed_page_.add_paths();
    added->set_path(path);
    added->set_first(first);
  }
  void Copied(const std::string& path, Sequence at) {
    auto* added = missed_page_.add_paths();
    added->set_path(path);
    added->set_copied_at(at);
  }
};

// The note that it was copied may be lost, and the source may be behind this target by now.
TEST_F(ResyncTest, ACopyIsNeverOlderThanWhatIsSettledHere) {
  Start();
  Do(PutRecord(0, "a", "one"));
  const Sequence last = Do(PutRecord(0, "a", "two", FileOf(3)));
  ASSERT_TRUE(world_.RunUntil([&] { return checkpoint_ >= last; }, kLimit));
  Missed("a", 1);
  Rejoin(1);
  ASSERT_TRUE(world_.RunUntil([&] { return !source_queries_.empty(); }, kLimit));
  EXPECT_EQ(source_queries_.front().path(), "a");
  EXPECT_GE(source_queries_.front().at_least(), last);
}

// Found by the simulation: the background tried it again and again, in no time, for ever.
TEST_F(ResyncTest, WhatLiesBeneathAStuckDirectoryWaitsWithIt) {
  Start();
  Missed("d", 1);
  Missed("d/a", 1);
  Rejoin(0);
  ASSERT_TRUE(world_.RunUntil([&] { return !source_queries_.empty(); }, kLimit));
  ASSERT_EQ(source_queries_.front().path(), "d");
  AnswerSource(source_queries_.front().id(), internal::v1::SOURCE_TROUBLE_PARKED);
  world_.RunFor(10 * kSimSecond);
  EXPECT_EQ(source_queries_.size(), 1u);
}

// Found by a review: each copy made the target DOWN for as long as it took to open it again.
TEST_F(ResyncTest, ATargetWithoutRoomForCopiesIsDownThoughItsProbesGoWell) {
  options_.retry_max_ms = 5'000;
  options_.health_check_interval_ms = 1'000;
  Start();
  Missed("d", 1);
  Rejoin(0);
  disk_.Inject({.kind = IoKind::kMkdir, .error = ENOSPC, .persistent = true, .path = "root/"});
  const auto answer = [this] {
    for (const auto& query : std::exchange(source_queries_, {})) {
      if (query.path() == "d") AnswerSource(query.id(), PathKind::kDirectory, query.at_least());
    }
  };
  for (int i = 0; i < 200; ++i) {
    world_.RunFor(kSimSecond / 10);
    answer();
    if (i < 100) continue;
    EXPECT_EQ(status_.health(), internal::v1::LANE_HEALTH_DOWN);
    EXPECT_THAT(status_.reason(), testing::HasSubstr("No space"));
  }
  EXPECT_GT(status_.failed_attempts(), 0u);
  disk_.ClearFaults();
  for (int i = 0; i < 300 && At("d/") == "(none)"; ++i) {
    world_.RunFor(kSimSecond / 10);
    answer();
  }
  EXPECT_TRUE(world_.RunUntil(
      [this] { return status_.health() == internal::v1::LANE_HEALTH_HEALTHY; }, kLimit));
}

// Done anyway it would move what is to come, over what is not to be touched yet.
TEST_F(ResyncTest, ARenameWithOneEndCopiedBeyondItMakesTheOtherEndMissed) {
  Start();
  Do(PutRecord(0, "a", "a"));
  const Sequence before = Do(PutRecord(0, "b", "b"));
  ASSERT_TRUE(world_.RunUntil([&] { return checkpoint_ >= before; }, kLimit));
  Copied("a", before + 100);
  Rejoin(before);
  const Sequence rename = Append(RenameRecord(0, "a", "b", FileOf(1), FileOf(1)));
  ASSERT_TRUE(world_.RunUntil([&] { return !found_missed_.empty(); }, kLimit));
  EXPECT_EQ(found_missed_.front(), "b");
  world_.RunFor(kSimSecond);
  EXPECT_FALSE(durable_.contains(rename));
  EXPECT_EQ(At("a"), "a");
  EXPECT_EQ(At("b"), "b");
}

}  // namespace
}  // namespace tandem
