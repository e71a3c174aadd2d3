// One writer at a time on a target: whoever is not the one that took it writes nothing.
#include <gmock/gmock.h>

#include "daemon/lane/epoch_file.h"
#include "tests/unit/lane/claim_fixture.h"

namespace tandem {
namespace {

using testing::HasSubstr;

constexpr char kFile[] = ".tandem/writers/w/epoch.json";

TEST(EpochCodec, ReadsBackWhatItWroteAndRefusesWhatIsNone) {
  const EpochFile wrote{.writer = "w",
                        .instance = "01900000-0000-7000-8000-000000000002",
                        .epoch = 7,
                        .host = "pod-0",
                        .pid = 17,
                        .taken_ms = 1'700'000'000'000};
  const auto read = DecodeEpochFile(EncodeEpochFile(wrote));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->writer, wrote.writer);
  EXPECT_EQ(read->instance, wrote.instance);
  EXPECT_EQ(read->epoch, wrote.epoch);
  EXPECT_EQ(read->host, wrote.host);
  EXPECT_EQ(read->pid, wrote.pid);
  EXPECT_EQ(read->taken_ms, wrote.taken_ms);
  for (const char* json : {"", "[]", "{}", "{\"format\":2}", "{\"format\":1,\"epoch\":1}"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeEpochFile(json).status())) << json;
  }
}

class EpochTest : public ClaimFixture {
 protected:
  EpochFile OnDisk() {
    const auto read = DecodeEpochFile(disk_.ReadFile(kFile, /*durable=*/true).value_or(""));
    EXPECT_TRUE(read.ok()) << read.status();
    return read.value_or(EpochFile());
  }
  std::string Mine() { return lane().checkpointer.state().instance.ToString(); }

  // A daemon with the same name and another journal.
  void StartAnother() { StartLane(LaneState{.generation = 1, .instance = MakeUuidV7(9, 9, 9)}); }

  void TakeOver() {
    const FileHandle top = *world_.Await(files_.Open(kNoFile, "/t", O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(world_.Await(ReleaseEpoch(env_, top, "w")).ok());
  }
};

TEST_F(EpochTest, EveryProcessOfALaneTakesTheNextOne) {
  world_.RunFor(2 * kSimSecond);
  EXPECT_EQ(OnDisk().instance, Mine());
  EXPECT_EQ(OnDisk().epoch, 1u);
  Restart();
  world_.RunFor(2 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  EXPECT_EQ(OnDisk().epoch, 2u);
  EXPECT_EQ(lane().checkpointer.state().epoch, 2u);
}

TEST_F(EpochTest, OpeningAgainInOneProcessKeepsTheEpoch) {
  world_.RunFor(2 * kSimSecond);
  lane().keeper.ReportFailure(absl::UnavailableError("the network is gone"));
  world_.RunFor(2 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  EXPECT_EQ(OnDisk().epoch, 1u);
}

TEST_F(EpochTest, ASecondDaemonOfTheWriterWritesNothing) {
  world_.RunFor(2 * kSimSecond);
  lane().publisher.Stop();
  lane().keeper.Stop();
  world_.RunFor(2 * kSimSecond);
  const auto before = disk_.Tree();
  StartAnother();
  world_.RunFor(10 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("another writer is here as w"));
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("tandemctl target take-over /t --writer w"));
  EXPECT_EQ(disk_.Tree(), before);
}

TEST_F(EpochTest, ACopyOfTheJournalIsNotTheSameDaemon) {
  const LaneState copy = lane().checkpointer.state();
  world_.RunFor(2 * kSimSecond);
  StartLane(copy);
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("another copy of this journal"));
}

TEST_F(EpochTest, ALaneWhoseEpochWasTakenNeverWritesAgain) {
  world_.RunFor(2 * kSimSecond);
  EpochFile other = OnDisk();
  other.instance = "01900000-0000-7000-8000-00000000000b";
  other.epoch = 2;
  const std::string mine = *disk_.ReadFile(kFile);
  disk_.WriteFile(kFile, EncodeEpochFile(other));
  const auto before = disk_.Tree();
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("FENCED"));
  EXPECT_THAT(lane().keeper.reason(), HasSubstr(other.instance));
  EXPECT_EQ(disk_.Tree(), before);
  // Not even when the other one is gone.
  disk_.WriteFile(kFile, mine);
  world_.RunFor(5 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
}

TEST_F(EpochTest, AProbeNoticesIt) {
  world_.RunFor(kSimSecond / 2);
  EpochFile other = OnDisk();
  ++other.epoch;
  disk_.WriteFile(kFile, EncodeEpochFile(other));
  EXPECT_FALSE(world_.Await(lane().keeper.IsWell()));
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("FENCED"));
}

TEST_F(EpochTest, AfterATakeOverTheSecondDaemonGoesOnAndTheFirstIsFenced) {
  Settle(7);
  world_.RunFor(2 * kSimSecond);
  StartAnother();
  world_.RunFor(2 * kSimSecond);
  ASSERT_TRUE(lane().keeper.down());
  point_ = WatermarkPoint();
  TakeOver();
  EXPECT_FALSE(disk_.TypeOf(".tandem/writers/w/watermark.json").has_value());
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  EXPECT_EQ(OnDisk().instance, Mine());
  EXPECT_EQ(OnDisk().epoch, 2u);
  EXPECT_TRUE(disk_.TypeOf(".tandem/writers/w/watermark.json").has_value());
  EXPECT_THAT(lanes_.front()->keeper.reason(), HasSubstr("FENCED"));
}

TEST_F(EpochTest, ATakeOverEndsARollback) {
  Settle(7);
  world_.RunFor(2 * kSimSecond);
  disk_.Remove(".tandem/writers/w/watermark.json");
  Restart();
  world_.RunFor(2 * kSimSecond);
  ASSERT_THAT(lane().keeper.reason(), HasSubstr("INCONSISTENT"));
  TakeOver();
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  Restart();
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
}

// Else a crash in between would look like somebody else's epoch.
// What is owed to files of the one directory would be applied in the other.
TEST_F(EpochTest, AnotherRootOfTheSameWriterIsRefusedUntilItIsTakenAsItIs) {
  world_.RunFor(2 * kSimSecond);
  options_.writer_root = "moved";
  Restart();
  world_.RunFor(2 * kSimSecond);
  EXPECT_TRUE(lane().keeper.down());
  EXPECT_THAT(lane().keeper.reason(), HasSubstr("has its files here in 'root'"));
  EXPECT_FALSE(disk_.TypeOf("moved").has_value());
  TakeOver();
  world_.RunFor(10 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
}

TEST_F(EpochTest, IsSavedBeforeItIsTaken) {
  world_.RunFor(2 * kSimSecond);
  lane().publisher.Stop();
  lane().keeper.Stop();
  journal_.Hang();
  const LaneState saved = lane().checkpointer.state();
  lanes_.push_back(std::make_unique<Parts>(*this, saved));
  lane().checkpointer.Start();
  lane().keeper.Start();
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(OnDisk().epoch, 1u);
  journal_.Heal();
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(OnDisk().epoch, 2u);
}

TEST_F(EpochTest, AnEpochFileThatIsGoneIsMadeAgain) {
  world_.RunFor(2 * kSimSecond);
  disk_.Remove(kFile);
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(lane().keeper.down()) << lane().keeper.reason();
  EXPECT_EQ(OnDisk().epoch, 2u);
}

}  // namespace
}  // namespace tandem
