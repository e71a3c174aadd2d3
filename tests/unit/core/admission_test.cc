#include "daemon/core/admission.h"

#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

std::string ReasonText(const absl::Status& status) {
  if (status.ok()) return "(ok)";
  const auto reason = ReasonOf(status);
  return reason.has_value() ? std::string(ReasonName(*reason)) : status.ToString();
}

WriteRequest RequestOf(std::vector<Operation> operations) {
  return {.request_id = MakeUuidV7(1'700'000'000'000, 1, 1), .operations = std::move(operations)};
}

std::string Validate(Operation operation, const CoreOptions& options = {}) {
  return ReasonText(ValidateWrite(RequestOf({std::move(operation)}), options));
}

TEST(Admission, TakesWhatIsWellFormed) {
  EXPECT_EQ(Validate(PutOf("a/b/c")), "(ok)");
  EXPECT_EQ(Validate(AppendOf("a")), "(ok)");
  EXPECT_EQ(Validate(WriteAtOf("a", 5)), "(ok)");
  EXPECT_EQ(Validate(TruncateOf("a", 0)), "(ok)");
  EXPECT_EQ(Validate(DeleteOf("a")), "(ok)");
  EXPECT_EQ(Validate(RenameOf("a", "b")), "(ok)");
}

TEST(Admission, RefusesBadPathsAtEitherEnd) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"/a", "PATH_ABSOLUTE"},
      {"a/../b", "PATH_TRAVERSAL"},
      {".", "PATH_TRAVERSAL"},
      {"", "PATH_EMPTY_COMPONENT"},
      {"a//b", "PATH_EMPTY_COMPONENT"},
      {"a/", "PATH_EMPTY_COMPONENT"},
      {std::string("a\0b", 3), "PATH_BAD_CHARACTER"},
      {std::string(256, 'x'), "PATH_TOO_LONG"},
      {".tandem/target.json", "PATH_RESERVED"},
      {"a/.tandem-tmp.1.2", "PATH_RESERVED"},
  };
  for (const auto& [path, reason] : bad) {
    EXPECT_EQ(Validate(PutOf(path)), reason) << path;
    EXPECT_EQ(Validate(DeleteOf(path)), reason) << path;
    EXPECT_EQ(Validate(RenameOf(path, "good")), reason) << path;
    EXPECT_EQ(Validate(RenameOf("good", path)), reason) << path;
    EXPECT_EQ(ReasonText(ValidateUpload({.request_id = MakeUuidV7(1, 1, 1), .path = path}, {})),
              reason);
  }
}

TEST(Admission, RefusesBadNumbers) {
  Operation put = PutOf("a");
  put.mode = 01777;
  EXPECT_EQ(Validate(put), "ARGUMENT_INVALID");
  EXPECT_EQ(Validate(RenameOf("a/b", "a/b")), "ARGUMENT_INVALID");
  EXPECT_EQ(Validate({.type = OperationType::kUploadCommit, .path = "a"}), "ARGUMENT_INVALID");
  const CoreOptions small = {.max_write_bytes = 4, .max_file_bytes = 100};
  EXPECT_EQ(Validate(PutOf("a", "12345"), small), "PAYLOAD_TOO_LARGE");
  EXPECT_EQ(Validate(WriteAtOf("a", 101, "1"), small), "FILE_TOO_LARGE");
  EXPECT_EQ(Validate(WriteAtOf("a", ~uint64_t{0}, "1"), small), "FILE_TOO_LARGE");
  EXPECT_EQ(Validate(TruncateOf("a", 101), small), "FILE_TOO_LARGE");
}

TEST(Admission, RefusesBadRequests) {
  const CoreOptions options = {.max_write_bytes = 6, .max_batch_operations = 2};
  EXPECT_EQ(ReasonText(ValidateWrite(RequestOf({}), options)), "ARGUMENT_INVALID");
  EXPECT_EQ(
      ReasonText(ValidateWrite(RequestOf({DeleteOf("a"), DeleteOf("b"), DeleteOf("c")}), options)),
      "ARGUMENT_INVALID");
  EXPECT_EQ(ReasonText(ValidateWrite(RequestOf({PutOf("a", "1234"), PutOf("b", "123")}), options)),
            "PAYLOAD_TOO_LARGE")
      << "all of a batch together";
  WriteRequest request = RequestOf({PutOf("a")});
  request.request_id = Uuid{};
  EXPECT_EQ(ReasonText(ValidateWrite(request, options)), "REQUEST_ID_INVALID");
  request = RequestOf({PutOf("a")});
  request.level = Level::kNone;
  EXPECT_EQ(ReasonText(ValidateWrite(request, options)), "LEVEL_UNKNOWN");
  request.level = static_cast<Level>(9);
  EXPECT_EQ(ReasonText(ValidateWrite(request, options)), "LEVEL_UNKNOWN");
  for (const int64_t timeout_ms : {int64_t{0}, int64_t{-1}, int64_t{3'600'001}}) {
    request = RequestOf({PutOf("a")});
    request.wait_timeout_ms = timeout_ms;
    EXPECT_EQ(ReasonText(ValidateWrite(request, options)), "ARGUMENT_INVALID");
  }
}

// The same limit as the configuration's: what it allows is not refused here.
TEST(Rule09UploadSize, OneTakesAtMostAQuarterOfTheJournal) {
  CoreOptions options;
  options.journal.max_bytes = 4000;
  UploadRequest request = {.request_id = MakeUuidV7(1, 1, 1), .path = "a", .size = 1000};
  EXPECT_EQ(ReasonText(ValidateUpload(request, options)), "(ok)");
  request.size = 1001;
  EXPECT_EQ(ReasonText(ValidateUpload(request, options)), "PAYLOAD_TOO_LARGE");
  options.max_file_bytes = 10;
  request.size = 11;
  EXPECT_EQ(ReasonText(ValidateUpload(request, options)), "FILE_TOO_LARGE");
}

TEST(Budget, CountsWritesUntilAnsweredAndBytesUntilDurable) {
  Budget budget(2, 100);
  EXPECT_TRUE(budget.Take(60).ok());
  const absl::Status full = budget.Take(60);
  EXPECT_EQ(ReasonText(full), "QUEUE_FULL");
  EXPECT_GT(DetailOf(full).retry_after_ms, 0) << "a full queue says how long to wait";
  EXPECT_TRUE(budget.Take(40).ok());
  EXPECT_EQ(ReasonText(budget.Take(0)), "QUEUE_FULL") << "two writes wait";
  budget.Answered();
  budget.Appended(1, 60);
  EXPECT_EQ(ReasonText(budget.Take(1)), "QUEUE_FULL") << "not durable yet";
  budget.Durable(1);
  EXPECT_EQ(budget.bytes(), 40u);
  EXPECT_TRUE(budget.Take(60).ok());
  budget.Dropped(60);
  EXPECT_EQ(budget.bytes(), 40u);
}

TEST(Budget, LetsOneLargeWriteIntoAnEmptyQueue) {
  Budget budget(2, 100);
  EXPECT_TRUE(budget.Take(500).ok());
  EXPECT_FALSE(budget.Take(1).ok());
}

}  // namespace
}  // namespace tandem
