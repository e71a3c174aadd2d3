// The simulator itself: what it promises to the tests that stand on it.
#include "tests/sim/sim_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "daemon/base/status.h"

namespace tandem {
namespace {

class SimFilesTest : public testing::Test {
 protected:
  SimFilesTest() { files_.Mount("/data", &disk_); }

  FileHandle Open(SimFiles& files, std::string path, int flags) {
    auto file = world_.Await(files.Open(kNoFile, std::move(path), flags));
    TANDEM_CHECK(file.ok());
    return *file;
  }
  absl::Status Write(FileHandle file, std::string data, uint64_t offset = 0) {
    return world_.Await(files_.Write(file, data, offset));
  }
  absl::Status Sync(FileHandle file) { return world_.Await(files_.Sync(file)); }
  void SyncRoot() {
    const FileHandle root = Open(files_, "/data", O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(Sync(root).ok());
  }

  SimWorld world_{7};
  SimDisk disk_{world_};
  SimFiles files_{world_};
};

TEST_F(SimFilesTest, APowerCutKeepsWhatWasSyncedAndItsDirectory) {
  const FileHandle file = Open(files_, "/data/f", O_RDWR | O_CREAT);
  ASSERT_TRUE(Write(file, "hello").ok());
  ASSERT_TRUE(Sync(file).ok());
  SyncRoot();
  disk_.Crash(world_.random());
  EXPECT_EQ(disk_.ReadFile("f"), "hello");
}

TEST_F(SimFilesTest, APowerCutMayDropOrTearWhatWasNotSynced) {
  std::set<std::string> found;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    disk_.WriteFile("f", std::string(4 * kSimSector, 'a'));
    SimFiles files(world_);
    files.Mount("/data", &disk_);
    const FileHandle file = Open(files, "/data/f", O_RDWR);
    const std::string data(4 * kSimSector, 'b');
    ASSERT_TRUE(world_.Await(files.Write(file, data, 0)).ok());
    EXPECT_EQ(disk_.ReadFile("f"), data);
    EXPECT_EQ(disk_.ReadFile("f", /*durable=*/true), std::string(4 * kSimSector, 'a'));
    SimRandom random(seed);
    disk_.Crash(random);
    const std::string left = *disk_.ReadFile("f");
    ASSERT_EQ(left.size(), 4 * kSimSector);
    std::string shape;
    for (int sector = 0; sector < 4; ++sector) shape += left[sector * kSimSector];
    found.insert(shape);
  }
  EXPECT_TRUE(found.contains("aaaa"));
  EXPECT_TRUE(found.contains("bbbb"));
  EXPECT_GT(found.size(), 4u);  // and torn ones
}

TEST_F(SimFilesTest, AFileSyncDoesNotMakeItsNameDurable) {
  int kept = 0;
  for (uint64_t seed = 0; seed < 32; ++seed) {
    const std::string name = "new" + std::to_string(seed);
    SimFiles files(world_);
    files.Mount("/data", &disk_);
    const FileHandle file = Open(files, "/data/" + name, O_RDWR | O_CREAT | O_EXCL);
    const std::string data = "hello";
    ASSERT_TRUE(world_.Await(files.Write(file, data, 0)).ok());
    ASSERT_TRUE(world_.Await(files.Sync(file)).ok());
    EXPECT_EQ(disk_.TypeOf(name, /*durable=*/true), std::nullopt);
    SimRandom random(seed);
    disk_.Crash(random);
    if (disk_.TypeOf(name)) {
      ++kept;
      EXPECT_EQ(disk_.ReadFile(name), data);
    }
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 32);
}

TEST_F(SimFilesTest, OfADirectorysChangesAPrefixSurvives) {
  std::set<size_t> counts;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    SimDisk disk(world_);
    SimFiles files(world_);
    files.Mount("/data", &disk);
    for (const char* name : {"a", "b", "c", "d"}) {
      Open(files, std::string("/data/") + name, O_RDWR | O_CREAT);
    }
    SimRandom random(seed);
    disk.Crash(random);
    std::string names;
    for (const auto& [name, unused] : disk.Tree()) names += name;
    EXPECT_EQ(names, std::string("abcd").substr(0, names.size()));
    counts.insert(names.size());
  }
  EXPECT_GT(counts.size(), 3u);
}

TEST_F(SimFilesTest, ARenameAcrossDirectoriesSurvivesWhollyOrNot) {
  int moved = 0;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    SimDisk disk(world_);
    SimFiles files(world_);
    files.Mount("/data", &disk);
    disk.WriteFile("x/f", "1");
    disk.MakeDirectory("y");
    const FileHandle x = Open(files, "/data/x", O_RDONLY | O_DIRECTORY);
    const FileHandle y = Open(files, "/data/y", O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(world_.Await(files.Rename(x, "f", y, "g")).ok());
    SimRandom random(seed);
    disk.Crash(random);
    EXPECT_NE(disk.TypeOf("x/f").has_value(), disk.TypeOf("y/g").has_value());
    moved += disk.TypeOf("y/g").has_value() ? 1 : 0;
  }
  EXPECT_GT(moved, 0);
  EXPECT_LT(moved, 64);
}

TEST_F(SimFilesTest, AfterAFailedSyncThePagesCountAsCleanAndAreNotWritten) {
  disk_.WriteFile("f", "old");
  const FileHandle file = Open(files_, "/data/f", O_RDWR);
  ASSERT_TRUE(Write(file, "new").ok());
  disk_.Inject({.kind = IoKind::kSync, .error = EIO});
  EXPECT_EQ(ErrnoOf(Sync(file)), EIO);
  EXPECT_TRUE(Sync(file).ok());  // and still proves nothing
  EXPECT_EQ(disk_.ReadFile("f"), "new");
  EXPECT_EQ(disk_.ReadFile("f", /*durable=*/true), "old");
  disk_.Crash(world_.random());
  EXPECT_EQ(disk_.ReadFile("f"), "old");
}

TEST_F(SimFilesTest, ASyncCoversOnlyWhatWasWrittenBeforeItBegan) {
  disk_.WriteFile("f", std::string(2 * kSimSector, 'a'));
  const FileHandle file = Open(files_, "/data/f", O_RDWR);
  for (int round = 0; round < 50; ++round) {
    // Both are under way at once: the write may have its effect before the sync has.
    const std::string data(kSimSector, static_cast<char>('b' + round % 20));
    int done = 0;
    files_.Submit({.kind = IoKind::kSync, .file = file}, [&](IoResult) { ++done; });
    files_.Submit({.kind = IoKind::kWrite,
                   .file = file,
                   .source = data.data(),
                   .length = data.size(),
                   .offset = kSimSector},
                  [&](IoResult) { ++done; });
    ASSERT_TRUE(world_.RunUntil([&] { return done == 2; }));
    EXPECT_NE(disk_.ReadFile("f", /*durable=*/true), disk_.ReadFile("f"));
    ASSERT_TRUE(Sync(file).ok());
    EXPECT_EQ(disk_.ReadFile("f", /*durable=*/true), disk_.ReadFile("f"));
  }
}

TEST_F(SimFilesTest, AKilledProcesssWriteMayLandLaterAndItsLocksStayUntilThen) {
  disk_.WriteFile("lock", "");
  int landed = 0;
  for (int round = 0; round < 32; ++round) {
    disk_.WriteFile("f", "old");
    auto victim = std::make_unique<SimFiles>(world_);
    victim->Mount("/data", &disk_);
    const FileHandle lock = Open(*victim, "/data/lock", O_RDWR);
    ASSERT_TRUE(world_.Await(victim->Lock(lock)).ok());
    const FileHandle file = Open(*victim, "/data/f", O_RDWR);
    disk_.Hang();
    auto data = std::make_unique<std::string>("new");
    bool called = false;
    victim->Submit({.kind = IoKind::kWrite, .file = file, .source = data->data(), .length = 3},
                   [&](IoResult) { called = true; });
    world_.RunFor(kSimSecond);
    victim.reset();
    data.reset();  // its memory is gone
    world_.RunFor(kSimSecond);
    EXPECT_EQ(disk_.ReadFile("f"), "old");

    disk_.Heal();
    const FileHandle mine = Open(files_, "/data/lock", O_RDWR);
    while (!world_.Await(files_.Lock(mine)).ok()) world_.RunFor(kSimMs / 10);
    landed += disk_.ReadFile("f") == "new" ? 1 : 0;
    EXPECT_FALSE(called);
    ASSERT_TRUE(world_.Await(files_.Close(mine)).ok());
  }
  EXPECT_GT(landed, 0);
  EXPECT_LT(landed, 32);
}

TEST_F(SimFilesTest, ALockOfAProcessHungOnAnotherDiskIsKept) {
  SimDisk remote(world_, {.name = "remote"});
  remote.WriteFile("f", "");
  disk_.WriteFile("lock", "");
  auto victim = std::make_unique<SimFiles>(world_);
  victim->Mount("/data", &disk_);
  victim->Mount("/remote", &remote);
  const FileHandle lock = Open(*victim, "/data/lock", O_RDWR);
  ASSERT_TRUE(world_.Await(victim->Lock(lock)).ok());
  const FileHandle file = Open(*victim, "/remote/f", O_RDWR);
  remote.Hang();
  victim->Submit({.kind = IoKind::kSync, .file = file}, [](IoResult) {});
  victim.reset();
  world_.RunFor(kSimSecond);
  const FileHandle mine = Open(files_, "/data/lock", O_RDWR);
  EXPECT_EQ(ErrnoOf(world_.Await(files_.Lock(mine))), EWOULDBLOCK);
  remote.Heal();
  world_.RunFor(kSimSecond);
  EXPECT_TRUE(world_.Await(files_.Lock(mine)).ok());
}

TEST_F(SimFilesTest, AHungDiskAnswersNothingUntilItHealsAndThenEverything) {
  const FileHandle file = Open(files_, "/data/f", O_RDWR | O_CREAT);
  disk_.Hang();
  const std::string data = "late";
  std::optional<int64_t> result;
  files_.Submit({.kind = IoKind::kWrite, .file = file, .source = data.data(), .length = 4},
                [&](IoResult answer) { result = answer.value; });
  world_.RunFor(60 * kSimSecond);
  EXPECT_EQ(result, std::nullopt);
  EXPECT_EQ(files_.in_flight(), 1u);
  disk_.Heal();
  world_.RunFor(kSimSecond);
  EXPECT_EQ(result, 4);
  EXPECT_EQ(disk_.ReadFile("f"), "late");
}

TEST_F(SimFilesTest, AFullDiskRefusesAndTakesWritesAgainWhenThereIsRoom) {
  disk_.set_capacity(1000);
  const FileHandle file = Open(files_, "/data/f", O_RDWR | O_CREAT);
  ASSERT_TRUE(Write(file, std::string(900, 'x')).ok());
  EXPECT_EQ(ErrnoOf(Write(file, std::string(200, 'y'), 900)), ENOSPC);
  EXPECT_EQ(disk_.used_bytes(), 1000u);
  EXPECT_TRUE(Write(file, "overwritten", 0).ok());
  disk_.set_capacity(2000);
  EXPECT_TRUE(Write(file, std::string(200, 'y'), 900).ok());
}

TEST_F(SimFilesTest, ScriptedFaultsHitTheOperationTheyName) {
  const FileHandle file = Open(files_, "/data/f", O_RDWR | O_CREAT);
  disk_.Inject({.kind = IoKind::kWrite, .error = EIO, .skip = 1, .path = "f"});
  EXPECT_TRUE(Write(file, "1").ok());
  EXPECT_EQ(ErrnoOf(Write(file, "2")), EIO);
  EXPECT_TRUE(Write(file, "3").ok());
  disk_.FailPath("f", EACCES);
  EXPECT_EQ(ErrnoOf(world_.Await(files_.Open(kNoFile, "/data/f", O_RDONLY)).status()), EACCES);
  disk_.FailPath("f", 0);
  EXPECT_TRUE(world_.Await(files_.Open(kNoFile, "/data/f", O_RDONLY)).ok());
}

TEST_F(SimFilesTest, OnARemoteDiskDirectoriesAndDirectWritesAreDurableAtOnce) {
  SimDisk remote(world_, {.name = "remote", .type = kSimNfs});
  files_.Mount("/remote", &remote);
  const FileHandle file = Open(files_, "/remote/f", O_RDWR | O_CREAT | O_DIRECT);
  ASSERT_TRUE(Write(file, "direct").ok());
  EXPECT_EQ(remote.ReadFile("f", /*durable=*/true), "direct");
  const FileHandle cached = Open(files_, "/remote/g", O_RDWR | O_CREAT);
  ASSERT_TRUE(Write(cached, "cached").ok());
  EXPECT_EQ(remote.ReadFile("g", /*durable=*/true), "");
}

}  // namespace
}  // namespace tandem
