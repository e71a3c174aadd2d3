#include "daemon/base/crc32c.h"

#include <string>

#include "daemon/base/bytes.h"
#include "gtest/gtest.h"

namespace tandem {
namespace {

// The vectors of RFC 3720, appendix B.4.
TEST(Crc32c, MatchesThePublishedVectors) {
  std::string ascending(32, '\0');
  std::string descending(32, '\0');
  for (size_t i = 0; i < 32; ++i) {
    ascending[i] = static_cast<char>(i);
    descending[i] = static_cast<char>(31 - i);
  }
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(Crc32c(descending), 0x113fdb5cu);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, GoesOnFromAnEarlierResult) {
  std::string data;
  for (int i = 0; i < 1000; ++i) data.push_back(static_cast<char>(i * 7));
  for (const size_t cut : {0u, 1u, 7u, 8u, 63u, 64u, 500u, 999u, 1000u}) {
    EXPECT_EQ(Crc32c(data.substr(cut), Crc32c(data.substr(0, cut))), Crc32c(data)) << cut;
  }
}

TEST(Crc32c, SeesEveryFlippedBit) {
  const std::string data(40, 'x');
  for (size_t bit = 0; bit < data.size() * 8; ++bit) {
    std::string flipped = data;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(Crc32c(flipped), Crc32c(data)) << bit;
  }
}

TEST(Bytes, NumbersAreLittleEndianAndReadBack) {
  char bytes[8];
  PutLittleEndian<uint32_t>(bytes, 0x01020384u);
  EXPECT_EQ(std::string(bytes, 4), "\x84\x03\x02\x01");
  EXPECT_EQ(GetLittleEndian<uint32_t>(bytes), 0x01020384u);
  PutLittleEndian<uint64_t>(bytes, ~0ull - 5);
  EXPECT_EQ(GetLittleEndian<uint64_t>(bytes), ~0ull - 5);
  PutLittleEndian<uint16_t>(bytes, 0xfffe);
  EXPECT_EQ(GetLittleEndian<uint16_t>(bytes), 0xfffe);
}

}  // namespace
}  // namespace tandem
