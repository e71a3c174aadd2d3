// What the journal promises while it runs.
#include <set>

#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

using CommitTest = JournalTest;

TEST_F(CommitTest, EveryRecordComesBackAsItWasAppended) {
  OpenAndStart();
  Record record = MakeRecord(1, 300);
  record.type = RecordType::kRename;
  record.new_path = "other/place";
  record.offset = 1ull << 40;
  record.base = {PathKind::kFile, 77};
  record.new_base = {PathKind::kDirectory, 0};
  record.flags = kRecordExisted;
  journal().Append({record});
  WaitDurable(1);
  JournalReader reader(process_->env, options_.directory);
  ASSERT_TRUE(world_.Await(reader.Seek(1, journal().tail())).ok());
  const auto records = world_.Await(reader.Read(1));
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 1u);
  const Record& read = records->front().record;
  EXPECT_EQ(read.type, RecordType::kRename);
  EXPECT_EQ(read.path, record.path);
  EXPECT_EQ(read.new_path, "other/place");
  EXPECT_EQ(read.offset, 1ull << 40);
  EXPECT_EQ(read.base, record.base);
  EXPECT_EQ(read.new_base, record.new_base);
  EXPECT_EQ(read.flags, kRecordExisted);
  EXPECT_EQ(read.mode, 0640u);
  EXPECT_EQ(read.result_size, 300u);
  EXPECT_EQ(read.request_id, record.request_id);
  EXPECT_EQ(read.digest, record.digest);
  EXPECT_EQ(read.payload, record.payload);
  EXPECT_EQ(read.payload_length, 300u);
  EXPECT_LE(read.wall_time_ms, world_.wall_ms());
  EXPECT_GT(read.wall_time_ms, world_.wall_ms() - 10);
  const auto again = world_.Await(reader.ReadAt(records->front().place, 1));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->payload, record.payload);
}

TEST_F(CommitTest, WhatComesWhileAGroupSyncsIsTheNextGroup) {
  OpenAndStart();
  Append();
  world_.Poll();  // the first group is under way
  for (int i = 0; i < 5; ++i) Append();
  WaitDurable(6);
  EXPECT_EQ(listener().groups, (std::vector<uint64_t>{1, 5}));
}

TEST_F(CommitTest, DurableMeansThatAPowerCutKeepsIt) {
  for (uint64_t i = 0; i < 50; ++i) {
    OpenAndStart();
    EXPECT_EQ(journal().recovery().last, i * 3);
    AppendGroup();
    AppendGroup(2);
    PowerCut();
  }
  OpenAndStart();
  ExpectReadable(1, 150);
  EXPECT_EQ(Visited(), Range(1, 150));
}

TEST_F(CommitTest, NothingIsDurableBeforeItsSync) {
  OpenAndStart();
  disk_.set_observer([this](const SimStep& step) {
    if (step.kind == IoKind::kSync && step.path.find(".seg") != absl::string_view::npos) {
      EXPECT_EQ(journal().tail().durable, 0u);
    }
  });
  AppendGroup(3);
  disk_.set_observer(nullptr);
  EXPECT_EQ(listener().tails.size(), 1u);
}

