#include "daemon/lane/lane_state.h"

#include <gtest/gtest.h>

#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"

namespace tandem {
namespace {

LaneState SomeState(Sequence prefix) {
  LaneState state{.generation = 3,
                  .target_id = "0190-id",
                  .started_limit = prefix + 100,
                  .published = prefix - 1,
                  .epoch = 17,
                  .instance = MakeUuidV7(5, 6, 7)};
  state.settled = SequenceSet(prefix);
  state.settled.Add(prefix + 2, prefix + 5);
  state.settled.Add(prefix + 9);
  return state;
}

void ExpectEqual(const LaneState& a, const LaneState& b) {
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.target_id, b.target_id);
  EXPECT_EQ(a.started_limit, b.started_limit);
  EXPECT_EQ(a.published, b.published);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.instance, b.instance);
  EXPECT_EQ(a.settled.prefix(), b.settled.prefix());
  EXPECT_EQ(a.settled.Ranges(), b.settled.Ranges());
}

TEST(LaneStateCodec, ReadsBackWhatItWrote) {
  const LaneState state = SomeState(41);
  const auto decoded = DecodeLaneState(EncodeLaneState(state, 9));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->saves, 9u);
  ExpectEqual(decoded->state, state);
}

TEST(LaneStateCodec, RefusesEveryFlippedByteAndEveryCut) {
  const std::string slot = EncodeLaneState(SomeState(41), 9);
  for (size_t i = 0; i < slot.size(); ++i) {
    std::string damaged = slot;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_FALSE(DecodeLaneState(damaged).ok()) << i;
    EXPECT_FALSE(DecodeLaneState(absl::string_view(slot).substr(0, i)).ok()) << i;
  }
}

TEST(LaneStateCodec, TheLargestStateFitsIntoASlot) {
  LaneState state;
  for (size_t i = 0; i < kMaxLaneStateRanges; ++i) state.settled.Add(10 + 2 * i);
  EXPECT_LE(EncodeLaneState(state, 1).size(), kLaneStateSlotBytes);
}

class LaneStateFileTest : public testing::Test {
 protected:
  LaneStateFileTest() {
    files_.Mount("/j", &disk_);
    disk_.MakeDirectory("lane");
  }
  FileHandle OpenDirectory() {
    return *world_.Await(files_.Open(kNoFile, "/j/lane", O_RDONLY | O_DIRECTORY));
  }

  SimWorld world_{11};
  SimDisk disk_{world_};
  SimFiles files_{world_};
  Env env_ = world_.MakeEnv(files_);
};

TEST_F(LaneStateFileTest, AFreshDirectoryHasAFreshState) {
  LaneStateFile file(env_, OpenDirectory());
  const auto state = world_.Await(file.Load());
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->settled.prefix(), 0u);
  EXPECT_EQ(state->generation, 0u);
}

TEST_F(LaneStateFileTest, APowerCutLeavesTheLastSavedStateOrTheOneUnderWay) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    disk_.Remove("lane/state");
    SimFiles files(world_);
    files.Mount("/j", &disk_);
    Env env = world_.MakeEnv(files);
    const FileHandle directory =
        *world_.Await(files.Open(kNoFile, "/j/lane", O_RDONLY | O_DIRECTORY));
    LaneStateFile file(env, directory);
    for (Sequence prefix = 1; prefix <= 3; ++prefix) {
      ASSERT_TRUE(world_.Await(file.Save(SomeState(prefix))).ok());
    }
    // A fourth one is cut somewhere in the middle.
    const LaneState fourth = SomeState(4);
    bool saved = false;
    Spawn(world_.executor(),
          [](LaneStateFile& target, const LaneState& state, bool& done) -> Awaitable<void> {
            done = (co_await target.Save(state)).ok();
          }(file, fourth, saved));
    world_.RunFor(static_cast<int64_t>(seed) * 20'000);
    files.Kill();
    world_.RunFor(kSimSecond);
    SimRandom random(seed);
    disk_.Crash(random);
    SimFiles later(world_);
    later.Mount("/j", &disk_);
    Env later_env = world_.MakeEnv(later);
    LaneStateFile reread(later_env,
                         *world_.Await(later.Open(kNoFile, "/j/lane", O_RDONLY | O_DIRECTORY)));
    const auto state = world_.Await(reread.Load());
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_GE(state->settled.prefix(), saved ? 4u : 3u);
    EXPECT_LE(state->settled.prefix(), 4u);
  }
}

TEST_F(LaneStateFileTest, AfterAFailedSyncTheNextSaveIsTrulyDurable) {
  LaneStateFile file(env_, OpenDirectory());
  ASSERT_TRUE(world_.Await(file.Save(SomeState(1))).ok());
  disk_.Inject({.kind = IoKind::kSync, .error = EIO});
  EXPECT_FALSE(world_.Await(file.Save(SomeState(2))).ok());
  ASSERT_TRUE(world_.Await(file.Save(SomeState(2))).ok());
  files_.Kill();
  world_.Poll();
  disk_.Crash(world_.random());
  SimFiles later(world_);
  later.Mount("/j", &disk_);
  Env later_env = world_.MakeEnv(later);
  LaneStateFile reread(later_env,
                       *world_.Await(later.Open(kNoFile, "/j/lane", O_RDONLY | O_DIRECTORY)));
  const auto state = world_.Await(reread.Load());
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->settled.prefix(), 2u);
}

TEST_F(LaneStateFileTest, TwoDamagedSlotsAreRefused) {
  LaneStateFile file(env_, OpenDirectory());
  ASSERT_TRUE(world_.Await(file.Save(SomeState(1))).ok());
  ASSERT_TRUE(world_.Await(file.Save(SomeState(2))).ok());
  ASSERT_TRUE(disk_.FlipByte("lane/state", 40, 1));
  ASSERT_TRUE(disk_.FlipByte("lane/state", kLaneStateSlotBytes + 40, 1));
  LaneStateFile reread(env_, OpenDirectory());
  EXPECT_TRUE(absl::IsDataLoss(world_.Await(reread.Load()).status()));
}

// Or a full disk would freeze the checkpoint, and nothing could be retired to make room.
TEST_F(LaneStateFileTest, OnAFullDiskTheLargestStateIsSaved) {
  LaneStateFile file(env_, OpenDirectory());
  ASSERT_TRUE(world_.Await(file.Save(SomeState(1))).ok());
  disk_.set_capacity(disk_.used_bytes());
  LaneState state;
  for (size_t i = 0; i < kMaxLaneStateRanges; ++i) state.settled.Add(10 + 2 * i);
  for (int i = 0; i < 3; ++i) {
    const absl::Status saved = world_.Await(file.Save(state));
    ASSERT_TRUE(saved.ok()) << saved;
  }
  LaneStateFile reread(env_, OpenDirectory());
  const auto loaded = world_.Await(reread.Load());
  ASSERT_TRUE(loaded.ok());
  ExpectEqual(*loaded, state);
}

}  // namespace
}  // namespace tandem
