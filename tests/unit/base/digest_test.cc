#include "daemon/base/digest.h"

#include "gtest/gtest.h"

namespace tandem {
namespace {

Digest OfBytes(std::initializer_list<const char*> fields) {
  Digester digester;
  for (const char* field : fields) digester.AddBytes(field);
  return digester.Finish();
}

TEST(Digest, IsTheSameForTheSameFieldsInEveryBuild) {
  EXPECT_EQ(OfBytes({"a", "bc"}), OfBytes({"a", "bc"}));
  // Digests stand in journals: they may not change from one version to the next.
  Digester digester;
  digester.AddBytes("payment");
  digester.AddNumber(17);
  const Digest golden = {0x2a, 0x61, 0x51, 0xe2, 0x4c, 0xf1, 0x8c, 0x76,
                         0x2b, 0xc0, 0xec, 0x7c, 0xb4, 0x26, 0x2b, 0xf3};
  EXPECT_EQ(digester.Finish(), golden);
}

TEST(Digest, FieldsDoNotRunIntoEachOther) {
  EXPECT_NE(OfBytes({"ab", "c"}), OfBytes({"a", "bc"}));
  EXPECT_NE(OfBytes({"", "a"}), OfBytes({"a", ""}));
  EXPECT_NE(OfBytes({"a"}), OfBytes({"a", ""}));
  EXPECT_NE(OfBytes({}), OfBytes({""}));
}

TEST(Digest, NumbersCount) {
  Digester one;
  one.AddNumber(1);
  Digester two;
  two.AddNumber(1ull << 56);
  EXPECT_NE(one.Finish(), two.Finish());
}

TEST(Digest, FinishingDoesNotEndIt) {
  Digester digester;
  digester.AddBytes("a");
  const Digest first = digester.Finish();
  EXPECT_EQ(digester.Finish(), first);
  digester.AddBytes("b");
  EXPECT_EQ(digester.Finish(), OfBytes({"a", "b"}));
}

}  // namespace
}  // namespace tandem
