// Segments that are sealed early give back what they do not need.
#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

class TrimTest : public JournalTest {};

// Found by a user: every start takes a new segment, and a core that is started again and again
// while a target is away filled the journal with nothing.
TEST_F(TrimTest, ManyStartsDoNotFillTheJournal) {
  for (int start = 0; start < 60; ++start) {
    ASSERT_NO_FATAL_FAILURE(OpenAndStart());
    ASSERT_TRUE(journal().Admit(1, 1000, false).ok()) << start;
    AppendGroup(1, 1000);
    world_.RunFor(kSimSecond);
    ASSERT_EQ(journal().tail().durable, static_cast<Sequence>(start) + 1);
    if (start % 3 == 0) {
      ASSERT_TRUE(Close().ok());
    }
    start % 3 == 1 ? PowerCut() : Kill();
  }
  ASSERT_NO_FATAL_FAILURE(OpenAndStart());
  EXPECT_EQ(process_->visited.size(), 60u);
  world_.RunFor(kSimSecond);
  EXPECT_LT(journal().bytes_used(), options_.max_bytes / 2);
  // And without their footers.
  Kill();
  for (int id = 2; id < 60; ++id) disk_.Remove(FooterPath(id));
  ASSERT_NO_FATAL_FAILURE(OpenAndStart());
  EXPECT_EQ(process_->visited.size(), 60u);
  SetCheckpoints(60);
  world_.RunFor(200 * kSimSecond);
  EXPECT_EQ(journal().retired(), 60u);
}

// Found by a review: the file was short, and was taken for a whole segment when it was used again.
TEST_F(TrimTest, ASegmentWhoseTrimFailedIsNotUsedAgain) {
  options_.retention_ms = 1;
  ASSERT_NO_FATAL_FAILURE(OpenAndStart());
  world_.RunFor(kSimSecond);
  const uint64_t first = journal().tail().segment;
  while (journal().tail().segment == first) AppendGroup(2, 3000);
  world_.RunFor(kSimSecond);
  const uint64_t trimmed = journal().tail().segment;
  ASSERT_EQ(ReadSegment(trimmed).size(), options_.segment_bytes);
  Kill();
  ASSERT_NO_FATAL_FAILURE(OpenAndStart());
  disk_.set_observer([this](const SimStep& step) {
    if (step.kind == IoKind::kTruncate) disk_.Inject({.kind = IoKind::kSync, .path = ".seg"});
  });
  world_.RunFor(kSimSecond);
  disk_.set_observer(nullptr);
  ASSERT_LT(ReadSegment(trimmed).size(), options_.segment_bytes);
  ASSERT_GT(ReadSegment(trimmed).size(), 0u);
  AppendGroup(1, 1000);
  SetCheckpoints(journal().tail().durable);
  world_.RunFor(5 * kSimSecond);
  size_t free_files = 0;
  for (const auto& [path, content] : disk_.Tree()) {
    if (path.find("/free-") == std::string::npos) continue;
    ++free_files;
    EXPECT_EQ(disk_.ReadFile(path).value_or("").size(), options_.segment_bytes) << path;
  }
  EXPECT_GT(free_files, 0u);
}

}  // namespace
}  // namespace tandem
