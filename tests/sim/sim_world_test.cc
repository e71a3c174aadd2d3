// The simulated world: determinism, time, and what dies with a process.
#include "tests/sim/sim_world.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_files.h"

namespace tandem {
namespace {

// Everything observable of a run of mixed operations with faults and a crash.
uint64_t TraceOf(uint64_t seed) {
  SimWorld world(seed);
  SimDisk disk(world);
  disk.rates() = {.read_error = 0.1,
                  .write_error = 0.1,
                  .short_write = 0.2,
                  .sync_error = 0.1,
                  .meta_error = 0.1};
  SimFiles files(world);
  files.Mount("/data", &disk);
  std::vector<std::string> buffers;
  for (int i = 0; i < 100; ++i) buffers.push_back(std::string(world.random().Below(3000), 'x'));
  for (int i = 0; i < 100; ++i) {
    files.Submit({.kind = IoKind::kOpen,
                  .path = "/data/f" + std::to_string(world.random().Below(5)),
                  .open_flags = O_RDWR | O_CREAT},
                 [&files, &buffers, i](IoResult opened) {
                   if (opened.value < 0) return;
                   const auto file = static_cast<FileHandle>(opened.value);
                   files.Submit({.kind = IoKind::kWrite,
                                 .file = file,
                                 .source = buffers[i].data(),
                                 .length = buffers[i].size()},
                                [&files, file](IoResult) {
                                  files.Submit({.kind = IoKind::kSync, .file = file},
                                               [](IoResult) {});
                                });
                 });
  }
  world.RunFor(kSimMs / 2);
  files.Kill();
  disk.Crash(world.random());
  world.RunFor(kSimSecond);
  for (const auto& [path, content] : disk.Tree()) {
    world.Trace(path);
    world.Trace(content);
  }
  return world.trace();
}

TEST(SimDeterminismTest, TheSameSeedGivesTheSameRun) {
  std::set<uint64_t> traces;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const uint64_t trace = TraceOf(seed);
    EXPECT_EQ(trace, TraceOf(seed));
    traces.insert(trace);
  }
  EXPECT_EQ(traces.size(), 20u);
}

Awaitable<int> SleepAndCount(Clock& clock, int64_t ns, int* count) {
  co_await Sleep(clock, ns);
  co_return ++*count;
}

TEST(SimWorldTest, TimeIsVirtualAndOnlyTheWallClockJumps) {
  SimWorld world(1);
  int count = 0;
  const int64_t start = world.clock().MonotonicNs();
  const int64_t wall = world.clock().WallMs();
  EXPECT_EQ(world.Await(SleepAndCount(world.clock(), 3'600 * kSimSecond, &count)), 1);
  EXPECT_EQ(world.clock().MonotonicNs() - start, 3'600 * kSimSecond);
  EXPECT_EQ(world.clock().WallMs() - wall, 3'600'000);
  world.JumpWall(-10'000'000);
  EXPECT_LT(world.clock().WallMs(), wall);
  EXPECT_FALSE(world.RunUntil([] { return false; }));
}

TEST(SimWorldTest, ADeadProcesssTimersNeverFireAndItsCoroutinesAreDestroyed) {
  SimWorld world(1);
  int count = 0;
  {
    SimClock clock(world);
    Spawn(world.executor(), [](Clock& of, int* counter) -> Awaitable<void> {
      (void)co_await SleepAndCount(of, kSimSecond, counter);
    }(clock, &count));
    world.Poll();
  }
  world.RunFor(10 * kSimSecond);
  EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace tandem