TEST_F(CommitTest, WallTimeIsWhatTheClockSaidAlsoInFooters) {
  OpenAndStart();
  const int64_t first_ms = world_.wall_ms();
  AppendGroup();
  world_.JumpWall(-100'000);
  const int64_t second_ms = world_.wall_ms();
  AppendGroup();
  AppendGroup();
  Kill();
  OpenAndStart();
  RunUntil([&] { return disk_.TypeOf(FooterPath(1)).has_value(); });
  Kill();
  Open();
  ASSERT_EQ(process_->visited.size(), 3u);
  EXPECT_EQ(journal().recovery().records_scanned, 1u) << "the last, which is not sure yet";
  EXPECT_EQ(process_->visited[0].first.wall_time_ms, first_ms);
  EXPECT_EQ(process_->visited[1].first.wall_time_ms, second_ms);
}

TEST_F(CommitTest, GroupsSpanManySegmentsAndAllAreReadable) {
  OpenAndStart();
  while (journal().tail().segment < 6) AppendGroup(3, 2000);
  ExpectReadable(1, journal().tail().durable, 2000);
  ExpectReadable(journal().tail().durable / 2, journal().tail().durable, 2000);
  Kill();
  Open();
  EXPECT_EQ(Visited(), Range(1, journal().recovery().last));
  ExpectReadable(1, journal().recovery().last, 2000);
}

// Chunks of an upload are records like any other: a payment waits for one group of them at most.
TEST_F(CommitTest, Rule13AGroupsBytesAreCapped) {
  OpenAndStart();
  for (int i = 0; i < 30; ++i) {
    std::vector<Record> records;
    records.push_back(MakeRecord(journal().next_sequence(), 1000));
    journal().Append(std::move(records));
  }
  WaitDurable(30);
  EXPECT_GE(listener().groups.size(), 2u);
  for (const uint64_t records : listener().groups) {
    EXPECT_LE(records, options_.group_bytes / 1000 + 1);
  }
}

TEST_F(CommitTest, ABatchLargerThanAGroupIsNotSplit) {
  OpenAndStart();
  AppendGroup(30, 1000, true);
  EXPECT_EQ(listener().groups, (std::vector<uint64_t>{30}));
  EXPECT_EQ(RecordsOf(journal().tail().segment).size(), 30u);
}

TEST_F(CommitTest, ABatchWithPathsLongerThanASegmentStillFits) {
  OpenAndStart();
  AppendGroup();
  std::vector<Record> records;
  for (Sequence i = 2; i < 32; ++i) {
    records.push_back(MakeRecord(i, 10));
    records.back().path = std::string(3000, 'p');
  }
  ASSERT_TRUE(journal().Admit(30, 300, false).ok());
  journal().Append(std::move(records));
  WaitDurable(31);
  AppendGroup();
  Kill();
  Open();
  EXPECT_EQ(Visited(), Range(1, 32));
}

TEST_F(CommitTest, QueueFullWhileTooMuchWaits) {
  OpenAndStart();
  disk_.Hang();
  absl::Status status;
  uint64_t admitted = 0;
  while ((status = TryAppend(1000)).ok()) ASSERT_LT(++admitted, 1000u);
  EXPECT_EQ(ReasonOf(status), Reason::kQueueFull);
  EXPECT_GT(DetailOf(status).retry_after_ms, 0);
  EXPECT_LT(admitted * 1000, 9 * options_.group_bytes);
  disk_.Heal();
  WaitDurable(admitted);
  EXPECT_TRUE(TryAppend(1000).ok());
}

TEST_F(CommitTest, AFailedSyncMovesTheGroupToANewSegmentAndNothingIsLost) {
  for (const IoKind kind : {IoKind::kSync, IoKind::kWrite}) {
    OpenAndStart();
    const Sequence before = AppendGroup(2);
    const uint64_t segment = journal().tail().segment;
    world_.RunFor(1 * kSimSecond);  // the next segment is prepared, the last group marked
    disk_.Inject({.kind = kind, .error = EIO, .path = "segments/"});
    AppendGroup(2);
    EXPECT_EQ(journal().counters().sync_failures, 1u);
    EXPECT_EQ(journal().state(), JournalState::kServing);
    EXPECT_GT(journal().tail().segment, segment);
    EXPECT_EQ(HeaderOf(journal().tail().segment).supersedes, before + 1);
    EXPECT_EQ(journal().tail().segment_first, before + 1);
    const Sequence last = AppendGroup(1);
    ExpectReadable(1, last);
    Kill();
    disk_.DropCache();  // what the failed sync left in the cache is not there any more
    disk_.Crash(world_.random());
    Open();
    EXPECT_EQ(journal().recovery().last, last);
    EXPECT_EQ(Visited(), Range(1, last));
    ExpectReadable(1, last);
    Kill();
  }
}

TEST_F(CommitTest, WhenTheNewSegmentFailsTooItIsFailedForGood) {
  OpenAndStart();
  AppendGroup(2);
  world_.RunFor(1 * kSimSecond);
  disk_.Inject({.kind = IoKind::kSync, .error = EIO, .persistent = true, .path = "segments/"});
  Append();
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kFailed; }));
  EXPECT_EQ(journal().tail().durable, 2u);
  EXPECT_EQ(ReasonOf(journal().Admit(1, 1, true)), Reason::kJournalFailed);
  disk_.ClearFaults();
  world_.RunFor(5 * kSimSecond);
  EXPECT_EQ(journal().tail().durable, 2u);
  EXPECT_EQ(listener().states.back(), JournalState::kFailed);
  EXPECT_FALSE(Close().ok());
  Open();  // a new process may find the record or not, but what was acknowledged is there
  EXPECT_GE(journal().recovery().last, 2u);
}

// Without a record of its own it could go at once, but it is the newest there is.
TEST_F(CommitTest, ASegmentThatNoneFollowedIsNotRetired) {
  OpenAndStart();
  world_.RunFor(1 * kSimSecond);
  disk_.Inject({.kind = IoKind::kSync, .error = EIO, .path = "segments/"});
  for (const IoKind kind : {IoKind::kOpen, IoKind::kRename}) {
    disk_.Inject({.kind = kind, .error = EMFILE, .persistent = true, .path = "segments/"});
  }
  Append();
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kFailed; }));
  disk_.ClearFaults();
  world_.RunFor(5 * kSimSecond);
  Kill();
  Open();
  EXPECT_LE(journal().recovery().last, 1u);
}

