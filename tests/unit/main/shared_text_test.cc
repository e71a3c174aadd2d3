#include "daemon/main/shared_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace tandem {
namespace {

SharedText Inherited(const SharedText& text) { return SharedText(UniqueFd(dup(text.fd()))); }

TEST(SharedText, AReaderGetsWhatWasWrittenLast) {
  auto text = SharedText::Make();
  ASSERT_TRUE(text.ok()) << text.status();
  const SharedText reader = Inherited(*text);
  EXPECT_EQ(*reader.Read(), "");
  for (const char* value : {"long ago", "b", "the third"}) {
    ASSERT_TRUE(text->Replace(value).ok());
    EXPECT_EQ(*reader.Read(), value);
    EXPECT_EQ(*reader.Read(), value) << "it can be read more than once";
  }
}

TEST(SharedText, NobodySeesHalfOfAnOldAndHalfOfANewText) {
  auto text = SharedText::Make();
  ASSERT_TRUE(text.ok()) << text.status();
  ASSERT_TRUE(text->Replace(std::string(1000, 'a')).ok());
  const SharedText reader = Inherited(*text);
  std::thread writer([&] {
    for (int i = 0; i < 20'000; ++i) {
      const auto letter = static_cast<char>('a' + i % 26);
      EXPECT_TRUE(text->Replace(std::string(1000 + 37 * (i % 26), letter)).ok());
    }
  });
  for (int i = 0; i < 20'000; ++i) {
    const auto read = reader.Read();
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(read->find_first_not_of(read->front()), std::string::npos);
    ASSERT_EQ(read->size(), 1000u + 37u * static_cast<unsigned>(read->front() - 'a'));
  }
  writer.join();
}

TEST(SharedText, WhatIsNoSuchTextIsAnError) {
  EXPECT_FALSE(SharedText(UniqueFd()).Read().ok());
  auto text = SharedText::Make();
  ASSERT_TRUE(text.ok());
  EXPECT_FALSE(text->Replace(std::string((1 << 20) + 1, 'x')).ok());
  EXPECT_EQ(*text->Read(), "");
  ASSERT_EQ(ftruncate(text->fd(), 3), 0);
  EXPECT_FALSE(text->Read().ok());
  const LoadedConfig loaded = LoadShared(*text);
  EXPECT_EQ(loaded.errors.size(), 1u);
}

}  // namespace
}  // namespace tandem
