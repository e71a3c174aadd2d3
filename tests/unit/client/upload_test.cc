// Uploads: chunks, restarts, sources.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "daemon/base/crc32c.h"
#include "tandem/client/client.h"
#include "tests/unit/client/fake_scheduler.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {
namespace {

using Reader = grpc::ServerReader<v1::UploadRequest>;

struct Received {
  v1::UploadHeader header;
  std::string content;
  std::vector<size_t> parts;
};

class UploadTest : public testing::Test {
 protected:
  UploadTest() {
    server_.Start();
    ClientOptions options;
    options.address = server_.address();
    options.scheduler = clock_;
    options.upload_chunk_bytes = 1000;
    client_ = *Client::Connect(std::move(options));
    for (int i = 0; i < 10'500; ++i) content_.push_back(static_cast<char>(i * 31 / 7));
  }

  // Receives at most `parts` parts of data; then answers `status`.
  void Receive(grpc::Status status, int parts = 1'000'000) {
    server_.OnUpload(
        [this, status, parts](grpc::ServerContext*, Reader* reader, v1::UploadResponse* response) {
          Received received;
          v1::UploadRequest request;
          EXPECT_TRUE(reader->Read(&request));
          EXPECT_TRUE(request.has_header()) << "the header comes first";
          received.header = request.header();
          for (int i = 0; i < parts && reader->Read(&request); ++i) {
            received.parts.push_back(request.data().size());
            received.content += request.data();
          }
          response->mutable_result()->set_sequence(9);
          response->mutable_result()->set_data_crc32c(::tandem::Crc32c(received.content));
          const std::lock_guard lock(mutex_);
          received_.push_back(std::move(received));
          return status;
        });
  }

  std::vector<Received> received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }

  std::string WriteFile() {
    std::string file = server_.directory() + "/file";
    std::ofstream(file, std::ios::binary) << content_;
    return file;
  }

  std::string content_;
  std::shared_ptr<FakeScheduler> clock_ = std::make_shared<FakeScheduler>();
  ScriptedServer server_;
  std::mutex mutex_;
  std::vector<Received> received_;
  std::unique_ptr<Client> client_;
};

TEST_F(UploadTest, AFileArrivesInPartsOfTheConfiguredSize) {
  Receive(grpc::Status::OK);
  const absl::StatusOr<WriteResult> result =
      client_->UploadFile({.path = "big", .mode = 0600, .if_absent = true}, WriteFile(),
                          {.level = Level::kAll, .wait_timeout = absl::Seconds(5)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sequence(), 9u);
  const Received got = received().at(0);
  EXPECT_EQ(got.content, content_);
  std::vector<size_t> parts(10, 1000);
  parts.push_back(500);
  EXPECT_EQ(got.parts, parts);
  EXPECT_EQ(got.header.path(), "big");
  EXPECT_EQ(got.header.mode(), 0600u);
  EXPECT_TRUE(got.header.if_absent());
  EXPECT_EQ(got.header.size(), content_.size());
  EXPECT_EQ(got.header.level(), v1::DURABILITY_LEVEL_ALL);
  EXPECT_EQ(got.header.wait_timeout().seconds(), 5);
  EXPECT_EQ(got.header.request_id(), result->request_id);
}

TEST_F(UploadTest, AnEmptyFileIsAHeaderAlone) {
  content_.clear();
  Receive(grpc::Status::OK);
  ASSERT_TRUE(client_->UploadFile({.path = "empty"}, WriteFile()).ok());
  EXPECT_TRUE(received().at(0).parts.empty());
}

TEST_F(UploadTest, ABrokenAttemptStartsAgainFromTheFirstByteUnderTheSameId) {
  Receive(ErrorStatus({.code = grpc::StatusCode::UNAVAILABLE}), 4);
  Receive(grpc::Status::OK);
  ASSERT_TRUE(client_->UploadFile({.path = "big"}, WriteFile()).ok());
  const std::vector<Received> got = received();
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].content, content_.substr(0, 4000));
  EXPECT_EQ(got[1].content, content_);
  EXPECT_EQ(got[0].header.request_id(), got[1].header.request_id());
}

TEST_F(UploadTest, AGeneratorIsReadToItsEnd) {
  Receive(grpc::Status::OK);
  size_t at = 0;
  auto next = [this, &at](size_t max_bytes) -> absl::StatusOr<std::string> {
    std::string part = content_.substr(at, std::min<size_t>(max_bytes, 700));
    at += part.size();
    return part;
  };
  ASSERT_TRUE(client_->Upload({.path = "big"}, MakeGeneratorSource(next)).ok());
  EXPECT_EQ(received().at(0).content, content_);
  EXPECT_FALSE(received()[0].header.has_size());
}

