#include "tandem/client/request_id.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/uuid.h"

namespace tandem::client {
namespace {

TEST(RequestIdTest, IsAVersion7UuidOfThisTimeThatTheDaemonAccepts) {
  RequestIdGenerator generator([] { return int64_t{1'700'000'000'123}; });
  const absl::StatusOr<Uuid> uuid = ParseUuid(generator.Next());
  ASSERT_TRUE(uuid.ok()) << uuid.status();
  EXPECT_EQ(uuid->UnixMs(), 1'700'000'000'123);
  EXPECT_EQ(uuid->bytes[8] >> 6, 2) << "the RFC's variant";
}

TEST(RequestIdTest, UsesTheSystemClockByDefault) {
  const auto now_ms = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  RequestIdGenerator generator;
  const int64_t before = now_ms();
  const std::optional<int64_t> ms = ParseUuid(generator.Next())->UnixMs();
  ASSERT_TRUE(ms.has_value());
  EXPECT_GE(*ms, before);
  EXPECT_LE(*ms, now_ms());
}

TEST(RequestIdTest, EachIdSortsAfterTheOneBeforeAlsoWhenTheClockStandsOrGoesBack) {
  int64_t now_ms = 1'000'000;
  RequestIdGenerator generator([&now_ms] { return now_ms; });
  std::string last;
  for (int i = 0; i < 20'000; ++i) {
    if (i == 5'000) now_ms -= 500'000;
    if (i == 15'000) now_ms += 600'000;
    std::string id = generator.Next();
    ASSERT_GT(id, last) << "at " << i;
    last = std::move(id);
  }
}

TEST(RequestIdTest, IdsOfManyThreadsAreUnique) {
  constexpr int kThreads = 8;
  constexpr int kEach = 5'000;
  RequestIdGenerator generator;
  std::vector<std::vector<std::string>> ids(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<std::string>& mine : ids) {
    threads.emplace_back([&generator, &mine] {
      for (int i = 0; i < kEach; ++i) mine.push_back(generator.Next());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const std::vector<std::string>& mine : ids) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end())) << "each thread sees them grow";
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), size_t{kThreads} * kEach);
}

TEST(RequestIdTest, TellsAnIdFromOtherText) {
  EXPECT_TRUE(IsRequestId("018F3a2b-0000-7000-8000-000000000001"));
  EXPECT_FALSE(IsRequestId(""));
  EXPECT_FALSE(IsRequestId("00000000-0000-0000-0000-000000000000"));
  EXPECT_FALSE(IsRequestId("018f3a2b000070008000000000000001"));
  EXPECT_FALSE(IsRequestId("018f3a2b-0000-7000-8000-00000000000g"));
  EXPECT_FALSE(IsRequestId("018f3a2b+0000-7000-8000-000000000001"));
}

}  // namespace
}  // namespace tandem::client
