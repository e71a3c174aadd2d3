#include "daemon/link/fd_passing.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "daemon/base/status.h"

namespace tandem {
namespace {

class FdPassingTest : public testing::Test {
 protected:
  FdPassingTest() {
    std::tie(sender_, receiver_) = *MakeControlSockets();
    std::array<int, 2> fds{};
    EXPECT_EQ(pipe(fds.data()), 0);
    read_end_ = UniqueFd(fds[0]);
    write_end_ = UniqueFd(fds[1]);
  }

  // `fd` is the pipe's writing end.
  void ExpectIsThePipe(int fd) {
    ASSERT_EQ(write(fd, "!", 1), 1);
    char byte = 0;
    EXPECT_EQ(read(read_end_.get(), &byte, 1), 1);
    EXPECT_EQ(byte, '!');
  }

  UniqueFd sender_;
  UniqueFd receiver_;
  UniqueFd read_end_;
  UniqueFd write_end_;
};

TEST_F(FdPassingTest, ADescriptorArrivesWithItsTagAndIsClosedOnExec) {
  ASSERT_TRUE(SendFd(sender_.get(), "corebank", write_end_.get()).ok());
  ASSERT_TRUE(SendFd(sender_.get(), std::string(kMaxFdTagBytes, 't'), write_end_.get()).ok());
  write_end_.Reset();
  const absl::StatusOr<TaggedFd> first = ReceiveFd(receiver_.get());
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->tag, "corebank");
  EXPECT_EQ(fcntl(first->fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  ExpectIsThePipe(first->fd.get());
  EXPECT_EQ(ReceiveFd(receiver_.get())->tag.size(), kMaxFdTagBytes);
}

TEST_F(FdPassingTest, NothingThereIsNotWaitedFor) {
  EXPECT_EQ(ErrnoOf(ReceiveFd(receiver_.get()).status()), EAGAIN);
}

TEST_F(FdPassingTest, AReceiverThatDoesNotReadNeverBlocksTheSender) {
  absl::Status status;
  while (status.ok()) status = SendFd(sender_.get(), "lane", write_end_.get());
  EXPECT_EQ(ErrnoOf(status), EAGAIN);
}

TEST_F(FdPassingTest, EitherEndSeesThatTheOtherIsGone) {
  ASSERT_TRUE(SendFd(sender_.get(), "lane", write_end_.get()).ok());
  sender_.Reset();
  EXPECT_TRUE(ReceiveFd(receiver_.get()).ok());
  EXPECT_EQ(ErrnoOf(ReceiveFd(receiver_.get()).status()), ECONNRESET);
  std::tie(sender_, receiver_) = *MakeControlSockets();
  receiver_.Reset();
  EXPECT_EQ(ErrnoOf(SendFd(sender_.get(), "lane", write_end_.get())), EPIPE);
}

TEST_F(FdPassingTest, AMessageWithoutADescriptorIsRefused) {
  ASSERT_EQ(send(sender_.get(), "lane", 4, 0), 4);
  EXPECT_EQ(ReceiveFd(receiver_.get()).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(FdPassingTest, TheReceiverDeliversWhatCameBeforeAndAfterItsStartThenTheClose) {
  boost::asio::io_context loop;
  ASSERT_TRUE(SendFd(sender_.get(), "early", write_end_.get()).ok());
  const auto receiver = *MakeFdReceiver(loop.get_executor(), std::move(receiver_));
  std::vector<std::string> tags;
  int closed = 0;
  receiver->Start({.on_fd =
                       [&](TaggedFd fd) {
                         tags.push_back(fd.tag);
                         ExpectIsThePipe(fd.fd.get());
                       },
                   .on_closed = [&](const absl::Status&) { ++closed; }});
  while (tags.empty()) loop.run_one();
  ASSERT_TRUE(SendFd(sender_.get(), "late", write_end_.get()).ok());
  while (tags.size() < 2) loop.run_one();
  EXPECT_EQ(closed, 0);
  sender_.Reset();
  loop.run();
  EXPECT_EQ(closed, 1);
  EXPECT_THAT(tags, testing::ElementsAre("early", "late"));
}

TEST_F(FdPassingTest, ADestroyedReceiverCallsNobody) {
  boost::asio::io_context loop;
  auto receiver = *MakeFdReceiver(loop.get_executor(), std::move(receiver_));
  receiver->Start(
      {.on_fd = [](const TaggedFd&) { FAIL(); }, .on_closed = [](const absl::Status&) { FAIL(); }});
  ASSERT_TRUE(SendFd(sender_.get(), "lane", write_end_.get()).ok());
  receiver.reset();
  loop.run();
}

// Core took it for the supervisor's end, and ended itself. (Nothing but the call itself runs
// without descriptors: the sanitizers need some of their own.)
TEST_F(FdPassingTest, ADescriptorThereIsNoRoomForIsLostAlone) {
  ASSERT_TRUE(SendFd(sender_.get(), "corebank", write_end_.get()).ok());
  const int next = dup(sender_.get());
  close(next);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none_left = {.rlim_cur = static_cast<rlim_t>(next), .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const absl::Status lost = ReceiveFd(receiver_.get()).status();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(ErrnoOf(lost), EMFILE) << lost;
  ASSERT_TRUE(SendFd(sender_.get(), "local", write_end_.get()).ok());
  EXPECT_EQ(ReceiveFd(receiver_.get())->tag, "local");
}

}  // namespace
}  // namespace tandem
