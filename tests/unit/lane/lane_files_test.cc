// A lane's own files, from one process to the next.
#include "daemon/lane/lane_files.h"

#include <gtest/gtest.h>

#include <optional>

#include "daemon/lane/lane_state.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"

namespace tandem {
namespace {

class LaneFilesTest : public testing::Test {
 protected:
  struct Process {
    Process(SimWorld& world, SimDisk& disk, const LaneOptions& options)
        : files(world), env(world.MakeEnv(files)), own(env, options) {
      files.Mount("/j", &disk);
    }
    SimFiles files;
    Env env;
    LaneFiles own;
  };

  LaneFilesTest() {
    options_.journal_directory = "/j/journal";
    options_.target = "local";
  }
  std::unique_ptr<Process> Start() {
    auto process = std::make_unique<Process>(world_, *disk_, options_);
    EXPECT_TRUE(world_.Await(process->own.Open()).ok());
    return process;
  }
  bool Locks(Process& process) {
    const auto locked = world_.Await(process.own.TryLock());
    EXPECT_TRUE(locked.ok()) << locked.status();
    return locked.value_or(false);
  }
  void Kill(Process& process) {
    process.files.Kill();
    world_.Poll();
  }

  SimWorld world_{5};
  std::unique_ptr<SimDisk> disk_;
  LaneOptions options_;
};

// Found by the simulator, seed 800736: the predecessor died after the sync of its directory had
// failed, and what the successor saved in the file that it found was gone with the file's name.
TEST_F(LaneFilesTest, ASuccessorMakesThePredecessorsNamesDurable) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    disk_ = std::make_unique<SimDisk>(world_);
    disk_->MakeDirectory("journal");
    const auto predecessor = Start();
    ASSERT_TRUE(Locks(*predecessor));
    const auto successor = Start();
    ASSERT_FALSE(Locks(*successor));
    LaneStateFile first(predecessor->env, predecessor->own.directory());
    disk_->Inject({.kind = IoKind::kSync, .skip = 1});  // the directory's
    EXPECT_FALSE(world_.Await(first.Save({.generation = 1})).ok());
    Kill(*predecessor);
    ASSERT_TRUE(Locks(*successor));
    LaneStateFile second(successor->env, successor->own.directory());
    ASSERT_EQ(world_.Await(second.Load())->generation, 1u);
    ASSERT_TRUE(world_.Await(second.Save({.generation = 2})).ok());
    Kill(*successor);
    SimRandom random(seed);
    disk_->Crash(random);
    const auto last = Start();
    ASSERT_TRUE(Locks(*last));
    LaneStateFile third(last->env, last->own.directory());
    ASSERT_EQ(world_.Await(third.Load())->generation, 2u) << "seed " << seed;
    Kill(*last);
  }
}

}  // namespace
}  // namespace tandem
