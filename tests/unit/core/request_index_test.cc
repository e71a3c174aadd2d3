#include "daemon/core/request_index.h"

#include <gtest/gtest.h>

#include "daemon/base/reason.h"

namespace tandem {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kWindow = 1'000'000;
constexpr int64_t kRun = 5'000'000;

Uuid V7(int64_t ms, uint64_t n) { return MakeUuidV7(ms, n, n * 31); }
Uuid V4(uint64_t n) {
  Uuid id = V7(kNow, n);
  id.bytes[6] = 0x40;
  return id;
}
// The clock goes as time does: it said kNow when the run time was kRun.
RecordHeader RecordOf(const Uuid& id, Sequence sequence, int64_t wall_ms, uint8_t flags = 0) {
  RecordHeader record;
  record.request_id = id;
  record.sequence = sequence;
  record.wall_time_ms = wall_ms;
  record.run_ms = wall_ms - kNow + kRun;
  record.flags = flags;
  record.result_size = sequence * 10;
  return record;
}
std::string Check(const RequestIndex& index, const Uuid& id, uint32_t count = 1) {
  const absl::Status status = index.CheckNew(id, count);
  return status.ok() ? "(ok)" : std::string(ReasonName(*ReasonOf(status)));
}

TEST(RequestIndex, FindsByIdAndByAnySequenceOfABatch) {
  RequestIndex index(100, kWindow);
  index.Add(RecordOf(V7(kNow, 1), 5, kNow));
  index.Add(RecordOf(V4(2), 6, kNow, kRecordBatchMore));
  index.Add(RecordOf(V4(2), 7, kNow, kRecordBatchMore | kRecordBatchLater | kRecordExisted));
  index.Add(RecordOf(V4(2), 8, kNow, kRecordBatchLater));
  index.Add(RecordOf(V7(kNow, 3), 9, kNow));
  ASSERT_NE(index.Find(V4(2)), nullptr);
  EXPECT_EQ(index.Find(V4(2))->first, 6u);
  EXPECT_EQ(index.Find(V4(2))->last(), 8u);
  const auto results = index.Find(V4(2))->Results();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1].sequence, 7u);
  EXPECT_EQ(results[1].size, 70u);
  EXPECT_TRUE(results[1].existed);
  EXPECT_FALSE(results[2].existed);
  for (const Sequence sequence : {6, 7, 8}) {
    EXPECT_EQ(index.FindBySequence(sequence), index.Find(V4(2)));
  }
  EXPECT_EQ(index.FindBySequence(9), index.Find(V7(kNow, 3)));
  EXPECT_EQ(index.FindBySequence(4), nullptr);
  EXPECT_EQ(index.FindBySequence(10), nullptr);
  EXPECT_EQ(index.operations(), 5u);
}

// Both clocks go on to this.
void AdvanceTo(RequestIndex& index, int64_t wall_ms) {
  index.Advance(wall_ms - kNow + kRun, wall_ms);
}

TEST(Rule08Ids, AreKnownForTheWholeWindow) {
  RequestIndex index(100, kWindow);
  index.Add(RecordOf(V7(kNow, 1), 1, kNow));
  index.Add(RecordOf(V4(2), 2, kNow));
  AdvanceTo(index, kNow + kWindow);
  EXPECT_NE(index.Find(V7(kNow, 1)), nullptr);
  EXPECT_NE(index.Find(V4(2)), nullptr);
  AdvanceTo(index, kNow + kWindow + 1);
  EXPECT_EQ(index.size(), 0u);
}

