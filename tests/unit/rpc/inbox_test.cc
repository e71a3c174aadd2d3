#include "daemon/rpc/inbox.h"

#include <gtest/gtest.h>

#include <thread>

#include "daemon/rpc/budget.h"
#include "tests/unit/rpc/memory_core.h"

namespace tandem {
namespace {

TEST(InboxTest, ManyPushesCostOneWakeUpAndRunInOrder) {
  boost::asio::io_context io;
  MemoryCore core;
  Inbox inbox(io.get_executor(), core);
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) {
    inbox.Push([&seen, &core, i](Core* given) {
      EXPECT_EQ(given, &core);
      seen.push_back(i);
    });
  }
  EXPECT_EQ(io.run(), 1u);  // handlers run
  ASSERT_EQ(seen.size(), 100u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(InboxTest, APushFromATaskIsNotLost) {
  boost::asio::io_context io;
  MemoryCore core;
  Inbox inbox(io.get_executor(), core);
  bool inner = false;
  inbox.Push([&](Core*) { inbox.Push([&](Core*) { inner = true; }); });
  io.run();
  EXPECT_TRUE(inner);
}

TEST(InboxTest, ClosingTellsWhatIsInItAndWhatComesLater) {
  boost::asio::io_context io;
  MemoryCore core;
  Inbox inbox(io.get_executor(), core);
  int closed = 0;
  const auto count = [&closed](Core* given) { closed += given == nullptr ? 1 : 100; };
  inbox.Push(count);
  inbox.Close();
  inbox.Push(count);
  EXPECT_EQ(closed, 2);
  io.run();  // the wake-up that was on its way finds nothing
  EXPECT_EQ(closed, 2);
}

TEST(InboxTest, NothingIsLostBetweenThreads) {
  constexpr int kPerThread = 20'000;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<Executor> work(io.get_executor());
  MemoryCore core;
  Inbox inbox(io.get_executor(), core);
  int seen = 0;
  const auto produce = [&] {
    for (int i = 0; i < kPerThread; ++i) {
      inbox.Push([&](Core*) {
        if (++seen == 2 * kPerThread) work.reset();
      });
    }
  };
  std::thread one(produce);
  std::thread two(produce);
  io.run();
  one.join();
  two.join();
  EXPECT_EQ(seen, 2 * kPerThread);
}

TEST(BudgetTest, RefusesAboveItsLimitAndTakesBackWhatIsReturned) {
  Budget budget(10);
  EXPECT_TRUE(budget.TryTake(6));
  EXPECT_FALSE(budget.TryTake(5));
  EXPECT_TRUE(budget.TryTake(4));
  EXPECT_FALSE(budget.TryTake(1));
  budget.Return(10);
  EXPECT_TRUE(budget.TryTake(50));  // alone, so that what is too large for it is not stuck for ever
  EXPECT_FALSE(budget.TryTake(1));
  budget.Return(50);
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace tandem
