// Uploads through core: open, pieces, commit.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/crc32c.h"
#include "daemon/model/upload_manifest.h"
#include "tests/unit/core/core_fixture.h"

namespace tandem {

inline constexpr size_t kChunk = 8192;

struct OpenedUpload {
  std::optional<UploadId> id;
  Outcome early;
};

class Rule09Uploads : public CoreFixture {
 protected:
  Rule09Uploads() {
    options.journal.group_bytes = kChunk;
    Start();
  }
  UploadRequest RequestOf(Uuid id, std::string path) {
    return {.request_id = id, .path = std::move(path), .level = Level::kJournaled};
  }
  std::shared_ptr<OpenedUpload> Open(UploadRequest request) {
    auto result = std::make_shared<OpenedUpload>();
    core->OpenUpload(std::move(request),
                     [result](absl::StatusOr<std::variant<UploadId, WriteReply>> opened) {
                       EXPECT_FALSE(result->id.has_value() || result->early.answered());
                       if (!opened.ok()) {
                         result->early.reply = opened.status();
                       } else if (const auto* id = std::get_if<UploadId>(&*opened)) {
                         result->id = *id;
                       } else {
                         result->early.reply = std::get<WriteReply>(*std::move(opened));
                       }
                     });
    EXPECT_FALSE(result->id.has_value() || result->early.answered());
    Settle();
    return result;
  }
  std::shared_ptr<std::optional<absl::Status>> Chunk(UploadId id, std::string data) {
    auto result = std::make_shared<std::optional<absl::Status>>();
    core->AddChunk(id, std::move(data), [result](absl::Status status) { *result = status; });
    EXPECT_FALSE(result->has_value()) << "answered inside the call";
    world.Poll();
    return result;
  }
  OutcomePtr Commit(UploadId id) {
    auto outcome = std::make_shared<Outcome>();
    core->CommitUpload(
        id, [outcome](absl::StatusOr<WriteReply> reply) { outcome->reply = std::move(reply); });
    EXPECT_FALSE(outcome->answered());
    SyncAll();
    return outcome;
  }
  void SyncAll() {
    for (int i = 0; i < 20; ++i) {
      Settle();
      journal->Sync();
    }
    Settle();
  }
  // A whole upload in pieces of `piece` bytes.
  OutcomePtr Upload(UploadRequest request, const std::string& content, size_t piece) {
    const auto opened = Open(std::move(request));
    if (!opened->id.has_value()) return std::make_shared<Outcome>(opened->early);
    for (size_t at = 0; at < content.size(); at += piece) {
      const auto done = Chunk(*opened->id, content.substr(at, piece));
      SyncAll();
      EXPECT_TRUE(done->has_value() && (*done)->ok());
    }
    return Commit(*opened->id);
  }
  std::string ContentOf(size_t size) {
    std::string content(size, '\0');
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>('a' + i * 7 % 23);
    return content;
  }
  std::vector<RecordType> Types() {
    std::vector<RecordType> types;
    for (const Record& record : journal->records()) types.push_back(record.type);
    return types;
  }
};

}  // namespace tandem
