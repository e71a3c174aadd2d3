// What a lane gives of its target to one that misses paths.
#include "daemon/lane/source.h"

#include "daemon/base/digest.h"
#include "tests/unit/lane/lane_fixture.h"

namespace tandem {
namespace {

using internal::v1::SourceAnswer;

class SourceTest : public LaneFixture {
 protected:
  SourceAnswer Open(const std::string& path, Sequence at_least = 0, bool hold = false) {
    internal::v1::SourceQuery query;
    query.set_path(path);
    query.set_at_least(at_least);
    query.set_hold(hold);
    return Answer(AskSource(query));
  }
  SourceAnswer DigestOf(uint64_t session, uint64_t offset) {
    return Within(session, offset, /*digest=*/true);
  }
  SourceAnswer Piece(uint64_t session, uint64_t offset) {
    return Within(session, offset, /*digest=*/false);
  }
  SourceAnswer Within(uint64_t session, uint64_t offset, bool digest) {
    internal::v1::SourceQuery query;
    query.set_session(session);
    query.set_offset(offset);
    query.set_digest(digest);
    return Answer(AskSource(query));
  }
  SourceAnswer Answer(uint64_t id) {
    EXPECT_TRUE(world_.RunUntil([&] { return source_answers_.contains(id); }, kLimit));
    return source_answers_[id];
  }
  static std::string Long() { return std::string(3 * kSourcePieceBytes / 2, 'l'); }
  // In records that the journal takes.
  Sequence DoLong(const std::string& path) {
    Sequence last = Do(PutRecord(0, path, ""));
    const std::string content = Long();
    for (size_t at = 0; at < content.size(); at += 16'384) {
      last = Do(AppendRecord(0, path, content.substr(at, 16'384), at, FileOf(at)));
    }
    return last;
  }
};

TEST_F(SourceTest, GivesAShortFileWithTheAnswer) {
  Start();
  const Sequence sequence = Do(PutRecord(0, "d/e/a", "content"));
  const SourceAnswer answer = Open("d/e/a");
  EXPECT_EQ(answer.trouble(), internal::v1::SOURCE_TROUBLE_UNSPECIFIED);
  EXPECT_EQ(answer.at(), sequence);
  EXPECT_EQ(answer.kind(), static_cast<uint32_t>(PathKind::kFile));
  EXPECT_EQ(answer.data(), "content");
  EXPECT_EQ(answer.mode(), 0640u);
  EXPECT_EQ(answer.directories(), 2u);
}

TEST_F(SourceTest, WhatIsNotThereIsAnAnswerAndSoAreTheDirectoriesAboveIt) {
  Start();
  Do(PutRecord(0, "d/a", "content"));
  const SourceAnswer absent = Open("d/e/f/b");
  EXPECT_EQ(absent.kind(), static_cast<uint32_t>(PathKind::kAbsent));
  EXPECT_EQ(absent.directories(), 1u);
  EXPECT_EQ(Open("d").kind(), static_cast<uint32_t>(PathKind::kDirectory));
}

TEST_F(SourceTest, ATargetThatIsNotAsFarIsAskedLater) {
  Start();
  const Sequence sequence = Do(PutRecord(0, "a", "content"));
  EXPECT_EQ(Open("a", sequence + 1).trouble(), internal::v1::SOURCE_TROUBLE_LATER);
  EXPECT_EQ(Open("a", sequence).trouble(), internal::v1::SOURCE_TROUBLE_UNSPECIFIED);
}

TEST_F(SourceTest, AnswersOnlyWhenWhatCameBeforeIsApplied) {
  Start();
  Do(PutRecord(0, "a", "old"));
  disk_.Hang();
  const Sequence newer = Append(PutRecord(0, "a", "newer", FileOf(3)));
  world_.RunFor(kSimSecond);
  internal::v1::SourceQuery query;
  query.set_path("a");
  const uint64_t id = AskSource(query);
  world_.RunFor(5 * kSimSecond);
  EXPECT_FALSE(source_answers_.contains(id));
  disk_.Heal();
  EXPECT_EQ(Answer(id).data(), "newer");
  EXPECT_EQ(Answer(id).at(), newer);
}

TEST_F(SourceTest, APathThatItLacksWritesOfIsNotGiven) {
  Start();
  Do(PutRecord(0, "a", "content"));
  Refuse("a");
  const Sequence parked = Do(PutRecord(0, "a", "more", FileOf(7)));
  ASSERT_TRUE(IsParked(parked));
  EXPECT_EQ(Open("a").trouble(), internal::v1::SOURCE_TROUBLE_PARKED);
}

TEST_F(SourceTest, ALongFileIsReadInPiecesWhileOthersAppend) {
  Start();
  DoLong("a");
  const SourceAnswer answer = Open("a");
  ASSERT_EQ(answer.size(), Long().size());
  EXPECT_TRUE(answer.data().empty());
  Do(AppendRecord(0, "a", "more", Long().size(), FileOf(Long().size())));
  const SourceAnswer first = Piece(answer.session(), 0);
  const SourceAnswer second = Piece(answer.session(), kSourcePieceBytes);
  EXPECT_EQ(first.data() + second.data(), Long());
}

// One question per range: the digest of a file that is read for minutes would never come in time.
TEST_F(SourceTest, OfALongFileItSaysTheDigestOfARange) {
  Start();
  DoLong("a");
  const SourceAnswer answer = Open("a");
  EXPECT_TRUE(answer.digest().empty());
  Digester all;
  all.AddBytes(Long().substr(0, kSourcePieceBytes));
  all.AddBytes(Long().substr(kSourcePieceBytes));
  const Digest digest = all.Finish();
  EXPECT_EQ(DigestOf(answer.session(), 0).digest(), std::string(digest.begin(), digest.end()));
  Digester rest;
  rest.AddBytes(Long().substr(kSourcePieceBytes));
  const Digest of_rest = rest.Finish();
  EXPECT_EQ(DigestOf(answer.session(), kSourcePieceBytes).digest(),
            std::string(of_rest.begin(), of_rest.end()));
}

TEST_F(SourceTest, ALongFileThatIsHeldIsNotChangedUntilItIsRead) {
  Start();
  DoLong("a");
  const SourceAnswer answer = Open("a", 0, /*hold=*/true);
  const std::string first = Piece(answer.session(), 0).data();
  const Sequence cut = Append(TruncateRecord(0, "a", 10, FileOf(Long().size())));
  const Sequence other = Do(PutRecord(0, "b", "other paths go on"));
  EXPECT_TRUE(IsDurable(other));
  world_.RunFor(3 * kSimSecond);
  EXPECT_FALSE(durable_.contains(cut));
  EXPECT_EQ(first + Piece(answer.session(), kSourcePieceBytes).data(), Long());
  internal::v1::SourceQuery close;
  close.set_session(answer.session());
  close.set_close(true);
  AskSource(close);
  ASSERT_TRUE(world_.RunUntil([&] { return durable_.contains(cut); }, kSimSecond));
}

TEST_F(SourceTest, NothingIsHeldForOneWhoAsksNoMoreNorForLong) {
  Start();
  DoLong("a");
  (void)Open("a", 0, /*hold=*/true);
  const Sequence cut = Append(TruncateRecord(0, "a", 300'000, FileOf(Long().size())));
  ASSERT_TRUE(world_.RunUntil([&] { return durable_.contains(cut); }, 7 * kSimSecond));
  const SourceAnswer answer = Open("a", 0, /*hold=*/true);
  const Sequence again = Append(TruncateRecord(0, "a", 299'000, FileOf(300'000)));
  for (int second = 0; second < 16; ++second) {
    (void)Piece(answer.session(), 0);
    world_.RunFor(kSimSecond);
  }
  EXPECT_TRUE(durable_.contains(again));
}

TEST_F(SourceTest, ALongFileThatIsReplacedMeanwhileIsStillGivenAsItWas) {
  Start();
  DoLong("a");
  const SourceAnswer answer = Open("a");
  const std::string first = Piece(answer.session(), 0).data();
  Do(PutRecord(0, "a", "another", FileOf(Long().size())));
  EXPECT_EQ(first + Piece(answer.session(), kSourcePieceBytes).data(), Long());
}

TEST_F(SourceTest, ALongFileThatIsChangedMeanwhileIsNotMixed) {
  Start();
  DoLong("a");
  const SourceAnswer answer = Open("a");
  EXPECT_FALSE(Piece(answer.session(), 0).data().empty());
  Do(TruncateRecord(0, "a", 10, FileOf(Long().size())));
  EXPECT_EQ(Piece(answer.session(), kSourcePieceBytes).trouble(),
            internal::v1::SOURCE_TROUBLE_CHANGED);
}

}  // namespace
}  // namespace tandem
