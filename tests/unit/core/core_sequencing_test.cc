// What writes become in the journal: absolute offsets, batches, refusals that leave no trace.
#include "daemon/base/crc32c.h"
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

class CoreSequencing : public CoreFixture {
 protected:
  CoreSequencing() { Start(); }
  OutcomePtr Batch(std::vector<Operation> operations) {
    const OutcomePtr outcome = Submit(NewId(), std::move(operations));
    Settle();
    journal->Sync();
    Settle();
    return outcome;
  }
};

TEST_F(CoreSequencing, ARecordSaysEverythingALaneNeeds) {
  SetTree("d", PathKind::kDirectory);
  SetTree("d/f", PathKind::kFile, 7);
  Operation put = PutOf("d/f", "hello");
  put.mode = 0600;
  const Uuid id = NewId();
  const OutcomePtr outcome = Submit(id, {put});
  Settle();
  EXPECT_FALSE(outcome->answered()) << "not durable yet";
  ASSERT_EQ(journal->records().size(), 1u);
  const Record& record = journal->last();
  EXPECT_EQ(record.type, RecordType::kPut);
  EXPECT_EQ(record.sequence, 1u);
  EXPECT_EQ(record.flags, kRecordExisted);
  EXPECT_EQ(record.request_id, id);
  EXPECT_EQ(record.digest, DigestOf({put}));
  EXPECT_EQ(record.path, "d/f");
  EXPECT_EQ(record.mode, 0600u);
  EXPECT_EQ(record.base, (PathState{.kind = PathKind::kFile, .size = 7}));
  EXPECT_EQ(record.result_size, 5u);
  EXPECT_EQ(record.payload, "hello");
  EXPECT_EQ(record.payload_crc32c, Crc32c("hello"));
  EXPECT_EQ(record.payload_length, 5u);
  EXPECT_EQ(record.wall_time_ms, world.wall_ms());
  journal->Sync();
  ASSERT_TRUE(outcome->ok());
  EXPECT_EQ(outcome->result().crc32c, Crc32c("hello"));
  EXPECT_EQ(outcome->result().size, 5u);
  EXPECT_TRUE(outcome->result().existed);
  EXPECT_FALSE(outcome->value().earlier_attempt);
}

TEST_F(CoreSequencing, AnAppendIsAWriteAtAnAbsoluteOffset) {
  SetTree("log", PathKind::kFile, 100);
  const OutcomePtr first = Do(AppendOf("log", "12345"));
  Settle();
  const OutcomePtr second = Do(AppendOf("log", "678"));
  EXPECT_EQ(journal->records()[0].offset, 100u);
  EXPECT_EQ(journal->records()[0].result_size, 105u);
  EXPECT_EQ(journal->records()[1].offset, 105u) << "behind what is in flight";
  EXPECT_EQ(journal->records()[1].base.size, 105u);
  journal->Sync();
  world.Poll();
  EXPECT_EQ(second->result().offset, 105u);
  EXPECT_EQ(second->result().size, 108u);
  EXPECT_EQ(Run(AppendOf("new", "ab"))->result().offset, 0u);
  EXPECT_FALSE((journal->last().flags & kRecordExisted) != 0);
}

TEST_F(CoreSequencing, SizesFollowWhatEachOperationDoes) {
  SetTree("f", PathKind::kFile, 10);
  EXPECT_EQ(Run(WriteAtOf("f", 4, "ab"))->result().size, 10u);
  EXPECT_EQ(Run(WriteAtOf("f", 20, "ab"))->result().size, 22u);
  EXPECT_EQ(Run(WriteAtOf("f", 50, ""))->result().size, 22u) << "writing nothing extends nothing";
  EXPECT_EQ(Run(TruncateOf("f", 3))->result().size, 3u);
  EXPECT_EQ(journal->last().offset, 3u) << "the new size";
  EXPECT_EQ(Run(AppendOf("f", "x"))->result().offset, 3u);
  EXPECT_EQ(Run(RenameOf("f", "g"))->result().size, 4u);
  EXPECT_EQ(Run(AppendOf("g", "y"))->result().offset, 4u);
  EXPECT_EQ(Run(AppendOf("f", "z"))->result().offset, 0u);
  EXPECT_EQ(Run(PutOf("g", "1"))->result().size, 1u);
}

