// A target that is detached: what it lacks is asked about before it is retired.
#include <gtest/gtest.h>

#include "daemon/journal/footer.h"
#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

class AskedListener final : public Journal::Listener {
 public:
  void OnDurable(JournalTail) override {}
  void OnGroup(uint64_t, uint64_t, int64_t) override {}
  void OnState(JournalState, const absl::Status&) override {}
  void OnRetired(Sequence last) override { retired = last; }
  void OnPressed(Sequence last) override { pressed = last; }
  Awaitable<bool> BeforeRetire(Sequence first, Sequence last, const std::string& footer) override {
    const auto visit = [&](const RecordHeader& record, const RecordPlace&) {
      asked.push_back(record.sequence);
    };
    EXPECT_TRUE(VisitFooter(footer, visit).ok());
    EXPECT_EQ(asked.back(), last);
    EXPECT_LE(first, last);
    if (!covers) asked.clear();
    co_return covers;
  }

  bool covers = true;
  Sequence pressed = 0;
  Sequence retired = 0;
  std::vector<Sequence> asked;
};

class DetachedTest : public JournalTest {
 protected:
  void OpenFull() {
    ASSERT_NO_FATAL_FAILURE(Open());
    journal().Start(listener_);
    while (TryAppend(3'000).ok()) WaitDurable(journal().appended());
    journal().SetCheckpoint("local", journal().tail().durable);
    world_.RunFor(3 * kSimSecond);
  }
  AskedListener listener_;
};

TEST_F(DetachedTest, WithoutRoomForAnotherSegmentWhoHoldsItBackIsAskedFor) {
  OpenFull();
  EXPECT_GT(listener_.pressed, 0u);
  EXPECT_EQ(listener_.retired, 0u);
  EXPECT_TRUE(listener_.asked.empty());
}

TEST_F(DetachedTest, ADetachedTargetHoldsNothingBackOnceWhatItLacksIsNoted) {
  OpenFull();
  journal().SetDetached("corebank", true);
  ASSERT_TRUE(RunUntil([&] { return listener_.retired >= listener_.pressed; }));
  world_.RunFor(3 * kSimSecond);
  EXPECT_EQ(listener_.asked, Range(1, listener_.retired)) << "every record, once";
  EXPECT_TRUE(journal().Admit(1, 3'000, false).ok());
  EXPECT_LE(journal().bytes_used(), options_.max_bytes / 2 + options_.segment_bytes)
      << "room to catch up";
}

TEST_F(DetachedTest, WhatCannotBeNotedStaysAndWritesAreRefused) {
  listener_.covers = false;
  OpenFull();
  journal().SetDetached("corebank", true);
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(listener_.retired, 0u);
  EXPECT_EQ(ReasonOf(journal().Admit(1, 3'000, false)), Reason::kJournalFull);
  listener_.covers = true;
  ASSERT_TRUE(RunUntil([&] { return listener_.retired > 0; }));
}

TEST_F(DetachedTest, ATargetThatIsBackHoldsBackWhatItNeeds) {
  OpenFull();
  journal().SetDetached("corebank", true);
  ASSERT_TRUE(RunUntil([&] { return listener_.retired > 0; }));
  const Sequence retired = listener_.retired;
  journal().SetCheckpoint("corebank", retired);
  journal().SetDetached("corebank", false);
  world_.RunFor(100 * kSimSecond);
  EXPECT_EQ(listener_.retired, retired);
}

}  // namespace
}  // namespace tandem
