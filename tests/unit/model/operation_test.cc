#include "daemon/model/operation.h"

#include <functional>
#include <set>

#include "gtest/gtest.h"

namespace tandem {
namespace {

Operation Sample() {
  return {.type = OperationType::kPut,
          .path = "a/b",
          .new_path = "c",
          .payload = "data",
          .offset = 7,
          .mode = 0640,
          .if_absent = false};
}

TEST(DigestOf, SeesEveryField) {
  const std::vector<std::function<void(Operation&)>> changes = {
      [](Operation& o) { o.type = OperationType::kAppend; },
      [](Operation& o) { o.path = "a/c"; },
      [](Operation& o) { o.new_path = "d"; },
      [](Operation& o) { o.payload = "Data"; },
      [](Operation& o) { o.payload.clear(); },
      [](Operation& o) { o.offset = 8; },
      [](Operation& o) { o.mode = 0600; },
      [](Operation& o) { o.if_absent = true; },
      // Bytes moved from one field to the next.
      [](Operation& o) {
        o.path = "a/bc";
        o.new_path = "";
      },
      [](Operation& o) {
        o.new_path = "cd";
        o.payload = "ata";
      },
  };
  std::set<Digest> digests = {DigestOf({Sample()})};
  for (size_t i = 0; i < changes.size(); ++i) {
    Operation changed = Sample();
    changes[i](changed);
    EXPECT_TRUE(digests.insert(DigestOf({changed})).second) << "change " << i;
  }
}

TEST(DigestOf, SeesTheOperationsNumberAndOrder) {
  Operation other = Sample();
  other.path = "z";
  const std::set<Digest> digests = {DigestOf({}), DigestOf({Sample()}),
                                    DigestOf({Sample(), Sample()}), DigestOf({Sample(), other}),
                                    DigestOf({other, Sample()})};
  EXPECT_EQ(digests.size(), 5u);
  EXPECT_EQ(DigestOf({Sample(), other}), DigestOf({Sample(), other}));
}

TEST(Level, OrderedAndNamedAsOnTheWire) {
  EXPECT_LT(Level::kNone, Level::kJournaled);
  EXPECT_LT(Level::kJournaled, Level::kLocal);
  EXPECT_LT(Level::kLocal, Level::kAll);
  EXPECT_EQ(LevelName(Level::kJournaled), "JOURNALED");
  EXPECT_EQ(LevelName(Level::kLocal), "LOCAL");
  EXPECT_EQ(LevelName(Level::kAll), "ALL");
}

TEST(OperationType, NamesAreDistinctAndNumbersAreThoseOnDisk) {
  std::set<std::string> names;
  for (uint8_t type = 1; type <= 7; ++type) {
    names.insert(std::string(OperationName(static_cast<OperationType>(type))));
  }
  EXPECT_EQ(names.size(), 7u);
  EXPECT_FALSE(names.contains("Unknown"));
  EXPECT_EQ(static_cast<int>(OperationType::kUploadCommit), 7);
}

}  // namespace
}  // namespace tandem
