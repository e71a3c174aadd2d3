// What both engines must do with real files. Linked into one program that runs it on io_uring and
// on threads, and into one where io_uring is denied.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/status.h"
#include "daemon/io/make_files.h"
#include "tests/unit/io/engine_fixture.h"

namespace tandem {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST_P(EngineTest, ReadsBackWhatWasWrittenAtItsOffset) {
  const FileHandle file = Create("a", "");
  std::string data(3 << 20, 'x');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 >> 3);
  ASSERT_TRUE(Run(files_->Write(file, data, 4097)).ok());
  std::string back(data.size() + 100, '\0');
  EXPECT_EQ(Run(files_->Read(file, back.data(), back.size(), 4097)).value(), data.size());
  back.resize(data.size());
  EXPECT_TRUE(back == data);
  EXPECT_EQ(Run(files_->StatFile(file))->size, 4097 + data.size());
  EXPECT_EQ(Run(files_->Read(file, back.data(), back.size(), 1 << 30)).value(), 0);
  EXPECT_TRUE(Run(files_->Close(file)).ok());
}

TEST_P(EngineTest, FailuresCarryTheirErrno) {
  EXPECT_EQ(OpenErrno("absent"), ENOENT);
  const FileHandle file = Create("file", "1");
  EXPECT_EQ(OpenErrno("file", O_RDWR | O_CREAT | O_EXCL), EEXIST);
  EXPECT_EQ(OpenErrno("file/below"), ENOTDIR);
  ASSERT_TRUE(Run(files_->Mkdir(root_, "folder")).ok());
  EXPECT_EQ(ErrnoOf(Run(files_->Mkdir(root_, "folder"))), EEXIST);
  EXPECT_EQ(ErrnoOf(Run(files_->Unlink(root_, "folder"))), EISDIR);
  EXPECT_EQ(ErrnoOf(Run(files_->Unlink(root_, "absent"))), ENOENT);
  EXPECT_EQ(ErrnoOf(Run(files_->Rename(root_, "absent", root_, "other"))), ENOENT);
  EXPECT_EQ(ErrnoOf(Run(files_->Stat(root_, "absent")).status()), ENOENT);
  EXPECT_EQ(ErrnoOf(Run(files_->Mkdir(root_, std::string(256, 'n')))), ENAMETOOLONG);
  ASSERT_TRUE(Run(files_->Close(file)).ok());
  EXPECT_EQ(ErrnoOf(Run(files_->Write(file, "late", 0))), EBADF);
  EXPECT_EQ(ErrnoOf(Run(files_->Sync(file))), EBADF);
  EXPECT_EQ(ErrnoOf(Run(files_->Truncate(file, 0))), EBADF);
  EXPECT_EQ(ErrnoOf(Run(files_->List(file)).status()), EBADF);
  EXPECT_EQ(ErrnoOf(Run(files_->StatFs(file)).status()), EBADF);
  EXPECT_EQ(ErrnoOf(Run(files_->Close(file))), EBADF);
}