TEST_F(CoreSequencing, DeletingWhatIsNotThereSucceedsSaysSoAndIsJournaled) {
  const OutcomePtr outcome = Run(DeleteOf("nothing/here"));
  ASSERT_TRUE(outcome->ok());
  EXPECT_FALSE(outcome->result().existed);
  ASSERT_EQ(journal->records().size(), 1u);
  EXPECT_EQ(journal->last().type, RecordType::kDelete);
  EXPECT_EQ(journal->last().flags & kRecordExisted, 0);
  EXPECT_EQ(Run(TruncateOf("nothing/here", 1))->reason(), "PATH_NOT_FOUND");
}

TEST_F(CoreSequencing, AFileNeverGrowsBeyondTheLimit) {
  options.max_file_bytes = 12;
  core.reset();
  Start();
  SetTree("f", PathKind::kFile, 10);
  SetTree("big", PathKind::kFile, 20);
  EXPECT_EQ(Run(AppendOf("f", "123"))->reason(), "FILE_TOO_LARGE");
  EXPECT_EQ(Run(WriteAtOf("f", 10, "123"))->reason(), "FILE_TOO_LARGE");
  EXPECT_EQ(Run(PutOf("f", std::string(13, 'x')))->reason(), "FILE_TOO_LARGE");
  EXPECT_TRUE(journal->records().empty());
  EXPECT_TRUE(Run(AppendOf("f", "12"))->ok());
  EXPECT_TRUE(Run(WriteAtOf("big", 0, "1"))->ok()) << "it does not grow";
}

TEST_F(CoreSequencing, ARenameBeneathItselfHasNoPlace) {
  SetTree("f", PathKind::kFile, 10);
  EXPECT_EQ(Run(RenameOf("f", "f/g"))->reason(), "PARENT_NOT_DIRECTORY");
  SetTree("d", PathKind::kDirectory);
  SetTree("d/f", PathKind::kFile, 1);
  EXPECT_EQ(Run(RenameOf("d/f", "d"))->reason(), "PATH_IS_DIRECTORY");
  EXPECT_EQ(Run(RenameOf("f", "f"))->reason(), "ARGUMENT_INVALID");
  EXPECT_TRUE(journal->records().empty());
}

TEST_F(CoreSequencing, ABatchSeesItsOwnEffects) {
  const OutcomePtr outcome =
      Batch({PutOf("d/a", "12345"), AppendOf("d/a", "67"), RenameOf("d/a", "d/b"), DeleteOf("d/a"),
             PutOf("d/a", "x", true), WriteAtOf("d/b", 9, "y")});
  ASSERT_TRUE(outcome->ok()) << outcome->status();
  ASSERT_EQ(journal->records().size(), 6u);
  EXPECT_EQ(journal->records()[1].offset, 5u);
  EXPECT_EQ(journal->records()[2].result_size, 7u);
  EXPECT_FALSE(outcome->value().results[3].existed);
  EXPECT_EQ(outcome->value().results[5].size, 10u);
  EXPECT_EQ(journal->records()[0].flags & (kRecordBatchMore | kRecordBatchLater), kRecordBatchMore);
  EXPECT_EQ(journal->records()[1].flags & (kRecordBatchMore | kRecordBatchLater),
            kRecordBatchMore | kRecordBatchLater);
  EXPECT_EQ(journal->records()[5].flags & (kRecordBatchMore | kRecordBatchLater),
            kRecordBatchLater);
  EXPECT_EQ(journal->records()[0].digest, journal->records()[5].digest);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(outcome->value().results[i].sequence, i + 1);
}

