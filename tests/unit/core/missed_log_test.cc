#include "daemon/core/missed_log.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"

namespace tandem {
namespace {

struct LogProcess {
  LogProcess(SimWorld& world, SimDisk& disk) : files(world), clock(world) {
    files.Mount("/", &disk);
    env.emplace(Env{world.executor(), files, clock, world.random(), world.log()});
    log.emplace(*env, "/journal", "corebank", set);
  }
  SimFiles files;
  SimClock clock;
  std::optional<Env> env;
  MissedSet set;
  std::optional<MissedLog> log;
};

class MissedLogTest : public testing::Test {
 protected:
  ~MissedLogTest() override { Kill(); }

  void Kill() {
    if (process_ == nullptr) return;
    process_->clock.Kill();
    process_->files.Kill();
    world_.Poll();
    process_.reset();
  }
  void Start() {
    Kill();
    process_ = std::make_unique<LogProcess>(world_, disk_);
    const absl::Status loaded = world_.Await(process_->log->Load());
    ASSERT_TRUE(loaded.ok()) << loaded;
  }
  void PowerCut() {
    Kill();
    disk_.Crash(world_.random());
    Start();
  }
  void Miss(const std::string& path, Sequence first = 1) {
    process_->set.Add(path, first);
    AppendMissed(path, first, &process_->log->noted());
  }
  void Copy(const std::string& path, Sequence at) {
    process_->set.Copied(path, at);
    AppendCopied(path, at, &process_->log->noted());
  }
  absl::Status Sync() { return world_.Await(process_->log->Sync()); }
  [[nodiscard]] std::set<std::string> Missed() const {
    std::set<std::string> paths;
    for (const auto& [path, first] : process_->set.missed()) paths.insert(path);
    return paths;
  }

  using Paths = std::set<std::string>;
  SimWorld world_{5};
  SimDisk disk_{world_};
  std::unique_ptr<LogProcess> process_;
};

TEST_F(MissedLogTest, WhatIsSyncedSurvivesAPowerCut) {
  Start();
  Miss("a");
  ASSERT_TRUE(Sync().ok());
  Miss("b");
  Miss("c");
  ASSERT_TRUE(Sync().ok());
  Copy("b", 17);
  ASSERT_TRUE(Sync().ok());
  PowerCut();
  EXPECT_EQ(Missed(), (Paths{"a", "c"}));
  EXPECT_EQ(process_->set.copied().at("b"), 17u);
}

TEST_F(MissedLogTest, NothingIsRelearnedAfterRemove) {
  Start();
  Miss("a");
  ASSERT_TRUE(Sync().ok());
  Copy("a", 3);
  process_->set.Forget(3);
  ASSERT_TRUE(world_.Await(process_->log->Remove()).ok());
  PowerCut();
  EXPECT_TRUE(process_->set.empty());
}

TEST_F(MissedLogTest, RemoveLeavesWhatIsMissedAgain) {
  Start();
  Miss("a");
  ASSERT_TRUE(Sync().ok());
  ASSERT_TRUE(world_.Await(process_->log->Remove()).ok());
  PowerCut();
  EXPECT_EQ(Missed(), (Paths{"a"}));
}

// A sync that fails loses what was dirty, and the next one would say OK without having written it.
TEST_F(MissedLogTest, AfterAFailedSyncTheWholeSetIsWrittenAgain) {
  Start();
  Miss("a");
  ASSERT_TRUE(Sync().ok());
  Miss("b");
  disk_.Inject({.kind = IoKind::kSync, .error = EIO, .skip = 0});
  EXPECT_FALSE(Sync().ok());
  ASSERT_TRUE(Sync().ok());
  PowerCut();
  EXPECT_EQ(Missed(), (Paths{"a", "b"}));
}

TEST_F(MissedLogTest, ALongLogIsReplacedByTheSet) {
  Start();
  for (int i = 0; i < 2'000; ++i) {
    Miss(absl::StrCat("some/directory/of/many/", i % 10));
    ASSERT_TRUE(Sync().ok());
    Copy(absl::StrCat("some/directory/of/many/", i % 10), 1);
    process_->set.Forget(1);
  }
  Miss("last");
  ASSERT_TRUE(Sync().ok());
  EXPECT_LT(disk_.ReadFile("journal/detached/corebank", true).value().size(), 128u << 10);
  PowerCut();
  EXPECT_TRUE(process_->set.Misses("last"));
}

TEST_F(MissedLogTest, ACrashAtAnyStepKeepsWhatWasSynced) {
  for (uint64_t steps = 1; steps < 40; ++steps) {
    const std::string before = absl::StrCat("before ", steps);
    Start();
    Miss(before);
    ASSERT_TRUE(Sync().ok());
    Miss(absl::StrCat("during ", steps));
    bool died = false;
    uint64_t left = steps;
    disk_.set_observer([&](const SimStep&) { died = died || --left == 0; });
    process_->log->SyncSoon();
    world_.RunUntil([&] { return died; }, 50 * kSimMs);
    disk_.set_observer([](const SimStep&) {});
    PowerCut();
    ASSERT_TRUE(process_->set.Misses(before)) << steps;
  }
}

}  // namespace
}  // namespace tandem
