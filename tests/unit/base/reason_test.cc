#include "daemon/base/reason.h"

#include <algorithm>
#include <set>

#include "daemon/base/status.h"
#include "gtest/gtest.h"

namespace tandem {
namespace {

using Metadata = std::vector<std::pair<std::string, std::string>>;

TEST(Reason, NamesAreUniqueUpperSnakeCase) {
  std::set<std::string> names;
  for (const Reason reason : AllReasons()) {
    const std::string name(ReasonName(reason));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || c == '_';
    })) << name;
    EXPECT_NE(ReasonCode(reason), absl::StatusCode::kOk) << name;
  }
}

TEST(Reason, ARefusalCarriesItsReasonCodeAndText) {
  for (const Reason reason : AllReasons()) {
    const absl::Status status = Refuse(reason, "because");
    EXPECT_EQ(ReasonOf(status), reason);
    EXPECT_EQ(status.code(), ReasonCode(reason));
    EXPECT_EQ(status.message(), "because");
    EXPECT_EQ(DetailOf(status).retry_after_ms, 0);
    EXPECT_TRUE(DetailOf(status).metadata.empty());
  }
}

TEST(Reason, DetailsReadBackWhateverTheyHold) {
  const std::string every_byte = [] {
    std::string bytes;
    for (int c = 0; c < 256; ++c) bytes.push_back(static_cast<char>(c));
    return bytes;
  }();
  const Metadata metadata = {{"sequence", "17"},    {"", ""},
                             {"path", "a=b\nc=d"},  {"key=with\nall\\\"", "=\n\\n"},
                             {"bytes", every_byte}, {every_byte, "x"},
                             {"\xc3\xa4", "\xff"}};
  const RefusalDetail back =
      DetailOf(Refuse(Reason::kQueueFull, "full", {.retry_after_ms = 250, .metadata = metadata}));
  EXPECT_EQ(back.retry_after_ms, 250);
  EXPECT_EQ(back.metadata, metadata);
}

TEST(Reason, SurvivesAnnotation) {
  const absl::Status status =
      Annotate(Refuse(Reason::kJournalFull, "full", {.retry_after_ms = 9}), "write 5");
  EXPECT_EQ(ReasonOf(status), Reason::kJournalFull);
  EXPECT_EQ(DetailOf(status).retry_after_ms, 9);
  EXPECT_EQ(status.message(), "write 5: full");
}

TEST(Reason, OtherStatusesHaveNone) {
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), std::nullopt);
  EXPECT_EQ(ReasonOf(ErrnoStatus(5, "x")), std::nullopt);
  EXPECT_TRUE(DetailOf(absl::InternalError("x")).metadata.empty());
}

}  // namespace
}  // namespace tandem
