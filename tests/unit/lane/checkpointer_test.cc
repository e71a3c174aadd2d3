#include "daemon/lane/checkpointer.h"

#include <gtest/gtest.h>

#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"

namespace tandem {
namespace {

class CheckpointerTest : public testing::Test {
 protected:
  CheckpointerTest() {
    files_.Mount("/j", &disk_);
    directory_ = *world_.Await(files_.Open(kNoFile, "/j", O_RDONLY | O_DIRECTORY));
    file_.emplace(env_, directory_);
    checkpointer_.emplace(env_, *file_, LaneState{.generation = 1}, 200,
                          [this](Sequence prefix) { saved_prefix_ = prefix; });
    checkpointer_->Start();
    world_.Await(checkpointer_->WaitStartable(1));
  }

  SimWorld world_{3};
  SimDisk disk_{world_};
  SimFiles files_{world_};
  Env env_ = world_.MakeEnv(files_);
  FileHandle directory_ = kNoFile;
  std::optional<LaneStateFile> file_;
  std::optional<Checkpointer> checkpointer_;
  Sequence saved_prefix_ = 0;
};

// The checkpoint passes over the contiguous prefix only, never past a write that is still owed.
TEST_F(CheckpointerTest, NeverPassesAWriteThatIsNotSettled) {
  checkpointer_->Settle(1);
  checkpointer_->Settle(3);
  checkpointer_->Settle(4);
  world_.Await(checkpointer_->WaitSaved());
  EXPECT_EQ(saved_prefix_, 1u);
  checkpointer_->Settle(2);
  world_.Await(checkpointer_->WaitSaved());
  EXPECT_EQ(saved_prefix_, 4u);
}

TEST_F(CheckpointerTest, SavesByItselfAfterItsInterval) {
  checkpointer_->Settle(1);
  world_.RunFor(kSimSecond);
  EXPECT_EQ(saved_prefix_, 1u);
}

TEST_F(CheckpointerTest, WhatIsAppliedBeyondThePrefixIsSavedToo) {
  checkpointer_->Settle(2);
  world_.Await(checkpointer_->WaitSaved());
  LaneStateFile reread(env_, directory_);
  const auto state = world_.Await(reread.Load());
  ASSERT_TRUE(state.ok());
  EXPECT_TRUE(state->settled.Contains(2));
  EXPECT_FALSE(state->settled.Contains(1));
}

TEST_F(CheckpointerTest, WaitSavedDoesNotReturnBeforeTheSaveIsDurable) {
  disk_.Hang();
  checkpointer_->Settle(1);
  bool saved = false;
  Spawn(world_.executor(), [](Checkpointer& checkpointer, bool& done) -> Awaitable<void> {
    co_await checkpointer.WaitSaved();
    done = true;
  }(*checkpointer_, saved));
  world_.RunFor(10 * kSimSecond);
  EXPECT_FALSE(saved);
  disk_.Heal();
  EXPECT_TRUE(world_.RunUntil([&] { return saved; }));
}

TEST_F(CheckpointerTest, AFailedSaveIsTriedAgain) {
  disk_.Inject({.kind = IoKind::kSync, .error = EIO});
  checkpointer_->Settle(1);
  world_.Await(checkpointer_->WaitSaved());
  EXPECT_EQ(saved_prefix_, 1u);
}

TEST_F(CheckpointerTest, ASuccessorKnowsWhatMayHaveBeenStarted) {
  LaneStateFile reread(env_, directory_);
  const auto state = world_.Await(reread.Load());
  ASSERT_TRUE(state.ok());
  bool startable = false;
  Spawn(world_.executor(),
        [](Checkpointer& checkpointer, Sequence sequence, bool& done) -> Awaitable<void> {
          co_await checkpointer.WaitStartable(sequence);
          done = true;
        }(*checkpointer_, state->started_limit + 1, startable));
  world_.RunFor(10 * kSimSecond);
  EXPECT_FALSE(startable);  // nothing was settled: the limit cannot move
  checkpointer_->Settle(1);
  EXPECT_TRUE(world_.RunUntil([&] { return startable; }));
}

// A lane that ends waits for nothing that only a save would bring.
TEST_F(CheckpointerTest, WhoWaitsIsLetGoWhenTheLaneEnds) {
  disk_.FailPath("state", EIO);
  disk_.FailPath("state.new", EIO);
  checkpointer_->Settle(1);
  int returned = 0;
  const auto wait = [](Awaitable<void> waiting, int* count) -> Awaitable<void> {
    co_await std::move(waiting);
    ++*count;
  };
  Spawn(world_.executor(), wait(checkpointer_->WaitStartable(1'000'000), &returned));
  Spawn(world_.executor(), wait(checkpointer_->WaitSavedOrEnd(), &returned));
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(returned, 0);
  checkpointer_->EndWaits();
  world_.Poll();
  EXPECT_EQ(returned, 2);
}

}  // namespace
}  // namespace tandem
