#include "daemon/model/path.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/base/reason.h"
#include "gtest/gtest.h"

namespace tandem {
namespace {

void ExpectRefused(const std::string& path, Reason reason) {
  const absl::Status status = ValidatePath(path);
  EXPECT_EQ(ReasonOf(status), reason) << path << ": " << status;
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST(ValidatePath, TakesOrdinaryPaths) {
  for (const std::string path :
       {"a", "a/b/c", "ledger/2026-01-31.csv", ".hidden", "..a", "a..", "...", "a b", "a\\b",
        "\xc3\xa4/\xff\xfe", "tandem", ".tandemx", "x.tandem-tmp.1.2", "-rf", "~", "*"}) {
    EXPECT_TRUE(ValidatePath(path).ok()) << path << ": " << ValidatePath(path);
  }
}

TEST(ValidatePath, RefusesAbsolutePaths) {
  for (const char* path : {"/", "/a", "//a", "/../a"}) {
    ExpectRefused(path, Reason::kPathAbsolute);
  }
}

TEST(ValidatePath, RefusesTraversal) {
  for (const char* path :
       {"..", ".", "../a", "a/..", "a/../b", "a/./b", "./a", "a/.", "a/b/../.."}) {
    ExpectRefused(path, Reason::kPathTraversal);
  }
}

TEST(ValidatePath, RefusesEmptyComponents) {
  for (const char* path : {"", "a/", "a//b", "a/b//"}) {
    ExpectRefused(path, Reason::kPathEmptyComponent);
  }
}

TEST(ValidatePath, RefusesEveryControlCharacter) {
  for (int c = 0; c < 256; ++c) {
    const std::string path = absl::StrCat("a", std::string(1, static_cast<char>(c)), "b");
    if (c < 0x20 || c == 0x7f) {
      ExpectRefused(path, Reason::kPathBadCharacter);
    } else {
      EXPECT_TRUE(ValidatePath(path).ok()) << c;
    }
  }
  ExpectRefused(std::string("a/b\0", 4), Reason::kPathBadCharacter);
}

TEST(ValidatePath, RefusesWhatIsTooLongAndTakesWhatJustFits) {
  EXPECT_TRUE(ValidatePath(std::string(255, 'n')).ok());
  ExpectRefused(std::string(256, 'n'), Reason::kPathTooLong);
  ExpectRefused("a/" + std::string(256, 'n') + "/b", Reason::kPathTooLong);

  const std::vector<std::string> twelve(12, std::string(255, 'n'));  // 12 x 256 - 1 bytes
  const std::string longest = absl::StrCat(absl::StrJoin(twelve, "/"), "");
  ASSERT_EQ(longest.size(), 3071u);
  EXPECT_TRUE(ValidatePath(longest).ok());
  ExpectRefused(longest + "/m", Reason::kPathTooLong);

  const std::vector<std::string> deepest(64, "d");
  EXPECT_TRUE(ValidatePath(absl::StrJoin(deepest, "/")).ok());
  ExpectRefused(absl::StrJoin(deepest, "/") + "/d", Reason::kPathTooLong);
}

TEST(ValidatePath, RefusesWhatIsTandemsOwn) {
  for (const std::string& path :
       {std::string(".tandem"), std::string(".tandem/target.json"), std::string("a/.tandem/b"),
        TempName(1, 2), "a/" + TempName(7, 9), TempName(1, 2) + "/x",
        std::string(kTempPrefix) + "look-alike", std::string(kTempPrefix)}) {
    ExpectRefused(path, Reason::kPathReserved);
  }
}

TEST(Path, IsTakenApart) {
  EXPECT_EQ(ParentOf("a/b/c"), "a/b");
  EXPECT_EQ(ParentOf("a"), "");
  EXPECT_EQ(NameOf("a/b/c"), "c");
  EXPECT_EQ(NameOf("a"), "a");
  EXPECT_EQ(AncestorsOf("a/b/c"), (std::vector<absl::string_view>{"a", "a/b"}));
  EXPECT_TRUE(AncestorsOf("a").empty());
}

TEST(TempName, TellsWritersAndSequencesApart) {
  EXPECT_EQ(TempName(3, 14), ".tandem-tmp.3.14");
  EXPECT_NE(TempName(1, 23), TempName(12, 3));
  EXPECT_TRUE(IsTempName(TempName(1, 2)));
  EXPECT_FALSE(IsTempName("tandem-tmp.1.2"));
  EXPECT_FALSE(IsTempName("a/" + TempName(1, 2)));
}

}  // namespace
}  // namespace tandem