TEST(Rule08Ids, AnIdOfATimeThatIsForgottenIsRefusedNotTakenForNew) {
  RequestIndex index(100, kWindow);
  AdvanceTo(index, kNow);
  EXPECT_EQ(Check(index, V7(kNow - 10 * kWindow, 1)), "(ok)") << "nothing is forgotten";
  index.Add(RecordOf(V7(kNow, 1), 1, kNow));
  AdvanceTo(index, kNow + kWindow + 1);
  EXPECT_EQ(Check(index, V7(kNow, 1)), "REQUEST_ID_EXPIRED");
  EXPECT_EQ(Check(index, V7(kNow, 2)), "REQUEST_ID_EXPIRED") << "could be that one";
  EXPECT_EQ(Check(index, V7(kNow - 1, 1)), "(ok)");
  EXPECT_EQ(Check(index, V7(kNow + 1, 1)), "(ok)");
  EXPECT_EQ(Check(index, V4(1)), "(ok)") << "its age is not known";
}

TEST(Rule08Ids, NoTimedIdIsEverForgottenAndThenTakenForNew) {
  RequestIndex index(100, kWindow);
  // As far ahead of our clock as an id may be and still count as timed.
  const Uuid ahead = V7(kNow + kMaxIdAheadMs, 1);
  index.Add(RecordOf(ahead, 1, kNow));
  for (int64_t now = kNow; now < kNow + 2 * kWindow; now += 500) {
    AdvanceTo(index, now);
    EXPECT_TRUE(index.Find(ahead) != nullptr || Check(index, ahead) == "REQUEST_ID_EXPIRED");
  }
  EXPECT_EQ(index.size(), 0u);
}

TEST(Rule08Ids, AJumpOfTheWallClockForgetsNothing) {
  RequestIndex index(100, kWindow);
  index.Add(RecordOf(V7(kNow, 1), 1, kNow));
  index.Add(RecordOf(V4(2), 2, kNow));
  for (const int64_t wall_ms : {kNow + 100 * kWindow, kNow - 100 * kWindow, kNow}) {
    index.Advance(kRun + kWindow, wall_ms);
    EXPECT_EQ(index.size(), 2u);
    EXPECT_EQ(Check(index, V7(wall_ms, 3)), "(ok)");
  }
  index.Advance(kRun + kWindow + 1, kNow - 100 * kWindow);
  EXPECT_EQ(index.size(), 1u) << "ids of that time will be made again: it is kept";
  index.Advance(kRun + 50 * kWindow, kNow + kWindow);
  EXPECT_EQ(index.size(), 1u);
  index.Advance(kRun + 50 * kWindow, kNow + kWindow + 1);
  EXPECT_EQ(index.size(), 0u);
}

// A clock that was set back for ever must not make the index grow for ever.
TEST(Rule08Ids, TheIndexIsBoundedWhateverTheClockDoes) {
  RequestIndex index(3, kWindow);
  for (uint64_t i = 1; i <= 100; ++i) {
    const auto n = static_cast<int64_t>(i);
    RecordHeader record = RecordOf(V7(kNow - n * kWindow, i), i, kNow - n * kWindow);
    record.run_ms = kRun + n * 2 * kWindow;
    index.Advance(record.run_ms, record.wall_time_ms);
    ASSERT_EQ(Check(index, record.request_id), "(ok)");
    index.Add(record);
    ASSERT_LE(index.operations(), 3u);
  }
}

TEST(Rule08Ids, WhatIsReadBackIsAtMostAsOldAsItCanBe) {
  RequestIndex index(100, kWindow);
  RecordHeader old = RecordOf(V7(kNow, 1), 1, kNow);
  RecordHeader newest = RecordOf(V7(kNow, 2), 2, kNow);
  newest.run_ms = kNewestRun;
  index.Add(old);
  index.Add(newest);
  index.Begin(kRun + 10 * kWindow, IdTimes());
  AdvanceTo(index, kNow + 10 * kWindow);
  EXPECT_EQ(index.Find(old.request_id), nullptr);
  EXPECT_NE(index.Find(newest.request_id), nullptr);
  AdvanceTo(index, kNow + 11 * kWindow + 1);
  EXPECT_EQ(index.size(), 0u) << "it ages from then on";
}

