// Faults of the simulated disks: each does what its name says, and is noticed to have done it.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "daemon/base/status.h"
#include "tests/sim/sim_files.h"

namespace tandem {
namespace {

class SimFaultsTest : public testing::Test {
 protected:
  SimFaultsTest() { files_.Mount("/data", &disk_); }

  FileHandle Open(std::string path, int flags) {
    auto file = world_.Await(files_.Open(kNoFile, std::move(path), flags));
    TANDEM_CHECK(file.ok());
    return *file;
  }
  int OpenError(std::string path, int flags) {
    return ErrnoOf(world_.Await(files_.Open(kNoFile, std::move(path), flags)).status());
  }
  int WriteError(FileHandle file, const std::string& data) {
    return ErrnoOf(world_.Await(files_.Write(file, data, 0)));
  }
  FileHandle Root() { return Open("/data", O_RDONLY | O_DIRECTORY); }

  SimWorld world_{7};
  SimDisk disk_{world_, {.name = "remote", .type = kSimNfs}};
  SimFiles files_{world_};
};

TEST_F(SimFaultsTest, WhereAnswersAreLostEffectsAreNot) {
  const FileHandle file = Open("/data/f", O_RDWR | O_CREAT | O_DIRECT);
  disk_.LoseAnswers();
  const std::string data = "done";
  std::optional<int64_t> result;
  files_.Submit({.kind = IoKind::kWrite, .file = file, .source = data.data(), .length = 4},
                [&](IoResult answer) { result = answer.value; });
  world_.RunFor(60 * kSimSecond);
  EXPECT_EQ(disk_.ReadFile("f", /*durable=*/true), "done");
  EXPECT_EQ(result, std::nullopt);
  disk_.Heal();
  world_.RunFor(kSimSecond);
  EXPECT_EQ(result, 4);
  EXPECT_GT(disk_.hits(SimHit::kAnswerHeld), 0u);
}

TEST_F(SimFaultsTest, AServerThatDiesForgetsWhatWasNotSyncedAndTheNextSyncSaysSo) {
  const FileHandle direct = Open("/data/direct", O_RDWR | O_CREAT | O_DIRECT);
  const FileHandle cached = Open("/data/cached", O_RDWR | O_CREAT);
  ASSERT_EQ(WriteError(direct, "kept"), 0);
  ASSERT_EQ(WriteError(cached, "lost"), 0);
  disk_.RestartServer();
  disk_.Heal();
  EXPECT_EQ(disk_.ReadFile("direct"), "kept");
  EXPECT_EQ(disk_.ReadFile("cached"), "");
  EXPECT_EQ(ErrnoOf(world_.Await(files_.Sync(cached))), EIO);
  EXPECT_EQ(ErrnoOf(world_.Await(files_.Sync(cached))), 0);
}

TEST_F(SimFaultsTest, ARenameWhoseAnswerDiedWithTheServerMayBeDoneTwice) {
  int gone = 0;
  for (int round = 0; round < 32; ++round) {
    disk_.WriteFile("old", "x");
    disk_.Remove("new");
    const FileHandle root = Root();
    disk_.LoseAnswers();
    std::optional<int64_t> result;
    files_.Submit(ToRename(root, "old", root, "new"),
                  [&](const IoResult& answer) { result = answer.value; });
    world_.RunFor(kSimSecond);
    disk_.RestartServer();
    world_.RunFor(kSimSecond);
    disk_.Heal();
    ASSERT_TRUE(world_.RunUntil([&] { return result.has_value(); }));
    EXPECT_EQ(disk_.ReadFile("new"), "x");
    gone += *result == -ENOENT ? 1 : 0;
  }
  EXPECT_GT(gone, 0);
  EXPECT_LT(gone, 32);
}

TEST_F(SimFaultsTest, AReplacedTreeIsEqualAndWhatWasOpenIsStale) {
  disk_.WriteFile("d/f", "content");
  const FileHandle file = Open("/data/d/f", O_RDWR);
  const auto tree = disk_.Tree(/*durable=*/true);
  const uint64_t inode = world_.Await(files_.StatFile(file))->inode;
  disk_.ReplaceTree();
  EXPECT_EQ(WriteError(file, "late"), ESTALE);
  EXPECT_EQ(disk_.Tree(/*durable=*/true), tree);
  EXPECT_NE(world_.Await(files_.StatFile(Open("/data/d/f", O_RDWR)))->inode, inode);
}

TEST_F(SimFaultsTest, WhatIsReadOnlyCanBeReadOnly) {
  disk_.WriteFile("f", "content");
  const FileHandle file = Open("/data/f", O_RDWR);
  const FileHandle root = Root();
  disk_.set_read_only(true);
  EXPECT_EQ(WriteError(file, "x"), EROFS);
  EXPECT_EQ(OpenError("/data/new", O_RDWR | O_CREAT), EROFS);
  EXPECT_EQ(OpenError("/data/f", O_RDONLY), 0);
  EXPECT_EQ(ErrnoOf(world_.Await(files_.Unlink(root, "f"))), EROFS);
  EXPECT_EQ(ErrnoOf(world_.Await(files_.Mkdir(root, "d"))), EROFS);
  disk_.set_read_only(false);
  EXPECT_EQ(WriteError(file, "x"), 0);
}

TEST_F(SimFaultsTest, AQuotaCountsBytesAndFiles) {
  const FileHandle file = Open("/data/f", O_RDWR | O_CREAT);
  disk_.set_capacity(disk_.used_bytes(), EDQUOT);
  EXPECT_EQ(WriteError(file, "x"), EDQUOT);
  EXPECT_EQ(OpenError("/data/g", O_RDWR | O_CREAT), EDQUOT);
  EXPECT_EQ(disk_.hits(SimHit::kNoSpace), 2u);
}

TEST_F(SimFaultsTest, AProcessThatIsStoppedGoesOnWhereItWas) {
  SimClock clock(world_);
  const FileHandle file = Open("/data/f", O_RDWR | O_CREAT);
  const std::string data = "x";
  int answers = 0, timers = 0;
  files_.Submit({.kind = IoKind::kWrite, .file = file, .source = data.data(), .length = 1},
                [&](const IoResult&) { ++answers; });
  clock.Schedule(kSimMs, [&] { ++timers; });
  const Clock::TimerId never = clock.Schedule(kSimMs, [&] { timers += 100; });
  files_.Freeze();
  clock.Freeze();
  world_.RunFor(60 * kSimSecond);
  EXPECT_EQ(disk_.ReadFile("f"), "x") << "the kernel goes on";
  EXPECT_EQ(answers + timers, 0);
  files_.Thaw();
  clock.Thaw();
  clock.Cancel(never);
  world_.RunFor(kSimSecond);
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(timers, 1);
}

TEST_F(SimFaultsTest, TooManyHandlesAreRefused) {
  const FileHandle first = Open("/data/f", O_RDWR | O_CREAT);
  files_.set_handle_limit(1);
  EXPECT_EQ(OpenError("/data/f", O_RDONLY), EMFILE);
  EXPECT_EQ(files_.refused_opens(), 1u);
  ASSERT_TRUE(world_.Await(files_.Close(first)).ok());
  EXPECT_EQ(OpenError("/data/f", O_RDONLY), 0);
}

TEST_F(SimFaultsTest, WhatIsForbiddenIsTold) {
  disk_.WriteFile("f", "content");
  files_.Forbid(&disk_);
  Open("/data/f", O_RDONLY);
  EXPECT_EQ(disk_.violation(), "");
  Open("/data/f", O_RDWR);
  EXPECT_NE(disk_.violation(), "");
}

TEST_F(SimFaultsTest, WhatIsTakenAwayIsPutBackAsItWas) {
  disk_.WriteFile("d/f", "content");
  const auto tree = disk_.Tree(/*durable=*/true);
  const SimInodePtr directory = disk_.Take("d");
  const SimInodePtr nothing = disk_.Take("e");
  disk_.WriteFile("d", "in the way");
  disk_.MakeDirectory("e");
  disk_.PutBack("d", directory);
  disk_.PutBack("e", nothing);
  EXPECT_EQ(disk_.Tree(/*durable=*/true), tree);
  EXPECT_EQ(disk_.Tree(), tree);
}

}  // namespace
}  // namespace tandem