TEST_F(CommitTest, WhatAFailedSyncLeftInTheCacheIsNotTakenForDurableByTheNextProcess) {
  OpenAndStart();
  AppendGroup(2);
  world_.RunFor(1 * kSimSecond);
  disk_.Inject({.kind = IoKind::kSync, .error = EIO, .persistent = true, .path = "segments/"});
  Append();
  ASSERT_TRUE(RunUntil([&] { return journal().state() == JournalState::kFailed; }));
  Kill();
  disk_.ClearFaults();
  Open();  // sees it in the page cache, where it is clean: no sync would ever write it
  const Sequence last = journal().recovery().last;
  EXPECT_EQ(last, 3u);
  Kill();
  disk_.DropCache();
  Open(last);
  EXPECT_EQ(journal().recovery().last, last);
  ExpectReadable(1, last);
}

TEST_F(CommitTest, Rule06IdleJournalIsMarkedOnce) {
  OpenAndStart();
  AppendGroup();
  const uint64_t segment = journal().tail().segment;
  EXPECT_EQ(RecordsOf(segment).size(), 1u);
  world_.RunFor(60 * kSimMs);
  ASSERT_EQ(RecordsOf(segment).size(), 2u);
  EXPECT_EQ(RecordsOf(segment)[1].type, RecordType::kDurableMark);
  EXPECT_EQ(RecordsOf(segment)[1].sequence, 1u);
  world_.RunFor(10 * kSimSecond);
  EXPECT_EQ(RecordsOf(segment).size(), 2u);
  AppendGroup();
  world_.RunFor(60 * kSimMs);
  EXPECT_EQ(RecordsOf(segment).size(), 4u);
  ExpectReadable(1, 2);
}

TEST_F(CommitTest, CloseCommitsWhatWasAppendedAndMarksIt) {
  OpenAndStart();
  Append(3);
  EXPECT_TRUE(Close().ok());
  Open(3);
  EXPECT_EQ(journal().recovery().last, 3u);
  EXPECT_EQ(journal().recovery().cut_from, 0u);
}

TEST_F(CommitTest, AFailedMarkLosesNothing) {
  OpenAndStart();
  world_.RunFor(1 * kSimSecond);
  AppendGroup();
  disk_.Inject({.kind = IoKind::kSync, .error = EIO, .path = "segments/"});
  world_.RunFor(200 * kSimMs);
  EXPECT_EQ(journal().counters().sync_failures, 1u);
  AppendGroup();
  ExpectReadable(1, 2);
  PowerCut();
  Open();
  EXPECT_EQ(Visited(), Range(1, 2));
}

TEST_F(CommitTest, SegmentsArePreparedSoThatASyncWritesNoMetadata) {
  OpenAndStart();
  while (journal().tail().segment < 3) AppendGroup(3, 2000);
  EXPECT_EQ(ReadSegment(3).size(), options_.segment_bytes);
  AppendGroup();
  EXPECT_EQ(ReadSegment(3).size(), options_.segment_bytes);
}

TEST_F(CommitTest, PlaceOfKnowsUploadChunksOnly) {
  OpenAndStart();
  std::vector<Record> records;
  for (Sequence i = 1; i <= 3; ++i) {
    records.push_back(MakeRecord(i, 100));
    if (i > 1) records.back().type = RecordType::kUploadChunk;
  }
  journal().Append(std::move(records));
  EXPECT_FALSE(journal().PlaceOf(2).ok());  // not durable yet
  WaitDurable(3);
  EXPECT_TRUE(absl::IsNotFound(journal().PlaceOf(1).status()));
  for (int round = 0; round < 3; ++round) {  // in the tail, written again, in a footer
    JournalReader reader(process_->env, options_.directory);
    for (Sequence i = 2; i <= 3; ++i) {
      const auto place = journal().PlaceOf(i);
      ASSERT_TRUE(place.ok());
      const auto record = world_.Await(reader.ReadAt(*place, i));
      ASSERT_TRUE(record.ok()) << record.status();
      EXPECT_EQ(record->payload, PayloadOf(i, 100));
    }
    Kill();
    OpenAndStart();
    RunUntil([&] { return disk_.TypeOf(FooterPath(journal().tail().segment - 1)).has_value(); });
  }
}

}  // namespace
}  // namespace tandem
