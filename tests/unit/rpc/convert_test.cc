#include "daemon/rpc/convert.h"

#include <gtest/gtest.h>

#include "daemon/base/crc32c.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

constexpr char kId[] = "01890a5d-ac96-774b-bcce-b302099a8057";

v1::WriteRequest Valid() {
  v1::WriteRequest request;
  request.set_request_id(kId);
  request.mutable_operation()->mutable_put()->set_path("a/b");
  request.mutable_operation()->mutable_put()->set_data("data");
  return request;
}

std::optional<Reason> RefusalOf(v1::WriteRequest request) {
  return ReasonOf(FromProto(std::move(request), ConvertOptions()).status());
}

TEST(ConvertTest, MovesThePayloadInsteadOfCopyingIt) {
  v1::WriteRequest request = Valid();
  request.mutable_operation()->mutable_put()->set_data(std::string(100'000, 'x'));
  const char* at = request.operation().put().data().data();
  const auto write = FromProto(std::move(request), ConvertOptions());
  ASSERT_TRUE(write.ok());
  EXPECT_EQ(write->operations.at(0).payload.data(), at);
}

TEST(ConvertTest, TakesEveryFieldOfEveryOperation) {
  v1::WriteBatchRequest batch;
  batch.set_request_id(kId);
  v1::Put* put = batch.add_operations()->mutable_put();
  put->set_path("put");
  put->set_data("1");
  put->set_mode(0600);
  put->set_if_absent(true);
  v1::Append* append = batch.add_operations()->mutable_append();
  append->set_path("append");
  append->set_data("22");
  v1::WriteAt* write_at = batch.add_operations()->mutable_write_at();
  write_at->set_path("write_at");
  write_at->set_data("333");
  write_at->set_offset(77);
  write_at->set_mode(0777);
  v1::Truncate* truncate = batch.add_operations()->mutable_truncate();
  truncate->set_path("truncate");
  truncate->set_size(99);
  batch.add_operations()->mutable_delete_()->set_path("delete");
  v1::Rename* rename = batch.add_operations()->mutable_rename();
  rename->set_path("from");
  rename->set_new_path("to");
  rename->set_if_absent(true);

  const auto write = FromProto(std::move(batch), ConvertOptions());
  ASSERT_TRUE(write.ok()) << write.status();
  EXPECT_EQ(write->request_id.ToString(), kId);
  const std::vector<Operation>& ops = write->operations;
  ASSERT_EQ(ops.size(), 6u);
  EXPECT_EQ(PayloadBytes(*write), 6u);
  EXPECT_EQ(ops[0].type, OperationType::kPut);
  EXPECT_EQ(ops[0].path, "put");
  EXPECT_EQ(ops[0].payload, "1");
  EXPECT_EQ(ops[0].mode, 0600u);
  EXPECT_TRUE(ops[0].if_absent);
  EXPECT_EQ(ops[1].type, OperationType::kAppend);
  EXPECT_EQ(ops[1].payload, "22");
  EXPECT_EQ(ops[1].mode, 0640u);
  EXPECT_EQ(ops[2].type, OperationType::kWriteAt);
  EXPECT_EQ(ops[2].offset, 77u);
  EXPECT_EQ(ops[2].mode, 0777u);
  EXPECT_EQ(ops[3].type, OperationType::kTruncate);
  EXPECT_EQ(ops[3].offset, 99u);
  EXPECT_EQ(ops[4].type, OperationType::kDelete);
  EXPECT_EQ(ops[4].path, "delete");
  EXPECT_EQ(ops[5].type, OperationType::kRename);
  EXPECT_EQ(ops[5].path, "from");
  EXPECT_EQ(ops[5].new_path, "to");
  EXPECT_TRUE(ops[5].if_absent);
}

TEST(ConvertTest, UsesTheConfiguredDefaultsForWhatIsUnset) {
  const ConvertOptions options = {.default_level = Level::kAll, .default_wait_ms = 1'234};
  const auto write = FromProto(Valid(), options);
  ASSERT_TRUE(write.ok());
  EXPECT_EQ(write->level, Level::kAll);
  EXPECT_EQ(write->wait_timeout_ms, 1'234);
}

TEST(ConvertTest, MapsEveryLevelAndRefusesUnknownOnes) {
  for (const auto& [level, expected] :
       {std::pair{v1::DURABILITY_LEVEL_JOURNALED, Level::kJournaled},
        {v1::DURABILITY_LEVEL_LOCAL, Level::kLocal},
        {v1::DURABILITY_LEVEL_ALL, Level::kAll}}) {
    v1::WriteRequest request = Valid();
    request.set_level(level);
    const auto write = FromProto(std::move(request), ConvertOptions());
    ASSERT_TRUE(write.ok());
    EXPECT_EQ(write->level, expected);
  }
  for (const int unknown : {-1, 4, 1'000}) {
    v1::WriteRequest request = Valid();
    request.set_level(static_cast<v1::DurabilityLevel>(unknown));
    EXPECT_EQ(RefusalOf(request), Reason::kLevelUnknown) << unknown;
  }
}

TEST(ConvertTest, TakesAWaitTimeoutAboveZeroAndUpToOneHour) {
  struct Case {
    int64_t seconds;
    int32_t nanos;
    int64_t ms;  // 0: refused
  };
  for (const Case& c : {Case{0, 1, 1},
                        {0, 1'000'000, 1},
                        {1, 500'000'000, 1'500},
                        {3'600, 0, 3'600'000},
                        {0, 0, 0},
                        {-1, 0, 0},
                        {0, -1, 0},
                        {3'600, 1, 0},
                        {3'601, 0, 0},
                        {1, 1'000'000'000, 0},
                        {INT64_MAX, 0, 0},
                        {INT64_MIN, 0, 0}}) {
    v1::WriteRequest request = Valid();
    request.mutable_wait_timeout()->set_seconds(c.seconds);
    request.mutable_wait_timeout()->set_nanos(c.nanos);
    const auto write = FromProto(std::move(request), ConvertOptions());
    if (c.ms == 0) {
      EXPECT_EQ(ReasonOf(write.status()), Reason::kArgumentInvalid) << c.seconds << " " << c.nanos;
    } else {
      ASSERT_TRUE(write.ok()) << c.seconds << " " << c.nanos;
      EXPECT_EQ(write->wait_timeout_ms, c.ms);
    }
  }
}

TEST(ConvertTest, ChecksTheCallersChecksum) {
  v1::WriteRequest request = Valid();
  request.set_data_crc32c(Crc32c("data"));
  EXPECT_EQ(RefusalOf(request), std::nullopt);
  request.set_data_crc32c(Crc32c("data") ^ 1);
  EXPECT_EQ(RefusalOf(request), Reason::kPayloadCorrupt);
}

TEST(ConvertTest, RefusesWhatIsIncompleteOrOutOfBounds) {
  v1::WriteRequest no_id = Valid();
  no_id.clear_request_id();
  EXPECT_EQ(RefusalOf(no_id), Reason::kRequestIdInvalid);
  v1::WriteRequest no_operation = Valid();
  no_operation.clear_operation();
  EXPECT_EQ(RefusalOf(no_operation), Reason::kArgumentInvalid);
  v1::WriteRequest wild_mode = Valid();
  wild_mode.mutable_operation()->mutable_put()->set_mode(01000);
  EXPECT_EQ(RefusalOf(wild_mode), Reason::kArgumentInvalid);
  v1::WriteBatchRequest empty;
  empty.set_request_id(kId);
  EXPECT_EQ(ReasonOf(FromProto(std::move(empty), ConvertOptions()).status()),
            Reason::kArgumentInvalid);
}

TEST(ConvertTest, TakesEveryFieldOfAnUploadsHeader) {
  v1::UploadHeader header;
  header.set_request_id(kId);
  header.set_path("big");
  header.set_mode(0604);
  header.set_if_absent(true);
  header.set_level(v1::DURABILITY_LEVEL_ALL);
  header.mutable_wait_timeout()->set_seconds(5);
  header.set_size(12);
  header.set_data_crc32c(34);
  const auto upload = FromProto(std::move(header), ConvertOptions());
  ASSERT_TRUE(upload.ok());
  EXPECT_EQ(upload->path, "big");
  EXPECT_EQ(upload->mode, 0604u);
  EXPECT_TRUE(upload->if_absent);
  EXPECT_EQ(upload->level, Level::kAll);
  EXPECT_EQ(upload->wait_timeout_ms, 5'000);
  EXPECT_EQ(upload->size, 12u);
  EXPECT_EQ(upload->crc32c, 34u);
}

TEST(ConvertTest, NamesAWriteBySequenceOrById) {
  v1::WaitDurableRequest wait;
  EXPECT_EQ(ReasonOf(FromProto(wait, ConvertOptions()).status()), Reason::kArgumentInvalid);
  wait.set_sequence(0);
  EXPECT_EQ(ReasonOf(FromProto(wait, ConvertOptions()).status()), Reason::kArgumentInvalid);
  wait.set_sequence(9);
  EXPECT_EQ(std::get<Sequence>(FromProto(wait, ConvertOptions())->key), 9u);
  v1::GetWriteRequest get;
  EXPECT_EQ(ReasonOf(FromProto(get).status()), Reason::kArgumentInvalid);
  get.set_request_id("nonsense");
  EXPECT_EQ(ReasonOf(FromProto(get).status()), Reason::kRequestIdInvalid);
  get.set_request_id(kId);
  EXPECT_EQ(std::get<Uuid>(*FromProto(get)).ToString(), kId);
}

TEST(ConvertTest, AnswersBeforeTheCallsOwnDeadline) {
  EXPECT_EQ(EffectiveWaitMs(60'000, std::nullopt), 60'000);
  EXPECT_EQ(EffectiveWaitMs(60'000, 120'000), 60'000);
  EXPECT_EQ(EffectiveWaitMs(60'000, 10'000), 9'500);  // 5 %
  EXPECT_EQ(EffectiveWaitMs(60'000, 100), 80);        // 20 ms
  EXPECT_EQ(EffectiveWaitMs(60'000, 60'000), 57'000);
  EXPECT_EQ(EffectiveWaitMs(50, 10'000), 50);
  EXPECT_EQ(EffectiveWaitMs(60'000, 10), 1);
  EXPECT_EQ(EffectiveWaitMs(60'000, -5), 1);
}

TEST(ConvertTest, ABatchIsNamedByItsLastSequence) {
  WriteReply reply;
  reply.results = {{.sequence = 4}, {.sequence = 5}};
  v1::WaitDurableResponse response;
  ASSERT_TRUE(ToProto(reply, &response).ok());
  EXPECT_EQ(response.sequence(), 5u);
}

}  // namespace
}  // namespace tandem
