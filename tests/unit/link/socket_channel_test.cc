#include "daemon/link/socket_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tandem {
namespace {

using internal::v1::CoreMessage;
using internal::v1::LaneMessage;

class SocketChannelTest : public testing::Test {
 protected:
  SocketChannelTest() {
    std::array<int, 2> fds{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    core_fd_ = UniqueFd(fds[0]);
    lane_fd_ = UniqueFd(fds[1]);
  }

  void MakeCore() {
    core_ = *MakeSocketChannel<CoreMessage, LaneMessage>(loop_.get_executor(), std::move(core_fd_));
  }
  void MakeLane() {
    lane_ = *MakeSocketChannel<LaneMessage, CoreMessage>(loop_.get_executor(), std::move(lane_fd_));
  }
  void StartCore() {
    core_->Start({.on_message = [this](LaneMessage message) { at_core_.push_back(message); },
                  .on_drained = [this] { ++drained_; },
                  .on_closed = [this](const absl::Status& why) { core_closed_.push_back(why); }});
  }
  void StartLane() {
    lane_->Start({.on_message = [this](CoreMessage message) { at_lane_.push_back(message); },
                  .on_drained = [] {},
                  .on_closed = [this](const absl::Status& why) { lane_closed_.push_back(why); }});
  }
  void StartBoth() {
    MakeCore();
    MakeLane();
    StartCore();
    StartLane();
  }

  template <typename Condition>
  void LoopUntil(Condition condition) {
    loop_.restart();
    while (!condition()) ASSERT_EQ(loop_.run_one(), 1U);
  }

  static CoreMessage Numbered(uint64_t number, size_t bytes = 0) {
    CoreMessage message;
    message.set_appended(number);
    if (bytes > 0) message.add_queries()->set_path(std::string(bytes, 'p'));
    return message;
  }

  boost::asio::io_context loop_;
  UniqueFd core_fd_;
  UniqueFd lane_fd_;
  std::unique_ptr<Channel<CoreMessage, LaneMessage>> core_;
  std::unique_ptr<Channel<LaneMessage, CoreMessage>> lane_;
  std::vector<LaneMessage> at_core_;
  std::vector<CoreMessage> at_lane_;
  std::vector<absl::Status> core_closed_;
  std::vector<absl::Status> lane_closed_;
  int drained_ = 0;
};

TEST_F(SocketChannelTest, MessagesArriveWholeAndInOrderBothWays) {
  StartBoth();
  for (uint64_t i = 1; i <= 1000; ++i) {
    core_->Send(Numbered(i, i % 7 == 0 ? 5000 : 0));
    LaneMessage message;
    message.set_checkpoint(i);
    lane_->Send(message);
  }
  // Never inside a call.
  EXPECT_TRUE(at_lane_.empty());
  LoopUntil([&] { return at_lane_.size() == 1000 && at_core_.size() == 1000; });
  for (uint64_t i = 1; i <= 1000; ++i) {
    EXPECT_EQ(at_lane_[i - 1].appended(), i);
    EXPECT_EQ(at_core_[i - 1].checkpoint(), i);
  }
  EXPECT_TRUE(core_closed_.empty());
  EXPECT_TRUE(lane_closed_.empty());
}

TEST_F(SocketChannelTest, AnEmptyMessageArrives) {
  StartBoth();
  core_->Send({});
  LoopUntil([&] { return at_lane_.size() == 1; });
  EXPECT_EQ(at_lane_[0].ByteSizeLong(), 0U);
}

TEST_F(SocketChannelTest, LargeMessagesArriveWhole) {
  StartBoth();
  core_->Send(Numbered(1, 15 << 20));
  core_->Send(Numbered(2));
  LoopUntil([&] { return at_lane_.size() == 2; });
  EXPECT_TRUE(at_lane_[0].queries(0).path() == std::string(15 << 20, 'p'));
  EXPECT_EQ(at_lane_[1].appended(), 2U);
}

TEST_F(SocketChannelTest, MessagesThatCameBeforeStartAreDelivered) {
  MakeCore();
  MakeLane();
  core_->Send(Numbered(1));
  StartCore();
  core_->Send(Numbered(2));
  loop_.poll();
  StartLane();
  LoopUntil([&] { return at_lane_.size() == 2; });
  EXPECT_EQ(at_lane_[0].appended(), 1U);
}

TEST_F(SocketChannelTest, APeerThatDoesNotReadMakesABacklogThatDrainsOnceItReads) {
  MakeCore();
  MakeLane();
  StartCore();
  EXPECT_FALSE(core_->backlogged());
  uint64_t sent = 0;
  while (!core_->backlogged()) core_->Send(Numbered(++sent, 100'000));
  loop_.poll();
  while (!core_->backlogged()) core_->Send(Numbered(++sent, 100'000));
  loop_.poll();
  EXPECT_TRUE(core_->backlogged());
  const int drained_before = drained_;
  StartLane();
  LoopUntil([&] { return at_lane_.size() == sent; });
  LoopUntil([&] { return drained_ > drained_before; });
  EXPECT_EQ(drained_, drained_before + 1);
  EXPECT_FALSE(core_->backlogged());
}

TEST_F(SocketChannelTest, ThePeersCloseIsReportedOnceAfterItsLastMessages) {
  StartBoth();
  core_->Send(Numbered(1));
  core_->Send(Numbered(2));
  loop_.run_one();  // the write
  core_->Close();
  LoopUntil([&] { return !lane_closed_.empty(); });
  loop_.restart();
  loop_.run();
  EXPECT_EQ(at_lane_.size(), 2U);
  ASSERT_EQ(lane_closed_.size(), 1U);
  EXPECT_EQ(lane_closed_[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(core_closed_.empty());
  lane_->Send({});
  loop_.restart();
  loop_.run();
}

TEST_F(SocketChannelTest, WhatAPeerSentBeforeItDiedArrivesAlsoWhileSendingFails) {
  const int room = 200 << 10;
  ASSERT_EQ(setsockopt(lane_fd_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
  MakeCore();
  MakeLane();
  StartLane();
  // More than two reads, so that the failed write comes in between.
  LaneMessage message;
  message.set_checkpoint(7);
  message.mutable_status()->set_reason(std::string(60'000, 'r'));
  for (int i = 0; i < 3; ++i) lane_->Send(message);
  loop_.poll();
  lane_.reset();
  for (int i = 0; i < 100; ++i) core_->Send(Numbered(1, 100'000));
  EXPECT_TRUE(core_->backlogged());
  StartCore();
  LoopUntil([&] { return !core_closed_.empty(); });
  loop_.restart();
  loop_.run();
  ASSERT_EQ(at_core_.size(), 3U);
  EXPECT_EQ(at_core_[2].checkpoint(), 7U);
  ASSERT_EQ(core_closed_.size(), 1U);
  EXPECT_EQ(core_closed_[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(core_->backlogged());
}

TEST_F(SocketChannelTest, AGarbageLengthClosesWithAnError) {
  MakeLane();
  StartLane();
  ASSERT_EQ(send(core_fd_.get(), "\x01\x00\x00\x01garbage", 11, 0), 11);
  LoopUntil([&] { return !lane_closed_.empty(); });
  EXPECT_EQ(lane_closed_[0].code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(at_lane_.empty());
}

TEST_F(SocketChannelTest, AFrameThatIsNoMessageClosesWithAnError) {
  MakeLane();
  StartLane();
  ASSERT_EQ(send(core_fd_.get(), "\x03\x00\x00\x00\xff\xff\xff", 7, 0), 7);
  LoopUntil([&] { return !lane_closed_.empty(); });
  EXPECT_EQ(lane_closed_[0].code(), absl::StatusCode::kDataLoss);
}

TEST_F(SocketChannelTest, AFrameCutByThePeersDeathIsNotDelivered) {
  MakeLane();
  StartLane();
  ASSERT_EQ(send(core_fd_.get(), "\x08\x00\x00\x00\x30\x01", 6, 0), 6);
  core_fd_.Reset();
  LoopUntil([&] { return !lane_closed_.empty(); });
  EXPECT_EQ(lane_closed_[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(at_lane_.empty());
}

TEST_F(SocketChannelTest, AMessageLongerThanAFrameClosesInsteadOfBeingSent) {
  StartBoth();
  core_->Send(Numbered(1, kMaxFrameBytes + 1));
  LoopUntil([&] { return !core_closed_.empty(); });
  EXPECT_EQ(core_closed_[0].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(at_lane_.empty());
}

TEST_F(SocketChannelTest, NothingIsCalledAfterCloseOrDestruction) {
  StartBoth();
  core_->Send(Numbered(1, 3 << 20));
  lane_->Send({});
  lane_->Close();
  loop_.poll();
  core_.reset();
  loop_.restart();
  loop_.run();
  EXPECT_TRUE(at_lane_.empty());
  EXPECT_TRUE(lane_closed_.empty());
}

TEST_F(SocketChannelTest, AHandlerMayDestroyItsChannel) {
  MakeCore();
  MakeLane();
  StartCore();
  int messages = 0;
  lane_->Start({.on_message =
                    [&](const CoreMessage&) {
                      ++messages;
                      lane_.reset();
                    },
                .on_drained = [] {},
                .on_closed = [](const absl::Status&) { FAIL(); }});
  core_->Send(Numbered(1));
  core_->Send(Numbered(2));
  LoopUntil([&] { return !core_closed_.empty(); });
  EXPECT_EQ(messages, 1);
}

TEST_F(SocketChannelTest, ADescriptorThatIsNoSocketIsRefused) {
  EXPECT_FALSE(
      (MakeSocketChannel<CoreMessage, LaneMessage>(loop_.get_executor(), UniqueFd()).ok()));
}

}  // namespace
}  // namespace tandem