// The daemon need not be sent again what it can tell by that.
TEST_F(UploadTest, AnAttemptAfterAWholeOneSaysSizeAndCrcAtOnce) {
  Receive(ErrorStatus({.code = grpc::StatusCode::UNAVAILABLE}));
  Receive(grpc::Status::OK);
  size_t at = 0;
  auto next = [this, &at](size_t max_bytes) -> absl::StatusOr<std::string> {
    std::string part = content_.substr(at, max_bytes);
    at += part.size();
    return part;
  };
  const auto restart = [&at] {
    at = 0;
    return absl::OkStatus();
  };
  ASSERT_TRUE(client_->Upload({.path = "big"}, MakeGeneratorSource(next, restart)).ok());
  const std::vector<Received> got = received();
  ASSERT_EQ(got.size(), 2u);
  EXPECT_FALSE(got[0].header.has_data_crc32c());
  EXPECT_EQ(got[1].header.size(), content_.size());
  EXPECT_EQ(got[1].header.data_crc32c(), ::tandem::Crc32c(content_));
  EXPECT_EQ(got[1].content, content_);
}

TEST_F(UploadTest, AGeneratorThatCannotStartAgainEndsTheUploadWithTheOutcomeUnknown) {
  Receive(ErrorStatus({.code = grpc::StatusCode::UNAVAILABLE}), 1);
  auto next = [](size_t max_bytes) -> absl::StatusOr<std::string> {
    return std::string(max_bytes, 'x');
  };
  const absl::Status status = client_->Upload({.path = "big"}, MakeGeneratorSource(next)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(DetailOf(status).outcome_unknown);
}

TEST_F(UploadTest, AnErrorOfTheSourceBreaksTheUploadAndIsReturned) {
  std::promise<bool> complete;
  server_.OnUpload([&complete](grpc::ServerContext* context, Reader* reader, auto*) {
    v1::UploadRequest request;
    while (reader->Read(&request)) {
    }
    complete.set_value(!context->IsCancelled());
    return grpc::Status::OK;
  });
  int calls = 0;
  auto next = [&calls](size_t) -> absl::StatusOr<std::string> {
    if (++calls == 3) return absl::DataLossError("disk");
    return std::string("part");
  };
  const absl::Status status = client_->Upload({.path = "big"}, MakeGeneratorSource(next)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "disk");
  EXPECT_FALSE(DetailOf(status).outcome_unknown) << "an incomplete upload is never visible";
  EXPECT_FALSE(complete.get_future().get()) << "the daemon must not take it for complete";
}

TEST_F(UploadTest, AMissingFileIsNamed) {
  const absl::Status status = client_->UploadFile({.path = "big"}, "/nowhere/file").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nowhere/file"), absl::string_view::npos);
}

TEST_F(UploadTest, ARefusalInTheMiddleIsReturned) {
  Receive(ErrorStatus({.code = grpc::StatusCode::ALREADY_EXISTS, .reason = "PATH_EXISTS"}), 1);
  const absl::Status status = client_->UploadFile({.path = "big"}, WriteFile()).status();
  EXPECT_EQ(DetailOf(status).reason, "PATH_EXISTS");
  EXPECT_EQ(received().size(), 1u);
}

TEST_F(UploadTest, OtherBytesInTheJournalAreDataLoss) {
  server_.OnUpload([](grpc::ServerContext*, Reader* reader, v1::UploadResponse* response) {
    v1::UploadRequest request;
    while (reader->Read(&request)) {
    }
    response->mutable_result()->set_data_crc32c(1);
    return grpc::Status::OK;
  });
  EXPECT_EQ(client_->UploadFile({.path = "big"}, WriteFile()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(UploadTest, AnAnswerToAnEarlierAttemptMayComeBeforeTheBytes) {
  server_.OnUpload([](grpc::ServerContext*, Reader* reader, v1::UploadResponse* response) {
    v1::UploadRequest request;
    reader->Read(&request);
    response->mutable_result()->set_sequence(4);
    response->set_earlier_attempt(true);
    return grpc::Status::OK;
  });
  const absl::StatusOr<WriteResult> result = client_->UploadFile({.path = "big"}, WriteFile());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->earlier_attempt);
}

// The daemon was not there yet: nothing is taken of what cannot be taken again.
TEST_F(UploadTest, AGeneratorOfWhichNothingWasTakenIsTriedAgain) {
  const std::unique_ptr<UploadSource> generator =
      MakeGeneratorSource([](size_t) -> absl::StatusOr<std::string> { return "x"; });
  // As an attempt does that finds no daemon.
  ASSERT_TRUE(generator->Restart().ok());
  ASSERT_TRUE(generator->Restart().ok());
  ASSERT_TRUE(generator->Next(1).ok());
  EXPECT_EQ(generator->Restart().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace tandem::client
