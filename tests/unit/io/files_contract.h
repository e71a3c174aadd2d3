// What every implementation of Files must do: one suite, instantiated for each of them.
// files_contract_fixture.h says what a backend must offer.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/io/files_contract_fixture.h"

namespace tandem {

TYPED_TEST_SUITE_P(FilesContract);

TYPED_TEST_P(FilesContract, CreatesWithTheModeAskedForAndReadsBackWhatWasWritten) {
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT | O_EXCL, 0600);
  this->Write(file, "hello");
  EXPECT_EQ(this->ReadAll(file), "hello");
  auto stat = this->Await(this->files().StatFile(file));
  ASSERT_TRUE(stat.ok());
  EXPECT_EQ(stat->type, FileType::kRegular);
  EXPECT_EQ(stat->mode, 0600u);
  EXPECT_EQ(stat->size, 5u);
  EXPECT_EQ(stat->links, 1u);
  this->Close(file);
  EXPECT_EQ(this->ReadFile("f"), "hello");
}

TYPED_TEST_P(FilesContract, OpenSaysWhyItFails) {
  this->MakeFile("file", "x");
  this->Mkdir("dir");
  EXPECT_EQ(this->OpenErrno("none", O_RDONLY), ENOENT);
  EXPECT_EQ(this->OpenErrno("none/f", O_RDWR | O_CREAT), ENOENT);
  EXPECT_EQ(this->OpenErrno("file", O_RDWR | O_CREAT | O_EXCL), EEXIST);
  EXPECT_EQ(this->OpenErrno("file/f", O_RDWR | O_CREAT), ENOTDIR);
  EXPECT_EQ(this->OpenErrno("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(this->OpenErrno("dir", O_RDWR), EISDIR);
  EXPECT_EQ(this->OpenErrno(std::string(256, 'n'), O_RDONLY), ENAMETOOLONG);
}

TYPED_TEST_P(FilesContract, OpenTruncatesOnlyWhenAskedTo) {
  this->MakeFile("f", "hello");
  this->Close(this->Open("f", O_RDWR | O_CREAT));
  EXPECT_EQ(this->ReadFile("f"), "hello");
  this->Close(this->Open("f", O_RDWR | O_TRUNC));
  EXPECT_EQ(this->ReadFile("f"), "");
}

TYPED_TEST_P(FilesContract, ReadsStopAtTheEndOfTheFile) {
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT);
  this->Write(file, "0123456789");
  std::string buffer(8, '?');
  EXPECT_EQ(*this->Await(this->files().Read(file, buffer.data(), 8, 7)), 3u);
  EXPECT_EQ(buffer, "789?????");
  EXPECT_EQ(*this->Await(this->files().Read(file, buffer.data(), 8, 10)), 0u);
  EXPECT_EQ(*this->Await(this->files().Read(file, buffer.data(), 8, 5000)), 0u);
  this->Close(file);
}

TYPED_TEST_P(FilesContract, AWriteBeyondTheEndLeavesZerosBetween) {
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT);
  this->Write(file, "ab");
  this->Write(file, "yz", 6);
  this->Write(file, "B", 1);
  EXPECT_EQ(this->ReadAll(file), std::string("aB\0\0\0\0yz", 8));
  this->Close(file);
}

TYPED_TEST_P(FilesContract, ALargeWriteIsWrittenWhole) {
  std::string data(3 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 + (i >> 12));
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT);
  this->Write(file, data, 123);
  EXPECT_TRUE(this->Await(this->files().Sync(file)).ok());
  EXPECT_EQ(this->ReadAll(file, 4 << 20), std::string(123, '\0') + data);
  this->Close(file);
}

TYPED_TEST_P(FilesContract, WhatWasOpenedToReadIsNotWritten) {
  this->MakeFile("f", "hello");
  const FileHandle file = this->Open("f", O_RDONLY);
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Write(file, "no", 0))), EBADF);
  this->Close(file);
  EXPECT_EQ(this->ReadFile("f"), "hello");
}

