#include "daemon/lane/applier.h"

#include <gmock/gmock.h>

#include "daemon/base/status.h"
#include "daemon/lane/errors.h"
#include "tests/unit/lane/records.h"
#include "tests/unit/lane/target_fixture.h"

namespace tandem {
namespace {

using testing::Not;

class ApplierTest : public TargetFixture {
 protected:
  ApplierTest() { OpenTarget(); }

  absl::Status Apply(std::vector<Record> records, bool in_doubt = false) {
    PathRun run{.in_doubt = in_doubt};
    for (const Record& record : records) run.records.push_back(&record);
    return world_.Await(applier_.Apply(*target_, run));
  }
  // After a try that failed, and with nothing else that was begun.
  absl::Status ApplyBegun(const Record& record) {
    PathRun run{.records = {&record}, .in_doubt = true};
    run.sizes = SizesOf(run.records);
    return world_.Await(applier_.Apply(*target_, run));
  }
  std::optional<std::string> Content(const std::string& path, bool durable = true) {
    return disk_.ReadFile("root/" + path, durable);
  }
  // All files beneath the root, without what Tandem keeps for itself.
  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> files;
    for (const auto& [path, content] : disk_.Tree()) {
      if (path.starts_with("root/") && !path.ends_with("/")) files[path.substr(5)] = content;
    }
    return files;
  }

  Applier applier_{env_, 1};
};

TEST_F(ApplierTest, APutIsDurableWithItsNameWhenItReturns) {
  ASSERT_TRUE(Apply({PutRecord(1, "d/e/f", "hello")}).ok());
  EXPECT_EQ(Content("d/e/f"), "hello");
  EXPECT_EQ(Files().size(), 1u);  // no temp file is left
}

TEST_F(ApplierTest, APutReplacesTheWholeFile) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "a long first content")}).ok());
  ASSERT_TRUE(Apply({PutRecord(2, "f", "short", FileOf(20))}).ok());
  EXPECT_EQ(Content("f"), "short");
}

TEST_F(ApplierTest, AnAppendIsDurableAndApplyingItTwiceChangesNothing) {
  ASSERT_TRUE(Apply({AppendRecord(1, "f", "one,", 0, {})}).ok());
  const Record second = AppendRecord(2, "f", "two,", 4, FileOf(4));
  ASSERT_TRUE(Apply({second}).ok());
  ASSERT_TRUE(Apply({second}, /*in_doubt=*/true).ok());
  EXPECT_EQ(Content("f"), "one,two,");
}

TEST_F(ApplierTest, NeighboursAreOneWriteAndOneSync) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "")}).ok());
  std::vector<Record> appends;
  for (uint64_t i = 0; i < 10; ++i) {
    appends.push_back(AppendRecord(2 + i, "f", "abcd", 4 * i, FileOf(4 * i)));
  }
  const uint64_t writes = disk_.count(IoKind::kWrite);
  const uint64_t syncs = disk_.count(IoKind::kSync);
  ASSERT_TRUE(Apply(std::move(appends)).ok());
  EXPECT_EQ(disk_.count(IoKind::kWrite) - writes, 1u);
  EXPECT_EQ(disk_.count(IoKind::kSync) - syncs, 1u);
  EXPECT_EQ(Content("f")->size(), 40u);
}

TEST_F(ApplierTest, OfManyReplacementsOnlyTheLastIsWritten) {
  std::vector<Record> puts;
  for (uint64_t i = 1; i <= 10; ++i) {
    puts.push_back(PutRecord(i, "f", std::string(i, 'x'), i == 1 ? PathState{} : FileOf(i - 1)));
  }
  const uint64_t renames = disk_.count(IoKind::kRename);
  ASSERT_TRUE(Apply(std::move(puts)).ok());
  EXPECT_EQ(disk_.count(IoKind::kRename) - renames, 1u);
  EXPECT_EQ(Content("f"), std::string(10, 'x'));
}

