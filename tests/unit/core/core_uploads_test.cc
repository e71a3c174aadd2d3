// Rule 9 and the Upload call: chunks, commit, abort, ids, what the journal keeps.
#include "tests/unit/core/upload_fixture.h"

namespace tandem {
namespace {

TEST_F(Rule09Uploads, ChunksAndACommitBecomeOneWrite) {
  const std::string content = ContentOf(2 * kChunk + 100);
  UploadRequest request = RequestOf(NewId(), "big/file");
  request.size = content.size();
  request.crc32c = Crc32c(content);
  request.mode = 0600;
  const OutcomePtr outcome = Upload(request, content, 3000);
  ASSERT_TRUE(outcome->ok()) << outcome->status();
  EXPECT_EQ(outcome->result().size, content.size());
  EXPECT_EQ(outcome->result().crc32c, Crc32c(content));
  EXPECT_EQ(outcome->result().sequence, 4u);
  ASSERT_EQ(journal->records().size(), 4u);
  std::string stored;
  for (size_t i = 0; i < 3; ++i) {
    const Record& chunk = journal->records()[i];
    EXPECT_EQ(chunk.type, RecordType::kUploadChunk);
    EXPECT_EQ(chunk.request_id, request.request_id);
    EXPECT_EQ(chunk.offset, stored.size());
    EXPECT_EQ(chunk.payload_crc32c, Crc32c(chunk.payload));
    stored += chunk.payload;
  }
  EXPECT_EQ(stored, content);
  const Record& commit = journal->last();
  EXPECT_EQ(commit.type, RecordType::kUploadCommit);
  EXPECT_EQ(commit.path, "big/file");
  EXPECT_EQ(commit.mode, 0600u);
  EXPECT_EQ(commit.result_size, content.size());
  EXPECT_EQ(commit.payload_crc32c, Crc32c(commit.payload));
  const auto manifest = DecodeUploadManifest(commit.payload);
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->size, content.size());
  EXPECT_EQ(manifest->crc32c, Crc32c(content));
  ASSERT_EQ(manifest->chunks.size(), 3u);
  EXPECT_EQ(manifest->chunks[2].sequence, 3u);
  EXPECT_EQ(manifest->chunks[2].offset, 3000u) << "its place, from the journal";
  EXPECT_EQ(manifest->chunks[2].payload_length, 100u);
  EXPECT_EQ(Run(AppendOf("big/file", "x"))->result().offset, content.size());
}

TEST_F(Rule09Uploads, AnEmptyFileIsAFile) {
  const OutcomePtr outcome = Upload(RequestOf(NewId(), "empty"), "", 1);
  ASSERT_TRUE(outcome->ok()) << outcome->status();
  EXPECT_EQ(outcome->result().size, 0u);
  EXPECT_EQ(journal->records().size(), 1u);
}

TEST_F(Rule09Uploads, ChunksAreNoLag) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  Chunk(*opened->id, ContentOf(kChunk));
  SyncAll();
  EXPECT_EQ(core->View().targets[1].lag_writes, 0u);
  EXPECT_EQ(core->View().targets[1].lag_ms, 0);
  ASSERT_TRUE(Commit(*opened->id)->ok());
  EXPECT_EQ(core->View().targets[1].lag_writes, 1u);
  EXPECT_EQ(core->View().targets[1].lag_bytes, kChunk);
}

TEST_F(Rule09Uploads, ThePinHoldsTheChunksUntilTheCommitIsAppliedEverywhere) {
  Run(PutOf("x"));
  const auto opened = Open(RequestOf(NewId(), "a"));
  EXPECT_EQ(journal->pin(), 0u);
  Chunk(*opened->id, ContentOf(kChunk));
  EXPECT_EQ(journal->pin(), 2u);
  SyncAll();
  ASSERT_TRUE(Commit(*opened->id)->ok());
  EXPECT_EQ(journal->pin(), 2u);
  local.Durable(1, 3);
  local.Checkpoint(3);
  corebank.Durable(1, 3);
  EXPECT_EQ(journal->pin(), 2u) << "a hint is no checkpoint";
  corebank.Checkpoint(3);
  EXPECT_EQ(journal->pin(), 0u);
}

