#include "daemon/io/system_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <vector>

#include "daemon/io/system_random.h"

namespace tandem {
namespace {

using testing::ElementsAre;

class SystemClockTest : public testing::Test {
 protected:
  boost::asio::io_context loop_;
  SystemClock clock_{loop_.get_executor()};
};

TEST_F(SystemClockTest, TimersFireInTheOrderOfTheirDelays) {
  std::vector<int> fired;
  std::vector<Clock::TimerId> timers;
  int64_t began_ns = 0;
  // Again if it took so long that a shorter delay may end after a longer one.
  do {
    for (const Clock::TimerId timer : timers) clock_.Cancel(timer);
    timers.clear();
    began_ns = clock_.MonotonicNs();
    for (const int ms : {3, 1, 2}) {
      timers.push_back(clock_.Schedule(ms * kNsPerMs, [&fired, ms] { fired.push_back(ms); }));
    }
    timers.push_back(clock_.Schedule(-5, [&] { fired.push_back(0); }));
  } while (clock_.MonotonicNs() - began_ns >= kNsPerMs);
  EXPECT_THAT(fired, ElementsAre());
  loop_.run();
  EXPECT_THAT(fired, ElementsAre(0, 1, 2, 3));
}

TEST_F(SystemClockTest, NoTimerFiresBeforeItsDelayHasPassed) {
  const int64_t start_ns = clock_.MonotonicNs();
  int64_t fired_ns = 0;
  clock_.Schedule(5'000'000, [&] { fired_ns = clock_.MonotonicNs(); });
  clock_.Cancel(clock_.Schedule(1'000'000, [] { FAIL(); }));
  loop_.run();
  EXPECT_GE(fired_ns - start_ns, 5'000'000);
}

TEST_F(SystemClockTest, ACancelledTimerNeverFiresAndDoesNotKeepTheLoopRunning) {
  const Clock::TimerId timer = clock_.Schedule(3'600'000'000'000, [] { FAIL(); });
  clock_.Cancel(timer);
  clock_.Cancel(timer);
  clock_.Cancel(12345);
  loop_.run();
}

TEST_F(SystemClockTest, ATimerMayCancelAnotherThatIsDueAndStartNewOnes) {
  std::vector<int> fired;
  Clock::TimerId second = 0;
  clock_.Schedule(0, [&] {
    fired.push_back(1);
    clock_.Cancel(second);
    clock_.Schedule(0, [&] { fired.push_back(3); });
  });
  second = clock_.Schedule(0, [&] { fired.push_back(2); });
  loop_.run();
  EXPECT_THAT(fired, ElementsAre(1, 3));
}

TEST_F(SystemClockTest, TimersDieWithTheClock) {
  auto clock = std::make_unique<SystemClock>(loop_.get_executor());
  clock->Schedule(0, [] { FAIL(); });
  clock.reset();
  loop_.run();
}

TEST_F(SystemClockTest, WallTimeIsMillisecondsSince1970) {
  const int64_t before_ms = int64_t{std::time(nullptr)} * 1000;
  const int64_t now_ms = clock_.WallMs();
  EXPECT_GE(now_ms, before_ms);
  EXPECT_LE(now_ms, (int64_t{std::time(nullptr)} + 1) * 1000);
}

TEST(SystemRandomTest, TwoGeneratorsGoDifferentWays) {
  SystemRandom one;
  SystemRandom other;
  EXPECT_NE(one.Next(), other.Next());
  EXPECT_NE(one.Next(), one.Next());
}

}  // namespace
}  // namespace tandem