TEST_F(ApplierTest, WritesBehindAPutGoIntoTheSameNewFile) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc"), AppendRecord(2, "f", "def", 3, FileOf(3)),
                     TruncateRecord(3, "f", 5, FileOf(6)), AppendRecord(4, "f", "Z", 5, FileOf(5))})
                  .ok());
  EXPECT_EQ(Content("f"), "abcdeZ");
}

TEST_F(ApplierTest, ATruncateGrowsWithZeros) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc")}).ok());
  ASSERT_TRUE(Apply({TruncateRecord(2, "f", 5, FileOf(3))}).ok());
  EXPECT_EQ(Content("f"), std::string("abc\0\0", 5));
}

// Found by the simulator, seed 828: the second try set the size that was set already.
TEST_F(ApplierTest, AFailedSyncOfATruncateIsMadeGoodByTruncatingAgain) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc")}).ok());
  for (const uint64_t size : {5, 0}) {
    const Record truncate = TruncateRecord(2, "f", size, FileOf(Content("f")->size()));
    disk_.Inject({.kind = IoKind::kSync, .error = EIO});
    EXPECT_FALSE(Apply({truncate}).ok());
    ASSERT_TRUE(Apply({truncate}, /*in_doubt=*/true).ok());
    EXPECT_EQ(Content("f")->size(), size);
  }
}

TEST_F(ApplierTest, ADeleteOfWhatIsNotThereIsDone) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc")}).ok());
  ASSERT_TRUE(Apply({DeleteRecord(2, "f", FileOf(3))}).ok());
  ASSERT_TRUE(Apply({DeleteRecord(3, "f")}, true).ok());
  ASSERT_TRUE(Apply({DeleteRecord(4, "no/such/directory")}).ok());
  EXPECT_FALSE(Content("f").has_value());
}

TEST_F(ApplierTest, ARenameMovesAcrossDirectoriesDurably) {
  ASSERT_TRUE(Apply({PutRecord(1, "a/f", "abc")}).ok());
  ASSERT_TRUE(Apply({RenameRecord(2, "a/f", "b/g", FileOf(3))}).ok());
  EXPECT_FALSE(Content("a/f").has_value());
  EXPECT_EQ(Content("b/g"), "abc");
}

TEST_F(ApplierTest, ARenameThatWasDoneBeforeIsDoneInDoubtOnly) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc")}).ok());
  const Record rename = RenameRecord(2, "f", "g", FileOf(3));
  ASSERT_TRUE(Apply({rename}).ok());
  EXPECT_TRUE(Apply({rename}, true).ok());
  EXPECT_TRUE(IsForeignChange(Apply({rename}, false)));
  ASSERT_TRUE(Apply({DeleteRecord(3, "g", FileOf(3))}).ok());
  EXPECT_TRUE(IsForeignChange(Apply({rename}, true)));
}

TEST_F(ApplierTest, AFailedSyncIsMadeGoodByWritingAgain) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc")}).ok());
  const Record append = AppendRecord(2, "f", "def", 3, FileOf(3));
  disk_.Inject({.kind = IoKind::kSync, .error = EIO});
  EXPECT_FALSE(Apply({append}).ok());
  ASSERT_TRUE(Apply({append}, true).ok());
  EXPECT_EQ(Content("f"), "abcdef");
}