TYPED_TEST_P(FilesContract, TruncateCutsAndExtendsWithZeros) {
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT);
  this->Write(file, "0123456789");
  EXPECT_TRUE(this->Await(this->files().Truncate(file, 4)).ok());
  EXPECT_EQ(this->ReadAll(file), "0123");
  EXPECT_TRUE(this->Await(this->files().Truncate(file, 6)).ok());
  EXPECT_EQ(this->ReadAll(file), std::string("0123\0\0", 6));
  this->Close(file);
}

TYPED_TEST_P(FilesContract, RenameReplacesAndKeepsTheInode) {
  this->MakeFile("a", "new");
  this->MakeFile("b", "old");
  auto before = this->Await(this->files().Stat(this->root_, "a"));
  ASSERT_TRUE(before.ok());
  EXPECT_TRUE(this->Await(this->files().Rename(this->root_, "a", this->root_, "b")).ok());
  auto after = this->Await(this->files().Stat(this->root_, "b"));
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(before->inode, after->inode);
  EXPECT_EQ(before->device, after->device);
  EXPECT_EQ(this->ReadFile("b"), "new");
  EXPECT_EQ(this->OpenErrno("a", O_RDONLY), ENOENT);
  const absl::Status again = this->Await(this->files().Rename(this->root_, "a", this->root_, "b"));
  EXPECT_EQ(ErrnoOf(again), ENOENT);
}

TYPED_TEST_P(FilesContract, RenameMovesBetweenDirectories) {
  this->Mkdir("x");
  this->Mkdir("y");
  this->MakeFile("x/f", "data");
  const FileHandle x = this->Open("x", O_RDONLY | O_DIRECTORY);
  const FileHandle y = this->Open("y", O_RDONLY | O_DIRECTORY);
  EXPECT_TRUE(this->Await(this->files().Rename(x, "f", y, "g")).ok());
  EXPECT_TRUE(this->Await(this->files().Sync(x)).ok());
  EXPECT_TRUE(this->Await(this->files().Sync(y)).ok());
  EXPECT_EQ(this->ReadFile("y/g"), "data");
  EXPECT_EQ(this->OpenErrno("x/f", O_RDONLY), ENOENT);
  this->Mkdir("z");
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Rename(y, "g", this->root_, "z"))), EISDIR);
  this->Close(x);
  this->Close(y);
}

TYPED_TEST_P(FilesContract, UnlinkTakesFilesOnlyAndSparesOpenOnes) {
  this->MakeFile("f", "data");
  this->Mkdir("dir");
  const FileHandle file = this->Open("f", O_RDONLY);
  EXPECT_TRUE(this->Await(this->files().Unlink(this->root_, "f")).ok());
  EXPECT_EQ(this->ReadAll(file), "data");
  this->Close(file);
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Unlink(this->root_, "f"))), ENOENT);
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Unlink(this->root_, "dir"))), EISDIR);
}

TYPED_TEST_P(FilesContract, MkdirRefusesWhatIsThere) {
  this->Mkdir("dir");
  this->MakeFile("file", "");
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Mkdir(this->root_, "dir"))), EEXIST);
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Mkdir(this->root_, "file"))), EEXIST);
  const FileHandle dir = this->Open("dir", O_RDONLY | O_DIRECTORY);
  EXPECT_TRUE(this->Await(this->files().Mkdir(dir, "below", 0700)).ok());
  auto stat = this->Await(this->files().Stat(dir, "below"));
  ASSERT_TRUE(stat.ok());
  EXPECT_EQ(stat->type, FileType::kDirectory);
  EXPECT_EQ(stat->mode, 0700u);
  this->Close(dir);
}

TYPED_TEST_P(FilesContract, StatTellsTypesAndDoesNotFollowLinks) {
  this->MakeFile("file", "12345");
  this->Mkdir("dir");
  this->backend_.MakeLink("link", "file");
  EXPECT_EQ(this->Await(this->files().Stat(this->root_, "file"))->type, FileType::kRegular);
  EXPECT_EQ(this->Await(this->files().Stat(this->root_, "file"))->size, 5u);
  EXPECT_EQ(this->Await(this->files().Stat(this->root_, "dir"))->type, FileType::kDirectory);
  EXPECT_EQ(this->Await(this->files().Stat(this->root_, "link"))->type, FileType::kOther);
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Stat(this->root_, "none")).status()), ENOENT);
  EXPECT_EQ(this->Await(this->files().StatFile(this->root_))->type, FileType::kDirectory);
}