TEST_F(Rule09Uploads, AnAbortIsARecordAndLetsTheChunksGo) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  Chunk(*opened->id, ContentOf(kChunk));
  core->AbortUpload(*opened->id);
  EXPECT_THAT(Types(), testing::ElementsAre(RecordType::kUploadChunk, RecordType::kUploadAbort));
  EXPECT_EQ(journal->last().request_id, journal->records()[0].request_id);
  EXPECT_EQ(journal->pin(), 0u);
  const auto late = Chunk(*opened->id, "x");
  EXPECT_EQ(ReasonOf(**late), Reason::kUploadAborted);
  EXPECT_EQ(Commit(*opened->id)->reason(), "UPLOAD_ABORTED");
  const auto untouched = Open(RequestOf(NewId(), "a"));
  core->AbortUpload(*untouched->id);
  EXPECT_EQ(journal->records().size(), 2u) << "nothing to abort in the journal";
}

TEST_F(Rule09Uploads, ARestartAbortsOpenUploadsByARecord) {
  const Uuid id = NewId();
  const auto committed = Open(RequestOf(NewId(), "done"));
  Chunk(*committed->id, ContentOf(kChunk));
  SyncAll();
  ASSERT_TRUE(Commit(*committed->id)->ok());
  const auto opened = Open(RequestOf(id, "a"));
  Chunk(*opened->id, ContentOf(kChunk));
  SyncAll();
  Restart();
  ASSERT_EQ(journal->records().size(), 4u);
  EXPECT_EQ(journal->last().type, RecordType::kUploadAbort);
  EXPECT_EQ(journal->last().request_id, id);
  EXPECT_EQ(journal->pin(), 1u) << "the committed one is not applied yet";
  SyncAll();
  Apply(4);
  EXPECT_EQ(journal->pin(), 0u);
  Restart();
  EXPECT_EQ(journal->records().size(), 4u) << "aborted once";
  EXPECT_TRUE(Upload(RequestOf(id, "a"), "again", 10)->ok()) << "its id is free";
}

TEST_F(Rule09Uploads, TheirPathIsCheckedEarlyAndAgainAtTheCommit) {
  SetTree("d", PathKind::kDirectory);
  EXPECT_EQ(Open(RequestOf(NewId(), "d"))->early.reason(), "PATH_IS_DIRECTORY");
  EXPECT_EQ(Open(RequestOf(NewId(), "/d"))->early.reason(), "PATH_ABSOLUTE");
  UploadRequest request = RequestOf(NewId(), "f");
  request.if_absent = true;
  const auto opened = Open(request);
  ASSERT_TRUE(opened->id.has_value());
  Chunk(*opened->id, ContentOf(kChunk));
  SyncAll();
  Run(PutOf("f"));
  EXPECT_EQ(Commit(*opened->id)->reason(), "PATH_EXISTS");
  EXPECT_EQ(journal->last().type, RecordType::kUploadAbort);
  EXPECT_EQ(journal->pin(), 0u);
}