TEST_F(ApplierTest, ForeignChangesAreNeverOverwritten) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc")}).ok());
  disk_.WriteFile("root/f", "somebody else's");
  disk_.WriteFile("root/new", "somebody else's");
  EXPECT_TRUE(IsForeignChange(Apply({PutRecord(2, "f", "x", FileOf(3))})));
  EXPECT_TRUE(IsForeignChange(Apply({AppendRecord(2, "f", "x", 3, FileOf(3))})));
  EXPECT_TRUE(IsForeignChange(Apply({PutRecord(2, "new", "x")})));
  EXPECT_TRUE(IsForeignChange(Apply({RenameRecord(2, "f", "g", FileOf(3))})));
  EXPECT_TRUE(IsForeignChange(Apply({DeleteRecord(2, "f", FileOf(3))})));
  EXPECT_TRUE(IsForeignChange(Apply({DeleteRecord(2, "new")})));
  EXPECT_EQ(Content("f"), "somebody else's");
  EXPECT_EQ(Content("new"), "somebody else's");
  disk_.Remove("root/f");
  EXPECT_TRUE(IsForeignChange(Apply({AppendRecord(2, "f", "x", 3, FileOf(3))})));
  // A directory that had a file is merely out of sight.
  EXPECT_TRUE(IsForeignChange(Apply({DeleteRecord(2, "d/f", FileOf(3))})));
  disk_.WriteFile("root/d", "somebody else's");
  EXPECT_TRUE(IsForeignChange(Apply({DeleteRecord(2, "d/f", FileOf(3))})));
  EXPECT_FALSE(Content("f").has_value());
}

// What a try that failed may have left lies between what was there and what comes of it.
TEST_F(ApplierTest, InDoubtASizeThatNothingOfOursExplainsIsAForeignChange) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "abc")}).ok());
  const Record append = AppendRecord(2, "f", "def", 3, FileOf(3));
  const Record put = PutRecord(2, "f", "x", FileOf(3));
  const Record rename = RenameRecord(2, "f", "g", FileOf(3));
  const Record gone = DeleteRecord(2, "f", FileOf(3));
  disk_.WriteFile("root/f", "somebody else's");
  for (const Record& record : {append, put, rename, gone}) {
    EXPECT_TRUE(IsForeignChange(ApplyBegun(record))) << static_cast<int>(record.type);
    EXPECT_EQ(Content("f"), "somebody else's");
  }
  disk_.WriteFile("root/f", "abcd");
  ASSERT_TRUE(ApplyBegun(append).ok());
  EXPECT_EQ(Content("f"), "abcdef");
  disk_.WriteFile("root/f", "abc");
  ASSERT_TRUE(ApplyBegun(rename).ok());
  ASSERT_TRUE(ApplyBegun(rename).ok()) << "done already";
  disk_.WriteFile("root/g", "somebody else's");
  EXPECT_TRUE(IsForeignChange(ApplyBegun(rename)));
}

TEST_F(ApplierTest, AFileThatIsOpenIsAppendedToWithOneWriteAndOneSync) {
  ASSERT_TRUE(Apply({AppendRecord(1, "f", "one,", 0, {})}).ok());
  const uint64_t opens = disk_.count(IoKind::kOpen);
  const uint64_t syncs = disk_.count(IoKind::kSync);
  ASSERT_TRUE(Apply({AppendRecord(2, "f", "two,", 4, FileOf(4))}).ok());
  ASSERT_TRUE(Apply({AppendRecord(3, "f", "three", 8, FileOf(8))}).ok());
  EXPECT_EQ(disk_.count(IoKind::kOpen), opens);
  EXPECT_EQ(disk_.count(IoKind::kSync), syncs + 2);
  EXPECT_EQ(Content("f"), "one,two,three");
}

TEST_F(ApplierTest, AFileThatWasReplacedOrRemovedIsNotWrittenThroughItsOpenDescriptor) {
  ASSERT_TRUE(Apply({AppendRecord(1, "f", "one,", 0, {})}).ok());
  ASSERT_TRUE(Apply({PutRecord(2, "f", "uno,", FileOf(4))}).ok());
  ASSERT_TRUE(Apply({AppendRecord(3, "f", "due", 4, FileOf(4))}).ok());
  EXPECT_EQ(Content("f"), "uno,due");
  ASSERT_TRUE(Apply({RenameRecord(4, "f", "g", FileOf(7))}).ok());
  ASSERT_TRUE(Apply({AppendRecord(5, "f", "new", 0, {})}).ok());
  ASSERT_TRUE(Apply({AppendRecord(6, "g", "!", 7, FileOf(7))}).ok());
  EXPECT_EQ(Content("f"), "new");
  EXPECT_EQ(Content("g"), "uno,due!");
  ASSERT_TRUE(Apply({DeleteRecord(7, "g", FileOf(8))}).ok());
  ASSERT_TRUE(Apply({AppendRecord(8, "g", "again", 0, {})}).ok());
  EXPECT_EQ(Content("g"), "again");
}