TYPED_TEST_P(FilesContract, ListGivesEveryNameOnceWithoutTheDots) {
  EXPECT_THAT(this->Names(), testing::IsEmpty());
  std::vector<std::string> made;
  for (int i = 0; i < 400; ++i) {
    made.push_back("a-rather-long-name-of-a-file-" + std::to_string(i));
    this->Close(this->Open(made.back(), O_WRONLY | O_CREAT));
  }
  EXPECT_THAT(this->Names(), testing::UnorderedElementsAreArray(made));
  EXPECT_TRUE(this->Await(this->files().Unlink(this->root_, made.back())).ok());
  made.pop_back();
  EXPECT_THAT(this->Names(), testing::UnorderedElementsAreArray(made));  // not from where it was
  const FileHandle file = this->Open(made[0], O_RDONLY);
  EXPECT_EQ(ErrnoOf(this->Await(this->files().List(file)).status()), ENOTDIR);
  this->Close(file);
}

TYPED_TEST_P(FilesContract, NoPathLeavesTheDirectoryItStartsFrom) {
  this->Mkdir("dir");
  this->MakeFile("outside", "secret");
  const FileHandle dir = this->Open("dir", O_RDONLY | O_DIRECTORY);
  for (const std::string path :
       {"..", "../outside", "./../outside", "nothing/../../outside", "/", "/etc/passwd"}) {
    auto opened = this->Await(this->files().Open(dir, path, O_RDONLY));
    EXPECT_FALSE(opened.ok()) << path;
    if (path != "nothing/../../outside") {
      EXPECT_EQ(ErrnoOf(opened.status()), EXDEV) << path;
    }
  }
  auto created = this->Await(this->files().Open(dir, "../new", O_RDWR | O_CREAT));
  EXPECT_EQ(ErrnoOf(created.status()), EXDEV);
  this->Close(dir);
  EXPECT_THAT(this->Names(), testing::UnorderedElementsAre("dir", "outside"));
}

TYPED_TEST_P(FilesContract, NoLinkIsFollowedBeneathADirectory) {
  this->Mkdir("dir");
  this->MakeFile("dir/f", "data");
  this->backend_.MakeLink("to-dir", "dir");
  this->backend_.MakeLink("to-file", "dir/f");
  EXPECT_EQ(this->OpenErrno("to-file", O_RDONLY), ELOOP);
  EXPECT_EQ(this->OpenErrno("to-file", O_RDWR | O_CREAT), ELOOP);
  EXPECT_EQ(this->OpenErrno("to-dir/f", O_RDONLY), ELOOP);
  EXPECT_EQ(this->OpenErrno("to-dir/new", O_RDWR | O_CREAT), ELOOP);
}

TYPED_TEST_P(FilesContract, ALockIsExclusiveUntilItsFileIsClosed) {
  this->MakeFile("lock", "");
  Files& other = this->backend_.other();
  const FileHandle mine = this->Open("lock", O_RDWR);
  auto theirs = this->Await(other.Open(kNoFile, this->backend_.root() + "/lock", O_RDWR));
  ASSERT_TRUE(theirs.ok());
  EXPECT_TRUE(this->Await(this->files().Lock(mine)).ok());
  EXPECT_EQ(ErrnoOf(this->Await(other.Lock(*theirs))), EWOULDBLOCK);
  this->Close(mine);
  EXPECT_TRUE(this->Await(other.Lock(*theirs)).ok());
  const FileHandle again = this->Open("lock", O_RDWR);
  EXPECT_EQ(ErrnoOf(this->Await(this->files().Lock(again))), EWOULDBLOCK);
  this->Close(again);
  EXPECT_TRUE(this->Await(other.Close(*theirs)).ok());
}

TYPED_TEST_P(FilesContract, StatFsTellsTypeAndRoom) {
  auto stat = this->Await(this->files().StatFs(this->root_));
  ASSERT_TRUE(stat.ok());
  EXPECT_NE(stat->type, 0);
  EXPECT_GT(stat->total_bytes, 0u);
  EXPECT_LE(stat->free_bytes, stat->total_bytes);
}