TEST_F(Rule09Uploads, ACommittedIdIsAnsweredWithoutSendingAgain) {
  const std::string content = ContentOf(kChunk + 5);
  const Uuid id = NewId();
  ASSERT_TRUE(Upload(RequestOf(id, "a"), content, 1000)->ok());
  const size_t records = journal->records().size();
  for (const bool restart : {false, true}) {
    if (restart) Restart();
    UploadRequest request = RequestOf(id, "a");
    request.size = content.size();
    request.crc32c = Crc32c(content);
    const auto again = Open(request);
    ASSERT_TRUE(again->early.ok()) << again->early.status();
    EXPECT_TRUE(again->early.value().earlier_attempt);
    EXPECT_EQ(again->early.result().crc32c, Crc32c(content));
    request.size = content.size() + 1;
    EXPECT_EQ(Open(request)->early.reason(), "REQUEST_ID_REUSED");
    request.size = content.size();
    request.crc32c = 1;
    EXPECT_EQ(Open(request)->early.reason(), "REQUEST_ID_REUSED");
    EXPECT_EQ(Open(RequestOf(id, "b"))->early.reason(), "REQUEST_ID_REUSED");
    const OutcomePtr as_write = Submit(id, {PutOf("a", content)});
    Settle();
    EXPECT_EQ(as_write->reason(), "REQUEST_ID_REUSED");
  }
  EXPECT_EQ(journal->records().size(), records);
}

TEST_F(Rule09Uploads, AnIdOfAWriteIsNoUploadsAndTheOtherWayRound) {
  const Uuid id = NewId();
  Submit(id, {PutOf("a")});
  Settle();
  const auto opened = Open(RequestOf(id, "a"));
  EXPECT_FALSE(opened->early.answered()) << "rule 2";
  journal->Sync();
  EXPECT_EQ(opened->early.reason(), "REQUEST_ID_REUSED");
  const Uuid uploading = NewId();
  ASSERT_TRUE(Open(RequestOf(uploading, "b"))->id.has_value());
  const OutcomePtr write = Submit(uploading, {PutOf("b")});
  Settle();
  EXPECT_EQ(write->reason(), "REQUEST_ID_REUSED");
}

TEST_F(Rule09Uploads, BeginningAgainEndsTheAttemptThatBrokeOff) {
  const Uuid id = NewId();
  const auto broken = Open(RequestOf(id, "a"));
  Chunk(*broken->id, ContentOf(kChunk));
  const auto again = Open(RequestOf(id, "a"));
  ASSERT_TRUE(again->id.has_value());
  EXPECT_EQ(journal->last().type, RecordType::kUploadAbort);
  EXPECT_EQ(ReasonOf(**Chunk(*broken->id, "x")), Reason::kUploadAborted);
  Chunk(*again->id, "new");
  const OutcomePtr outcome = Commit(*again->id);
  ASSERT_TRUE(outcome->ok());
  EXPECT_EQ(outcome->result().size, 3u);
  EXPECT_FALSE(outcome->value().earlier_attempt);
}

TEST_F(Rule09Uploads, ACommitWhoseChunksDoNotBecomeDurableIsAnsweredInTime) {
  UploadRequest request = RequestOf(NewId(), "a");
  request.wait_timeout_ms = 100;
  const auto opened = Open(request);
  Chunk(*opened->id, ContentOf(kChunk));
  auto outcome = std::make_shared<Outcome>();
  core->CommitUpload(*opened->id, [outcome](absl::StatusOr<WriteReply> reply) {
    outcome->reply = std::move(reply);
  });
  world.RunFor(101 * kSimMs);
  EXPECT_EQ(outcome->reason(), "UPLOAD_ABORTED");
  EXPECT_EQ(journal->last().type, RecordType::kUploadAbort);
}

TEST_F(Rule09Uploads, AFailedJournalEndsThem) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  const auto held = Chunk(*opened->id, ContentOf(6 * kChunk));
  EXPECT_FALSE(held->has_value());
  journal->Fail(Refuse(Reason::kJournalFailed, "sync failed twice"));
  world.Poll();
  ASSERT_TRUE(held->has_value());
  EXPECT_EQ(ReasonOf(**held), Reason::kJournalFailed);
}

