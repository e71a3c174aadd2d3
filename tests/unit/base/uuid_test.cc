#include "daemon/base/uuid.h"

#include <algorithm>

#include "absl/hash/hash_testing.h"
#include "absl/strings/ascii.h"
#include "daemon/base/reason.h"
#include "gtest/gtest.h"

namespace tandem {
namespace {

constexpr const char* kText = "0190a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061";

TEST(Uuid, ReadsEitherCaseAndPrintsLowerCase) {
  const auto uuid = ParseUuid(kText);
  ASSERT_TRUE(uuid.ok());
  EXPECT_EQ(uuid->ToString(), kText);
  EXPECT_EQ(uuid->bytes[0], 0x01);
  EXPECT_EQ(uuid->bytes[15], 0x61);
  EXPECT_EQ(*ParseUuid(absl::AsciiStrToUpper(kText)), *uuid);
}

TEST(Uuid, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "0190a3b4", "0190a3b4c5d67e8f9a0b1c2d3e4f5061", "0190a3b4-c5d6-7e8f-9a0b-1c2d3e4f506",
        "0190a3b4-c5d6-7e8f-9a0b-1c2d3e4f50611", "0190a3b4_c5d6-7e8f-9a0b-1c2d3e4f5061",
        "g190a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061", "0190a3b4-c5d6-7e8f-9a0b-1c2d3e4f506 ",
        "{190a3b4-c5d6-7e8f-9a0b-1c2d3e4f506}", "00000000-0000-0000-0000-000000000000"}) {
    EXPECT_EQ(ReasonOf(ParseUuid(text).status()), Reason::kRequestIdInvalid) << text;
  }
}

TEST(Uuid, EveryPositionIsRead) {
  std::string text = "ffffffff-ffff-ffff-ffff-ffffffffffff";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') continue;
    std::string other = text;
    other[i] = '0';
    EXPECT_NE(*ParseUuid(other), *ParseUuid(text)) << i;
    EXPECT_EQ(ParseUuid(other)->ToString(), other);
    other[i] = 'z';
    EXPECT_FALSE(ParseUuid(other).ok()) << i;
  }
}

TEST(Uuid, OnlyVersionSevenCarriesItsTime) {
  const int64_t ms = 1'750'000'000'123;
  const Uuid uuid = MakeUuidV7(ms, ~0ull, ~0ull);
  EXPECT_EQ(uuid.UnixMs(), ms);
  EXPECT_EQ(uuid.bytes[6] >> 4, 7);
  EXPECT_EQ(uuid.bytes[8] >> 6, 2);
  EXPECT_EQ(*ParseUuid(uuid.ToString()), uuid);
  EXPECT_EQ(ParseUuid("0190a3b4-c5d6-4e8f-9a0b-1c2d3e4f5061")->UnixMs(), std::nullopt);
}

TEST(Uuid, TheRandomPartMakesIdsOfOneMomentDiffer) {
  EXPECT_NE(MakeUuidV7(5, 1, 0), MakeUuidV7(5, 2, 0));
  EXPECT_NE(MakeUuidV7(5, 0x100, 0), MakeUuidV7(5, 0x200, 0));
  EXPECT_NE(MakeUuidV7(5, 1, 1), MakeUuidV7(5, 1, 2));
  EXPECT_LT(MakeUuidV7(5, ~0ull, ~0ull), MakeUuidV7(6, 0, 0));  // they sort by time
}

TEST(Uuid, HashingAgreesWithEquality) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {MakeUuidV7(1, 1, 1), MakeUuidV7(1, 1, 2), MakeUuidV7(2, 1, 1), Uuid{}}));
}

}  // namespace
}  // namespace tandem