TYPED_TEST_P(FilesContract, CompletionsComeLaterOnceAndOnTheExecutorsThread) {
  bool submitting = true;
  int calls = 0;
  const std::thread::id me = std::this_thread::get_id();
  IoRequest request;
  request.kind = IoKind::kOpen;
  request.file = this->root_;
  request.path = "none";
  for (int i = 0; i < 3; ++i) {
    IoRequest copy = request;
    this->files().Submit(std::move(copy), [&](IoResult result) {
      EXPECT_FALSE(submitting);
      EXPECT_EQ(std::this_thread::get_id(), me);
      EXPECT_EQ(result.value, -ENOENT);
      ++calls;
    });
  }
  EXPECT_EQ(this->files().in_flight(), 3u);
  submitting = false;
  EXPECT_TRUE(this->backend_.RunUntil([&] { return calls == 3; }));
  this->Close(this->Open("f", O_RDWR | O_CREAT));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(this->files().in_flight(), 0u);
}

TYPED_TEST_P(FilesContract, ManyOperationsAtOnceAllComplete) {
  constexpr int kCount = 2'000;
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT);
  std::vector<std::string> data;
  for (int i = 0; i < kCount; ++i) data.push_back("<" + std::to_string(10'000'000 + i) + ">");
  int done = 0;
  for (int i = 0; i < kCount; ++i) {
    IoRequest request;
    request.kind = IoKind::kWrite;
    request.file = file;
    request.source = data[i].data();
    request.length = data[i].size();
    request.offset = 10 * static_cast<uint64_t>(i);
    this->files().Submit(std::move(request), [&](IoResult result) {
      EXPECT_EQ(result.value, 10);
      ++done;
    });
  }
  EXPECT_TRUE(this->backend_.RunUntil([&] { return done == kCount; }));
  std::string expected;
  for (const std::string& piece : data) expected += piece;
  EXPECT_EQ(this->ReadAll(file), expected);
  EXPECT_EQ(this->files().in_flight(), 0u);
  this->Close(file);
}

TYPED_TEST_P(FilesContract, SubmitFromACompletionWorks) {
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT);
  const std::string data = "x";
  int done = 0;
  auto write = std::make_shared<absl::AnyInvocable<void(uint64_t)>>();
  *write = [&, weak = write.get()](uint64_t offset) {
    IoRequest request;
    request.kind = IoKind::kWrite;
    request.file = file;
    request.source = data.data();
    request.length = 1;
    request.offset = offset;
    this->files().Submit(std::move(request), [&done, weak, offset](IoResult result) {
      EXPECT_EQ(result.value, 1);
      ++done;
      if (offset > 0) (*weak)(offset - 1);
    });
  };
  (*write)(99);
  EXPECT_TRUE(this->backend_.RunUntil([&] { return done == 100; }));
  EXPECT_EQ(this->ReadAll(file), std::string(100, 'x'));
  this->Close(file);
}

REGISTER_TYPED_TEST_SUITE_P(FilesContract, CreatesWithTheModeAskedForAndReadsBackWhatWasWritten,
                            OpenSaysWhyItFails, OpenTruncatesOnlyWhenAskedTo,
                            ReadsStopAtTheEndOfTheFile, AWriteBeyondTheEndLeavesZerosBetween,
                            ALargeWriteIsWrittenWhole, WhatWasOpenedToReadIsNotWritten,
                            TruncateCutsAndExtendsWithZeros, RenameReplacesAndKeepsTheInode,
                            RenameMovesBetweenDirectories, UnlinkTakesFilesOnlyAndSparesOpenOnes,
                            MkdirRefusesWhatIsThere, StatTellsTypesAndDoesNotFollowLinks,
                            ListGivesEveryNameOnceWithoutTheDots,
                            NoPathLeavesTheDirectoryItStartsFrom, NoLinkIsFollowedBeneathADirectory,
                            ALockIsExclusiveUntilItsFileIsClosed, StatFsTellsTypeAndRoom,
                            CompletionsComeLaterOnceAndOnTheExecutorsThread,
                            ManyOperationsAtOnceAllComplete, SubmitFromACompletionWorks);

}  // namespace tandem
