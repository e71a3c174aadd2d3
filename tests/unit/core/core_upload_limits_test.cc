// Rule 9: what bounds an upload, and what ends it.
#include "tests/unit/core/upload_fixture.h"

namespace tandem {
namespace {

using Rule09UploadLimits = Rule09Uploads;

TEST_F(Rule09UploadLimits, ItsLifeIsLimited) {
  options.upload_lifetime_ms = 1000;
  core.reset();
  Start();
  const auto opened = Open(RequestOf(NewId(), "a"));
  Chunk(*opened->id, ContentOf(kChunk));
  world.RunFor(1001 * kSimMs);
  EXPECT_EQ(journal->last().type, RecordType::kUploadAbort);
  EXPECT_EQ(ReasonOf(**Chunk(*opened->id, "x")), Reason::kUploadAborted);
}

TEST_F(Rule09UploadLimits, TheirNumberAndBytesAreCapped) {
  options.max_open_uploads = 2;
  options.max_upload_bytes = 3 * kChunk;
  core.reset();
  Start();
  const auto first = Open(RequestOf(NewId(), "a"));
  const auto second = Open(RequestOf(NewId(), "b"));
  const auto third = Open(RequestOf(NewId(), "c"));
  EXPECT_EQ(third->early.reason(), "UPLOADS_FULL");
  EXPECT_GT(DetailOf(third->early.status()).retry_after_ms, 0);
  for (int i = 0; i < 3; ++i) {
    Chunk(*first->id, ContentOf(kChunk));
    SyncAll();
  }
  EXPECT_EQ(ReasonOf(**Chunk(*first->id, "x")), Reason::kPayloadTooLarge);
  EXPECT_EQ(journal->last().type, RecordType::kUploadAbort);
  EXPECT_TRUE(Open(RequestOf(NewId(), "c"))->id.has_value());
  EXPECT_EQ(ReasonOf(**Chunk(*second->id, std::string(options.max_write_bytes + 1, 'x'))),
            Reason::kPayloadTooLarge);
}

TEST_F(Rule09UploadLimits, TogetherTheyLeaveRoomInTheJournal) {
  options.journal.max_bytes = 10 * kChunk;  // each below 2.5 chunks, together at most 5
  core.reset();
  Start();
  std::vector<std::shared_ptr<OpenedUpload>> opened;
  for (int i = 0; i < 3; ++i) {
    opened.push_back(Open(RequestOf(NewId(), "f" + std::to_string(i))));
    for (int j = 0; j < 2; ++j) {
      const auto done = Chunk(*opened.back()->id, ContentOf(kChunk));
      SyncAll();
      ASSERT_TRUE(done->has_value());
      EXPECT_EQ((*done)->ok(), i * 2 + j < 5);
      if (!(*done)->ok()) {
        EXPECT_EQ(ReasonOf(**done), Reason::kUploadsFull);
      }
    }
  }
}

TEST_F(Rule09UploadLimits, APieceIsAnsweredWhenThereIsRoomForTheNext) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Chunk(*opened->id, ContentOf(kChunk))->has_value()) << i;
  }
  const auto held = Chunk(*opened->id, ContentOf(3 * kChunk));
  EXPECT_FALSE(held->has_value()) << "too much is not durable yet";
  EXPECT_EQ(journal->records().size(), 4u);
  journal->Sync();
  world.Poll();
  EXPECT_TRUE(held->has_value());
  EXPECT_EQ(journal->records().size(), 6u);
}

TEST_F(Rule09UploadLimits, AFullQueueOfTheJournalOnlyDelays) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  const std::string content = ContentOf(2 * kChunk);
  Chunk(*opened->id, content.substr(0, kChunk));
  journal->set_refusal(Refuse(Reason::kQueueFull, "much waits", {.retry_after_ms = 5}));
  const auto held = Chunk(*opened->id, content.substr(kChunk));
  EXPECT_FALSE(held->has_value());
  journal->set_refusal(absl::OkStatus());
  journal->Sync();
  world.Poll();
  ASSERT_TRUE(held->has_value());
  EXPECT_TRUE((*held)->ok());
  const Uuid id = journal->records()[0].request_id;
  ASSERT_TRUE(Commit(*opened->id)->ok());
  // The same content under the same id is the same request, however it was delayed and cut.
  UploadRequest again = RequestOf(id, "a");
  again.size = content.size();
  again.crc32c = Crc32c(content);
  EXPECT_TRUE(Open(again)->early.ok());
}

TEST_F(Rule09UploadLimits, AFullJournalEndsIt) {
  const auto opened = Open(RequestOf(NewId(), "a"));
  Chunk(*opened->id, ContentOf(kChunk));
  journal->set_refusal(Refuse(Reason::kJournalFull, "full", {.retry_after_ms = 5}));
  EXPECT_EQ(ReasonOf(**Chunk(*opened->id, ContentOf(kChunk))), Reason::kJournalFull);
  EXPECT_EQ(journal->last().type, RecordType::kUploadAbort) << "it frees room";
}

TEST_F(Rule09UploadLimits, WhatDoesNotAddUpIsRefused) {
  UploadRequest request = RequestOf(NewId(), "a");
  request.size = 10;
  auto opened = Open(request);
  EXPECT_EQ(ReasonOf(**Chunk(*opened->id, "12345678901")), Reason::kUploadSizeMismatch);
  request.request_id = NewId();
  opened = Open(request);
  Chunk(*opened->id, "123");
  EXPECT_EQ(Commit(*opened->id)->reason(), "UPLOAD_SIZE_MISMATCH");
  request.request_id = NewId();
  request.size.reset();
  request.crc32c = Crc32c("abc");
  opened = Open(request);
  Chunk(*opened->id, "abd");
  EXPECT_EQ(Commit(*opened->id)->reason(), "PAYLOAD_CORRUPT");
  EXPECT_TRUE(journal->records().empty());
}

}  // namespace
}  // namespace tandem
