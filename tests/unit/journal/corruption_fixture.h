// A journal that is written, killed and then damaged.
#pragma once

#include <map>
#include <string>

#include "tests/unit/journal/journal_fixture.h"

namespace tandem {

class CorruptionTest : public JournalTest {
 protected:
  // Segment 1 with groups 1..count of one record each, no mark behind; the process was killed.
  void WriteGroups(int count, size_t bytes = 100) {
    OpenAndStart();
    for (int i = 0; i < count; ++i) AppendGroup(1, bytes);
    Kill();
    ASSERT_EQ(RecordsOf(1).size(), static_cast<size_t>(count));
  }
  // The same, closed with a mark.
  void WriteMarked(int count) {
    OpenAndStart();
    for (int i = 0; i < count; ++i) AppendGroup();
    ASSERT_TRUE(Close().ok());
    Kill();
  }
  // Several sealed segments with footers and a marked tail, cleanly closed.
  void WriteSegments(uint64_t newest) {
    OpenAndStart();
    while (journal().tail().segment < newest) AppendGroup(2, 3000);
    AppendGroup(2, 3000);
    ASSERT_TRUE(RunUntil([&] { return disk_.TypeOf(FooterPath(newest - 1)).has_value(); }));
    last_ = journal().appended();
    ASSERT_TRUE(Close().ok());
    Kill();
  }
  void Restore(const std::map<std::string, std::string>& tree) {
    for (const auto& [path, content] : disk_.Tree()) {
      if (path.back() != '/' && tree.count(path) == 0) disk_.Remove(path);
    }
    for (const auto& [path, content] : tree) {
      if (path.back() != '/') disk_.WriteFile(path, content);
    }
  }
  void Flip(uint64_t segment, uint64_t offset) {
    ASSERT_TRUE(disk_.FlipByte(SegmentPath(segment), offset, 0x10));
  }
  // The tail is cut so that `last` is the newest, and the journal goes on.
  void ExpectCutTo(Sequence last, size_t bytes = 100) {
    OpenAndStart();
    EXPECT_EQ(journal().recovery().last, last);
    EXPECT_EQ(Visited(), Range(1, last));
    AppendGroup(1, bytes);
    ExpectReadable(1, last + 1, bytes);
    Kill();
    Open();
    EXPECT_EQ(Visited(), Range(1, last + 1));
    EXPECT_EQ(journal().recovery().cut_from, 0u);
    Kill();
  }

  Sequence last_ = 0;
};

}  // namespace tandem