TEST_F(ApplierTest, AFileThatSomebodyElsePutInPlaceOfAnOpenOneIsNeitherWrittenNorOverlooked) {
  ASSERT_TRUE(Apply({AppendRecord(1, "f", "one,", 0, {})}).ok());
  disk_.Remove("root/f");
  disk_.WriteFile("root/f", "1234");
  EXPECT_TRUE(IsForeignChange(Apply({AppendRecord(2, "f", "two", 4, FileOf(4))})));
  EXPECT_EQ(Content("f"), "1234");
}

TEST_F(ApplierTest, AfterAPauseAnOpenFileIsLookedAtBeforeItIsWritten) {
  ASSERT_TRUE(Apply({AppendRecord(1, "f", "one,", 0, {})}).ok());
  world_.Await(Sleep(env_.clock, 2'000'000'000));
  disk_.WriteFile("root/f", "one, and somebody else's");
  EXPECT_TRUE(IsForeignChange(Apply({AppendRecord(2, "f", "two", 4, FileOf(4))})));
  EXPECT_EQ(Content("f"), "one, and somebody else's");
}

TEST_F(ApplierTest, WhatIsNoRegularFileIsNeverWrittenNotEvenInDoubt) {
  disk_.MakeOther("root/odd");
  EXPECT_THAT(Apply({PutRecord(1, "odd", "x")}, true), Not(absl::OkStatus()));
  EXPECT_THAT(Apply({AppendRecord(1, "odd", "x", 0, {})}, true), Not(absl::OkStatus()));
  EXPECT_EQ(disk_.TypeOf("root/odd"), FileType::kOther);
  disk_.MakeDirectory("root/dir");
  const absl::Status failed = Apply({PutRecord(2, "dir", "x")}, true);
  EXPECT_EQ(ScopeOf(failed), FailureScope::kPath) << failed;
}

TEST_F(ApplierTest, TempFilesOfACrashAreRemovedOurOwnAreNot) {
  disk_.WriteFile("root/d/.tandem-tmp.9.4", "half");
  disk_.WriteFile("root/d/kept", "kept");
  ASSERT_TRUE(Apply({PutRecord(1, "d/f", "x")}, /*in_doubt=*/true).ok());
  EXPECT_EQ(Files().size(), 2u);
  EXPECT_EQ(Content("d/kept"), "kept");
}

TEST_F(ApplierTest, TheModeOfANewFileIsTheJournaledOne) {
  Record put = PutRecord(1, "f", "x");
  put.mode = 0604;
  ASSERT_TRUE(Apply({put}).ok());
  const auto root = target_->directories().root();
  const auto stat = world_.Await(files_.Stat(root->handle, "f"));
  ASSERT_TRUE(stat.ok());
  EXPECT_EQ(stat->mode, 0604u);
}

// The writes of a lane that is gone, on a node that was cut off: they land when they like.
class LateWritesTest : public ApplierTest {
 protected:
  LateWritesTest() { other_node_.Mount("/t", &disk_); }
  // It has the file open now.
  FileHandle OpenThere(const std::string& path) {
    const auto file = world_.Await(other_node_.Open(kNoFile, "/t/root/" + path, O_WRONLY));
    EXPECT_TRUE(file.ok()) << file.status();
    return file.value_or(kNoFile);
  }
  void Land(FileHandle file, absl::string_view data, uint64_t offset) {
    ASSERT_TRUE(world_.Await(other_node_.Write(file, data, offset)).ok());
  }
  absl::Status ApplyAgain(const Record& record) {
    PathRun run{.records = {&record}, .in_doubt = true, .by_predecessor = true};
    return world_.Await(applier_.Apply(*target_, run));
  }
  static Record WriteAt(Sequence sequence, std::string path, uint64_t offset, std::string data,
                        uint64_t size) {
    Record record = AppendRecord(sequence, std::move(path), std::move(data), offset, FileOf(size));
    record.type = RecordType::kWriteAt;
    record.result_size = size;
    return record;
  }

  SimFiles other_node_{world_};
};

TEST_F(LateWritesTest, DoNotLandOverWhatIsWrittenInPlaceLater) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "0123456789")}).ok());
  const FileHandle there = OpenThere("f");
  ASSERT_TRUE(ApplyAgain(WriteAt(2, "f", 2, "old", 10)).ok());
  ASSERT_TRUE(Apply({WriteAt(3, "f", 2, "new", 10)}).ok());
  Land(there, "old", 2);
  EXPECT_EQ(Content("f"), "01new56789");
  EXPECT_EQ(Files().size(), 1u);
}