// Without its size and CRC only the content itself can tell.
TEST_F(Rule09Uploads, OtherContentUnderACommittedIdIsRefused) {
  const std::string content = ContentOf(2 * kChunk + 5);
  const Uuid id = NewId();
  ASSERT_TRUE(Upload(RequestOf(id, "a"), content, 1000)->ok());
  const size_t records = journal->records().size();
  const OutcomePtr same = Upload(RequestOf(id, "a"), content, 3000);
  ASSERT_TRUE(same->ok()) << same->status();
  EXPECT_TRUE(same->value().earlier_attempt);
  std::string other = content;
  other[kChunk] ^= 1;
  EXPECT_EQ(Upload(RequestOf(id, "a"), other, 1000)->reason(), "REQUEST_ID_REUSED");
  EXPECT_EQ(Upload(RequestOf(id, "a"), content + "x", 1000)->reason(), "REQUEST_ID_REUSED");
  UploadRequest conditional = RequestOf(id, "a");
  conditional.if_absent = true;
  EXPECT_EQ(Upload(conditional, content, 1000)->reason(), "REQUEST_ID_REUSED");
  EXPECT_EQ(journal->records().size(), records) << "nothing was journaled to compare it";
}

TEST_F(Rule09Uploads, ACommittedIdThatIsForgottenWhileItIsComparedIsNotCommittedAgain) {
  const std::string content = ContentOf(100);
  const Uuid id = OtherId();
  ASSERT_TRUE(Upload(RequestOf(id, "a"), content, 1000)->ok());
  Apply(2);
  const size_t records = journal->records().size();
  const auto again = Open(RequestOf(id, "a"));
  ASSERT_TRUE(again->id.has_value());
  Chunk(*again->id, content);
  world.RunFor((options.request_id_window_ms + 1'000) * kSimMs);
  Run(PutOf("b"));  // whoever comes has the old ids forgotten
  EXPECT_EQ(Commit(*again->id)->reason(), "OUTCOME_UNKNOWN");
  for (size_t i = records; i < journal->records().size(); ++i) {
    EXPECT_NE(journal->records()[i].type, RecordType::kUploadCommit);
  }
}

// Its id was new when it began.
TEST_F(Rule09Uploads, AnUploadThatTakesLongerThanIdsAreKnownIsCommitted) {
  const Uuid id = NewId();
  Run(PutOf("of the same time"));
  Apply(1);
  const auto opened = Open(RequestOf(id, "a"));
  Chunk(*opened->id, ContentOf(kChunk));
  SyncAll();
  world.RunFor((options.request_id_window_ms + 60'000) * kSimMs);
  EXPECT_EQ(Submit(id, {PutOf("x")})->reason(), "(no answer)");
  const OutcomePtr outcome = Commit(*opened->id);
  EXPECT_TRUE(outcome->ok()) << outcome->status();
}

TEST_F(Rule09Uploads, WhatTheJournalTookNotYetIsTriedAgainThoughNothingElseHappens) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  journal->set_refusal(Refuse(Reason::kQueueFull, "about to start a segment"));
  const auto held = Chunk(*opened->id, ContentOf(kChunk));
  world.RunFor(kSimSecond);
  EXPECT_FALSE(held->has_value());
  journal->set_refusal(absl::OkStatus());
  world.RunFor(kSimSecond);
  ASSERT_TRUE(held->has_value());
  EXPECT_TRUE((*held)->ok());
}

TEST_F(Rule09Uploads, WhoCommitsWhileTheDaemonStopsIsToldSo) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  Chunk(*opened->id, "data");
  auto drained = std::make_shared<std::optional<absl::Status>>();
  Spawn(
      world.executor(),
      [](CoreImpl* draining, std::shared_ptr<std::optional<absl::Status>> done) -> Awaitable<void> {
        *done = co_await draining->Drain(1'000);
      }(core.get(), drained));
  world.Poll();
  EXPECT_EQ(Commit(*opened->id)->reason(), "SHUTTING_DOWN");
  EXPECT_EQ(ReasonOf(**Chunk(*opened->id, "x")), Reason::kShuttingDown);
  world.RunFor(2 * kSimSecond);
}

}  // namespace
}  // namespace tandem
