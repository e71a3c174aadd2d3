#include "daemon/core/missed_set.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace tandem {
namespace {

MissedSet SomeSet() {
  MissedSet set;
  set.set_summary({.since_ms = 1'700'000'000'000,
                   .from = 10,
                   .through = 99,
                   .oldest_ms = 1'699'999'999'000,
                   .writes = 57,
                   .bytes = 12'345});
  set.Add("a", 12);
  set.Add("d/e/f", 0);
  set.Add("b", 40);
  set.Copied("b", 120);
  return set;
}

void ExpectEqual(const MissedSet& a, const MissedSet& b) {
  EXPECT_EQ(a.summary(), b.summary());
  EXPECT_EQ(a.missed(), b.missed());
  EXPECT_EQ(a.copied(), b.copied());
}

TEST(MissedSetTest, KeepsTheFirstRecordOfAPath) {
  MissedSet set;
  set.Add("a", 7);
  set.Add("a", 5);
  set.Add("a", 9);
  EXPECT_EQ(set.missed().at("a"), 5u);
}

TEST(MissedSetTest, WhatIsCopiedIsForgottenWhenTheCheckpointHasPassedIt) {
  MissedSet set;
  set.Add("a", 7);
  set.Copied("a", 20);
  set.Copied("never missed", 20);
  EXPECT_FALSE(set.Misses("a"));
  set.Forget(19);
  EXPECT_FALSE(set.empty());
  set.Forget(20);
  EXPECT_TRUE(set.empty());
}

TEST(MissedSetTest, WhatIsMissedAgainIsNotCopied) {
  MissedSet set;
  set.Add("a", 7);
  set.Copied("a", 20);
  set.Add("a", 15);
  EXPECT_TRUE(set.Misses("a"));
  EXPECT_TRUE(set.copied().empty());
}

TEST(MissedLogFormat, ReadsBackWhatItWrote) {
  const MissedSet set = SomeSet();
  MissedSet read;
  ASSERT_TRUE(DecodeMissedLog(EncodeMissedEntry(0, BodyOf(set)), read).ok());
  ExpectEqual(read, set);
}

TEST(MissedLogFormat, LaterEntriesGoOn) {
  std::string log = EncodeMissedEntry(0, BodyOf(SomeSet()));
  std::string body;
  AppendCopied("a", 200, &body);
  AppendMissed("g", 130, &body);
  log += EncodeMissedEntry(1, body);
  MissedSet read;
  ASSERT_TRUE(DecodeMissedLog(log, read).ok());
  MissedSet expected = SomeSet();
  expected.Copied("a", 200);
  expected.Add("g", 130);
  ExpectEqual(read, expected);
}

TEST(MissedLogFormat, WhatIsTornAtTheEndIsLeftOut) {
  const std::string first = EncodeMissedEntry(0, BodyOf(SomeSet()));
  std::string body;
  AppendMissed("g", 130, &body);
  const std::string second = EncodeMissedEntry(1, body);
  for (size_t cut = 0; cut < second.size(); ++cut) {
    MissedSet read;
    ASSERT_TRUE(DecodeMissedLog(first + second.substr(0, cut), read).ok()) << cut;
    ExpectEqual(read, SomeSet());
  }
}

TEST(MissedLogFormat, DamageBeforeAGoodEntryIsRefused) {
  const std::string first = EncodeMissedEntry(0, BodyOf(SomeSet()));
  std::string body;
  AppendMissed("g", 130, &body);
  const std::string second = EncodeMissedEntry(1, body);
  for (size_t i = 0; i < first.size(); ++i) {
    std::string log = first + second;
    log[i] = static_cast<char>(log[i] ^ 0x20);
    MissedSet read;
    EXPECT_FALSE(DecodeMissedLog(log, read).ok()) << i;
  }
  MissedSet read;
  EXPECT_TRUE(absl::IsDataLoss(DecodeMissedLog("", read))) << "an empty file is none of ours";
}

}  // namespace
}  // namespace tandem