TEST(Rule08Ids, OfTooManyOtherIdsReadBackTheNewestCount) {
  RequestIndex index(3, kWindow);
  for (uint64_t i = 1; i <= 5; ++i) index.Add(RecordOf(V4(i), i, kNow));
  EXPECT_EQ(index.operations(), 3u);
  EXPECT_EQ(index.Find(V4(2)), nullptr);
  EXPECT_NE(index.Find(V4(3)), nullptr);
}

TEST(Rule08Ids, WhenFullTimedIdsGoOldestFirstAndRaiseTheFloor) {
  RequestIndex index(3, kWindow);
  for (uint64_t i = 1; i <= 5; ++i) {
    const int64_t ms = kNow + static_cast<int64_t>(i);
    index.Add(RecordOf(V7(ms, i), i, ms));
  }
  EXPECT_EQ(index.operations(), 3u);
  EXPECT_EQ(index.Find(V7(kNow + 2, 2)), nullptr);
  EXPECT_NE(index.Find(V7(kNow + 3, 3)), nullptr);
  EXPECT_EQ(Check(index, V7(kNow + 2, 2)), "REQUEST_ID_EXPIRED");
  EXPECT_EQ(Check(index, V7(kNow + 1, 99)), "REQUEST_ID_EXPIRED") << "could be one of those";
  EXPECT_EQ(Check(index, V7(kNow + 3, 99)), "(ok)");
}

TEST(Rule08Ids, OtherIdsAreNeverDroppedForRoom) {
  RequestIndex index(3, kWindow);
  index.Add(RecordOf(V7(kNow, 1), 1, kNow));
  index.Add(RecordOf(V4(2), 2, kNow));
  index.Add(RecordOf(V4(3), 3, kNow));
  EXPECT_EQ(Check(index, V4(4)), "(ok)") << "the timed one makes room";
  index.Add(RecordOf(V4(4), 4, kNow));
  EXPECT_EQ(index.Find(V7(kNow, 1)), nullptr);
  const absl::Status full = index.CheckNew(V4(5), 1);
  EXPECT_EQ(ReasonOf(full), Reason::kRequestIdsFull);
  EXPECT_GT(DetailOf(full).retry_after_ms, 0);
  EXPECT_EQ(Check(index, V7(kNow + 1, 6)), "REQUEST_IDS_FULL");
  AdvanceTo(index, kNow + kWindow + 1);
  EXPECT_EQ(Check(index, V4(5)), "(ok)");
}

TEST(Rule08Ids, ABatchCountsByItsOperations) {
  RequestIndex index(4, kWindow);
  index.Add(RecordOf(V7(kNow, 1), 1, kNow));
  for (uint64_t i = 2; i <= 5; ++i) {
    uint8_t flags = kRecordBatchMore;
    if (i > 2) flags |= kRecordBatchLater;
    index.Add(RecordOf(V7(kNow + 1, 2), i, kNow + 1, flags));
  }
  EXPECT_EQ(index.Find(V7(kNow, 1)), nullptr);
  ASSERT_NE(index.Find(V7(kNow + 1, 2)), nullptr);
  EXPECT_EQ(index.Find(V7(kNow + 1, 2))->count, 4u);
  EXPECT_EQ(index.operations(), 4u);
}

TEST(Rule08Ids, WhatTheJournalRetiredIsRefused) {
  RequestIndex index(10, kWindow);
  index.Begin(kRun, IdTimes({kNow - 60'000, kNow - 5000}));
  EXPECT_EQ(Check(index, V7(kNow - 5000, 1)), "REQUEST_ID_EXPIRED");
  EXPECT_EQ(Check(index, V7(kNow, 1)), "(ok)");
}

TEST(RequestIndex, ABatchWhoseBeginningIsGoneIsIgnored) {
  RequestIndex index(10, kWindow);
  index.Add(RecordOf(V4(1), 7, kNow, kRecordBatchLater));
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(index.FindBySequence(7), nullptr);
}

}  // namespace
}  // namespace tandem