TEST_F(CoreSequencing, ABatchIsAllOrNone) {
  SetTree("there", PathKind::kFile, 3);
  EXPECT_EQ(Batch({PutOf("a"), PutOf("there", "x", true)})->reason(), "PATH_EXISTS");
  EXPECT_EQ(Batch({PutOf("a"), PutOf("a/b")})->reason(), "PARENT_NOT_DIRECTORY");
  EXPECT_EQ(Batch({DeleteOf("there"), TruncateOf("there", 0)})->reason(), "PATH_NOT_FOUND");
  EXPECT_TRUE(journal->records().empty());
  EXPECT_TRUE(Run(PutOf("a", "x", true))->ok()) << "nothing of it was remembered";
  EXPECT_TRUE(Run(TruncateOf("there", 0))->ok());
}

TEST_F(CoreSequencing, ABatchMayReplaceWhatItDeletedWhoseDirectoryIsNotCached) {
  SetTree("p", PathKind::kDirectory);
  SetTree("p/q", PathKind::kDirectory);
  SetTree("p/q/f", PathKind::kFile, 9);
  const OutcomePtr outcome = Batch({DeleteOf("p/q/f"), PutOf("p/q/f", "1", true)});
  ASSERT_TRUE(outcome->ok()) << outcome->status();
}

TEST_F(CoreSequencing, RefusalsLeaveNoTrace) {
  EXPECT_EQ(Run(PutOf("/abs"))->reason(), "PATH_ABSOLUTE");
  EXPECT_EQ(Run(PutOf(".tandem/x"))->reason(), "PATH_RESERVED");
  EXPECT_EQ(Run(PutOf("a"), Level::kNone)->reason(), "LEVEL_UNKNOWN");
  const OutcomePtr no_id = Submit(Uuid{}, {PutOf("a")});
  Settle();
  EXPECT_EQ(no_id->reason(), "REQUEST_ID_INVALID");
  EXPECT_TRUE(journal->records().empty());
  EXPECT_TRUE(local.Queries().empty()) << "no lane was asked";
}

TEST_F(CoreSequencing, AFullJournalPushesBack) {
  SetTree("f", PathKind::kFile, 1);
  for (const Reason reason :
       {Reason::kJournalFull, Reason::kJournalDiskFull, Reason::kJournalFailed}) {
    journal->set_refusal(Refuse(reason, "no", {.retry_after_ms = 5}));
    const OutcomePtr refused = Run(AppendOf("f"));
    EXPECT_EQ(refused->reason(), ReasonName(reason));
  }
  EXPECT_TRUE(journal->records().empty());
  journal->set_refusal(absl::OkStatus());
  EXPECT_EQ(Run(AppendOf("f"))->result().offset, 1u);
}

TEST_F(CoreSequencing, Promise6AFullQueueSaysSoWithADelay) {
  options.max_waiting_writes = 2;
  core.reset();
  Start();
  SetTree("f", PathKind::kFile, 1);
  const OutcomePtr first = Do(AppendOf("f"));
  const OutcomePtr second = Do(AppendOf("f"));
  const OutcomePtr third = Do(AppendOf("f"));
  Settle();
  EXPECT_EQ(third->reason(), "QUEUE_FULL");
  EXPECT_GT(DetailOf(third->status()).retry_after_ms, 0);
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(first->ok());
  EXPECT_TRUE(second->ok());
  EXPECT_TRUE(Run(AppendOf("f"))->ok());
}

TEST_F(CoreSequencing, Promise6PayloadThatIsNotJournaledIsBounded) {
  options.max_waiting_bytes = 10;
  core.reset();
  Start();
  const OutcomePtr first = Do(PutOf("a", "123456"));
  const OutcomePtr second = Do(PutOf("b", "123456"));
  Settle();
  EXPECT_EQ(second->reason(), "QUEUE_FULL");
  journal->Sync();
  Settle();
  EXPECT_TRUE(first->ok());
  EXPECT_TRUE(Run(PutOf("b", "123456"))->ok());
}

}  // namespace
}  // namespace tandem