TEST_P(EngineTest, RenameReplacesAndUnlinkRemoves) {
  close(Create("from", "new"));
  close(Create("to", "old"));
  ASSERT_TRUE(Run(files_->Mkdir(root_, "folder")).ok());
  const FileHandle folder = *Run(files_->Open(root_, "folder", O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(Run(files_->Rename(root_, "from", root_, "to")).ok());
  ASSERT_TRUE(Run(files_->Rename(root_, "to", folder, "inside")).ok());
  EXPECT_THAT(*Run(files_->List(root_)), UnorderedElementsAre("folder"));
  EXPECT_THAT(*Run(files_->List(folder)), UnorderedElementsAre("inside"));
  const FileHandle inside = *Run(files_->Open(root_, "folder/inside", O_RDONLY));
  EXPECT_EQ(ReadAll(inside), "new");
  ASSERT_TRUE(Run(files_->Unlink(folder, "inside")).ok());
  EXPECT_THAT(*Run(files_->List(folder)), IsEmpty());
  close(inside);
  close(folder);
}

TEST_P(EngineTest, StatTellsWhatIsThereAndFollowsNoLink) {
  const mode_t umask_before = umask(0);
  const FileHandle file = *Run(files_->Open(root_, "file", O_RDWR | O_CREAT, 0604));
  ASSERT_TRUE(Run(files_->Mkdir(root_, "folder", 0751)).ok());
  umask(umask_before);
  ASSERT_TRUE(Run(files_->Write(file, "12345", 0)).ok());
  ASSERT_EQ(link((directory_ / "file").c_str(), (directory_ / "hard").c_str()), 0);
  ASSERT_EQ(symlink("file", (directory_ / "soft").c_str()), 0);

  const FileStat by_name = *Run(files_->Stat(root_, "file"));
  EXPECT_EQ(by_name.type, FileType::kRegular);
  EXPECT_EQ(by_name.mode, 0604U);
  EXPECT_EQ(by_name.size, 5U);
  EXPECT_EQ(by_name.links, 2U);
  struct stat expected = {};
  ASSERT_EQ(fstat(file, &expected), 0);
  EXPECT_EQ(by_name.inode, expected.st_ino);
  EXPECT_EQ(by_name.device, expected.st_dev);
  EXPECT_EQ(Run(files_->StatFile(file))->inode, by_name.inode);
  EXPECT_EQ(Run(files_->Stat(root_, "folder"))->type, FileType::kDirectory);
  EXPECT_EQ(Run(files_->Stat(root_, "folder"))->mode, 0751U);
  EXPECT_EQ(Run(files_->Stat(root_, "soft"))->type, FileType::kOther);
  EXPECT_EQ(Run(files_->StatFile(root_))->type, FileType::kDirectory);
  close(file);
}

TEST_P(EngineTest, ListsOfOneDirectoryAtTheSameTimeAreEachComplete) {
  for (int i = 0; i < 300; ++i) std::ofstream(directory_ / std::to_string(i)) << "x";
  int lists = 0;
  for (int i = 0; i < 8; ++i) {
    IoRequest request{.kind = IoKind::kList, .file = root_};
    files_->Submit(std::move(request), [&lists](const IoResult& result) {
      EXPECT_EQ(result.names.size(), 300U);
      ++lists;
    });
  }
  loop_.restart();
  loop_.run();
  EXPECT_EQ(lists, 8);
}

TEST_P(EngineTest, TruncateShrinksAndGrowsWithZeros) {
  const FileHandle file = Create("file", "123456");
  ASSERT_TRUE(Run(files_->Truncate(file, 3)).ok());
  ASSERT_TRUE(Run(files_->Truncate(file, 5)).ok());
  EXPECT_EQ(ReadAll(file), std::string("123\0\0", 5));
  close(file);
}

TEST_P(EngineTest, SyncsFilesAndDirectories) {
  const FileHandle file = Create("file", "1");
  EXPECT_TRUE(Run(files_->Sync(file)).ok());
  EXPECT_TRUE(Run(files_->Sync(root_)).ok());
  const FileHandle reading = *Run(files_->Open(root_, "file", O_RDONLY));
  EXPECT_TRUE(Run(files_->Sync(reading)).ok());
  close(reading);
  close(file);
}

TEST_P(EngineTest, StatFsTellsTheFileSystem) {
  const FileSystemStat stat = *Run(files_->StatFs(root_));
  EXPECT_NE(stat.type, 0);
  EXPECT_GT(stat.total_bytes, 0U);
  EXPECT_LE(stat.free_bytes, stat.total_bytes);
}

TEST_P(EngineTest, LockExcludesAnotherOpenOfTheSameProcessUntilItIsClosed) {
  const FileHandle first = Create("lock", "");
  const FileHandle second = *Run(files_->Open(root_, "lock", O_RDWR));
  ASSERT_TRUE(Run(files_->Lock(first)).ok());
  EXPECT_TRUE(Run(files_->Lock(first)).ok());
  EXPECT_EQ(ErrnoOf(Run(files_->Lock(second))), EWOULDBLOCK);
  ASSERT_TRUE(Run(files_->Close(first)).ok());
  EXPECT_TRUE(Run(files_->Lock(second)).ok());
  close(second);
}

TEST_P(EngineTest, LockExcludesAnotherProcessAndEndsWithIt) {
  const FileHandle file = Create("lock", "");
  int locked[2];
  int release[2];
  ASSERT_EQ(pipe(locked), 0);
  ASSERT_EQ(pipe(release), 0);
  const std::string path = directory_ / "lock";
  const pid_t child = fork();
  if (child == 0) {
    close(release[1]);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    const int fd = open(path.c_str(), O_RDWR);
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) _exit(1);
    char byte = 0;
    if (write(locked[1], &byte, 1) != 1) _exit(1);
    static_cast<void>(read(release[0], &byte, 1));
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(locked[0], &byte, 1), 1);
  EXPECT_EQ(ErrnoOf(Run(files_->Lock(file))), EWOULDBLOCK);
  close(release[1]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(Run(files_->Lock(file)).ok());
  for (const int fd : {locked[0], locked[1], release[0], file}) close(fd);
}

TEST_P(EngineTest, NoPathLeavesTheDirectoryItIsOpenedBeneath) {
  TemporaryDirectory outside;
  std::ofstream(outside / "secret") << "secret";
  ASSERT_EQ(symlink(outside.path().c_str(), (directory_ / "out").c_str()), 0);
  ASSERT_EQ(symlink((outside / "secret").c_str(), (directory_ / "file").c_str()), 0);
  ASSERT_EQ(symlink(".", (directory_ / "self").c_str()), 0);
  ASSERT_EQ(symlink("/proc/self/fd", (directory_ / "magic").c_str()), 0);

  EXPECT_EQ(OpenErrno(".."), EXDEV);
  EXPECT_EQ(OpenErrno("../"), EXDEV);
  EXPECT_EQ(OpenErrno("self/../.."), ELOOP);
  EXPECT_EQ(OpenErrno((outside / "secret")), EXDEV);
  EXPECT_EQ(OpenErrno("/"), EXDEV);
  EXPECT_EQ(OpenErrno("out/secret"), ELOOP);
  EXPECT_EQ(OpenErrno("out", O_RDONLY | O_DIRECTORY), ELOOP);
  EXPECT_EQ(OpenErrno("file"), ELOOP);
  EXPECT_EQ(OpenErrno("file", O_WRONLY | O_TRUNC), ELOOP);
  EXPECT_EQ(OpenErrno("out/new", O_WRONLY | O_CREAT), ELOOP);
  EXPECT_EQ(OpenErrno("self/file"), ELOOP);
  EXPECT_EQ(OpenErrno("magic/0"), ELOOP);
  EXPECT_EQ(std::filesystem::file_size(outside / "secret"), 6U);
  EXPECT_FALSE(std::filesystem::exists(outside / "new"));
}

TEST_P(EngineTest, MagicLinksOfTheProcessAreNotFollowed) {
  const FileHandle secret = Create("secret", "1");
  const FileHandle proc = *Run(files_->Open(kNoFile, "/proc/self", O_RDONLY | O_DIRECTORY));
  const absl::StatusOr<FileHandle> file =
      Run(files_->Open(proc, "fd/" + std::to_string(secret), O_RDONLY));
  EXPECT_EQ(ErrnoOf(file.status()), ELOOP);
  close(proc);
  close(secret);
}

TEST_P(EngineTest, DescriptorsAreClosedOnExec) {
  EXPECT_EQ(fcntl(root_, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineTest, testing::ValuesIn(EnginesUnderTest()),
                         EngineTestName);

}  // namespace
}  // namespace tandem