TEST_F(LateWritesTest, AnAppendIsDoneAgainInPlaceAndTheFileIsRenewedBeforeItIsCut) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "0123")}).ok());
  const FileHandle there = OpenThere("f");
  const uint64_t renames = disk_.count(IoKind::kRename);
  ASSERT_TRUE(ApplyAgain(AppendRecord(2, "f", "late", 4, FileOf(4))).ok());
  ASSERT_TRUE(Apply({AppendRecord(3, "f", "more", 8, FileOf(8))}).ok());
  EXPECT_EQ(disk_.count(IoKind::kRename), renames) << "ledgers are not copied";
  ASSERT_TRUE(Apply({TruncateRecord(4, "f", 2, FileOf(12))}).ok());
  Land(there, "late", 4);
  EXPECT_EQ(Content("f"), "01");
  ASSERT_TRUE(Apply({WriteAt(5, "f", 0, "x", 2)}).ok());
  EXPECT_EQ(disk_.count(IoKind::kRename), renames + 1) << "once";
}

TEST_F(LateWritesTest, FollowTheFileThroughARename) {
  ASSERT_TRUE(Apply({PutRecord(1, "f", "0123")}).ok());
  const FileHandle there = OpenThere("f");
  ASSERT_TRUE(ApplyAgain(AppendRecord(2, "f", "late", 4, FileOf(4))).ok());
  ASSERT_TRUE(Apply({RenameRecord(3, "f", "g", FileOf(8))}).ok());
  ASSERT_TRUE(Apply({WriteAt(4, "g", 4, "mine", 8)}).ok());
  Land(there, "late", 4);
  EXPECT_EQ(Content("g"), "0123mine");
}

// Whatever a predecessor began after it went away with the file.
TEST_F(LateWritesTest, AFileThatThisProcessMadeIsNotRenewed) {
  ASSERT_TRUE(ApplyAgain(PutRecord(1, "f", "0123456789")).ok());
  const uint64_t renames = disk_.count(IoKind::kRename);
  ASSERT_TRUE(ApplyAgain(WriteAt(2, "f", 2, "abc", 10)).ok());
  EXPECT_EQ(disk_.count(IoKind::kRename), renames);
  EXPECT_EQ(Content("f"), "01abc56789");
}

TEST(FailureScopes, APathsErrorsAndATargetsErrorsAreToldApart) {
  for (const int error : {EACCES, EISDIR, ENOTDIR, ENAMETOOLONG, ELOOP, EROFS}) {
    EXPECT_EQ(ScopeOf(ErrnoStatus(error, "x")), FailureScope::kPath) << error;
  }
  for (const int error : {ENOSPC, EDQUOT, EIO, ESTALE, ETIMEDOUT, ENOTCONN, EMFILE}) {
    EXPECT_EQ(ScopeOf(ErrnoStatus(error, "x")), FailureScope::kTarget) << error;
  }
  EXPECT_EQ(ScopeOf(absl::UnknownError("?")), FailureScope::kTarget);
}

}  // namespace
}  // namespace tandem
