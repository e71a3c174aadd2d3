// What a lane tells core, as messages.
#include "daemon/lane/core_reporter.h"

#include <gtest/gtest.h>

#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"

namespace tandem {
namespace {

class RecordingChannel final : public CoreChannel {
 public:
  void Start(Handlers) override {}
  void Send(internal::v1::LaneMessage message) override { sent.push_back(std::move(message)); }
  bool backlogged() const override { return full; }
  void Close() override {}
  std::vector<internal::v1::LaneMessage> sent;
  bool full = false;
};

class CoreReporterTest : public testing::Test {
 protected:
  // A link ends at a frame of 16 MiB.
  static constexpr size_t kFrameBytes = 16 << 20;
  static constexpr int kMany = 40'000;

  static ParkedWrite WriteOf(Sequence sequence) {
    ParkedWrite write;
    write.header.sequence = sequence;
    write.header.path = std::string(1'000, 'p');
    return write;
  }

  SimWorld world_{1};
  SimFiles files_{world_};
  Env env_ = world_.MakeEnv(files_);
  RecordingChannel channel_;
  CoreReporter reporter_{env_, channel_};
};

TEST_F(CoreReporterTest, AHelloOfAnyLengthGoesInPartsAndBeforeEverythingElse) {
  internal::v1::LaneHello hello;
  hello.set_checkpoint(7);
  for (Sequence i = 1; i <= kMany; ++i) *hello.add_parked() = ToMessage(WriteOf(i));
  reporter_.Hello(std::move(hello));
  reporter_.Durable(9);
  world_.Poll();
  int parked = 0;
  size_t i = 0;
  for (; i < channel_.sent.size() && channel_.sent[i].has_hello(); ++i) {
    const internal::v1::LaneMessage& message = channel_.sent[i];
    EXPECT_LT(message.ByteSizeLong(), kFrameBytes / 4);
    EXPECT_EQ(message.durable_size(), 0);
    EXPECT_EQ(message.hello().checkpoint(), i == 0 ? 7u : 0u);
    parked += message.hello().parked_size();
    EXPECT_EQ(message.hello().more(), parked < kMany);
  }
  EXPECT_EQ(parked, kMany);
  ASSERT_EQ(i + 1, channel_.sent.size());
  EXPECT_EQ(channel_.sent[i].durable_size(), 1);
}

TEST_F(CoreReporterTest, WhatWasParkedWhileCoreDidNotReadGoesInPartsToo) {
  channel_.full = true;
  for (Sequence i = 1; i <= kMany; ++i) reporter_.Parked(WriteOf(i));
  world_.Poll();
  EXPECT_TRUE(channel_.sent.empty());
  channel_.full = false;
  reporter_.Flush();
  int parked = 0;
  for (const internal::v1::LaneMessage& message : channel_.sent) {
    EXPECT_LT(message.ByteSizeLong(), kFrameBytes / 4);
    parked += message.parked_size();
  }
  EXPECT_EQ(parked, kMany);
}

}  // namespace
}  // namespace tandem
