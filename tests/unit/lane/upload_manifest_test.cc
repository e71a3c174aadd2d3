#include "daemon/model/upload_manifest.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

UploadManifest SomeManifest() {
  UploadManifest manifest{.size = 30, .crc32c = 7};
  manifest.chunks.push_back(
      {.sequence = 4, .segment = 1, .offset = 4096, .record_length = 160, .payload_length = 20});
  manifest.chunks.push_back(
      {.sequence = 6, .segment = 2, .offset = 8192, .record_length = 144, .payload_length = 10});
  return manifest;
}

TEST(UploadManifest, ReadsBackWhatItWrote) {
  const auto decoded = DecodeUploadManifest(EncodeUploadManifest(SomeManifest()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->size, 30u);
  EXPECT_EQ(decoded->crc32c, 7u);
  ASSERT_EQ(decoded->chunks.size(), 2u);
  EXPECT_EQ(decoded->chunks[1].sequence, 6u);
  EXPECT_EQ(decoded->chunks[1].segment, 2u);
  EXPECT_EQ(decoded->chunks[1].offset, 8192u);
  EXPECT_EQ(decoded->chunks[1].record_length, 144u);
  EXPECT_EQ(decoded->chunks[1].payload_length, 10u);
}

TEST(UploadManifest, RefusesAnyOtherLengthAndASumThatIsWrong) {
  const std::string bytes = EncodeUploadManifest(SomeManifest());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeUploadManifest(absl::string_view(bytes).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(DecodeUploadManifest(bytes + "x").ok());
  UploadManifest wrong = SomeManifest();
  wrong.size = 31;
  EXPECT_FALSE(DecodeUploadManifest(EncodeUploadManifest(wrong)).ok());
}

}  // namespace
}  // namespace tandem
