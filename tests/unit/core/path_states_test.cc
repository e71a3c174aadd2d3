#include "daemon/core/path_states.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

constexpr PathState kAbsent = {};
constexpr PathState kDirectory = {.kind = PathKind::kDirectory};
PathState File(uint64_t size) { return {.kind = PathKind::kFile, .size = size}; }
bool NothingParked(Sequence) { return false; }

RecordHeader PutRecord(Sequence sequence, std::string path, uint64_t size, PathState base = {}) {
  RecordHeader record;
  record.type = RecordType::kPut;
  record.sequence = sequence;
  record.path = std::move(path);
  record.result_size = size;
  record.base = base;
  return record;
}
RecordHeader DeleteRecord(Sequence sequence, std::string path) {
  RecordHeader record = PutRecord(sequence, std::move(path), 0, File(1));
  record.type = RecordType::kDelete;
  return record;
}

class Rule03PathStates : public testing::Test {
 protected:
  std::string See(absl::string_view path, const PathOverlay* overlay = nullptr) {
    const ResolvedPath found = states.Resolve(path, overlay);
    if (!found.known) return "unknown";
    switch (found.standing) {
      case Standing::kAbsent:
        return "absent";
      case Standing::kFile:
        return "file " + std::to_string(found.size);
      case Standing::kDirectory:
        return "directory";
      case Standing::kOther:
        return "other";
      case Standing::kBlocked:
        return "blocked";
    }
    return "?";
  }
  PathStates states{100, 0};
};

TEST_F(Rule03PathStates, NothingIsKnownAtFirst) {
  EXPECT_EQ(See("a"), "unknown");
  EXPECT_EQ(See("a/b"), "unknown");
}

TEST_F(Rule03PathStates, ALanesAnswerFillsInTheWholeWay) {
  ASSERT_TRUE(states.Fill("a/b/c", {kDirectory, kDirectory, File(5)}, 0));
  EXPECT_EQ(See("a/b/c"), "file 5");
  EXPECT_EQ(See("a/b"), "directory");
  EXPECT_EQ(See("a/b/c/d"), "blocked");
  EXPECT_EQ(See("a/x"), "unknown");
  ASSERT_TRUE(states.Fill("a/x/y/z", {kDirectory}, 0));
  EXPECT_EQ(See("a/x/y/z"), "absent");
  EXPECT_EQ(See("a/x"), "absent");
  EXPECT_EQ(See("a/x/other"), "absent") << "nothing is beneath what is not there";
  ASSERT_TRUE(states.Fill("a/b/c/q", {kDirectory, kDirectory, File(5)}, 0));
  EXPECT_EQ(See("a/b/c/q"), "blocked");
  ASSERT_TRUE(states.Fill("s/x", {{.kind = PathKind::kOther}}, 0));
  EXPECT_EQ(See("s"), "other");
  EXPECT_EQ(See("s/x"), "blocked");
}

TEST_F(Rule03PathStates, RecordsOverrideWhatALaneSaysAndMakeDirectories) {
  ASSERT_TRUE(states.Fill("a/b/c", {kDirectory}, 0));
  states.Apply(PutRecord(1, "a/b/c", 9), false);
  EXPECT_EQ(See("a/b/c"), "file 9");
  EXPECT_EQ(See("a/b"), "directory");
  // The lane has not applied it: it says that a/b is not there.
  ASSERT_TRUE(states.Fill("a/b/c", {kDirectory}, 1));
  EXPECT_EQ(See("a/b/c"), "file 9");
  ASSERT_TRUE(states.Fill("a/b/d", {kDirectory}, 1));
  EXPECT_EQ(See("a/b/d"), "absent");
  states.Apply(DeleteRecord(2, "a/b/c"), false);
  EXPECT_EQ(See("a/b/c"), "absent");
  EXPECT_EQ(See("a/b"), "directory") << "directories are never removed";
}

TEST_F(Rule03PathStates, AFileWhereADirectoryWasAbsentBlocksWhatIsBeneath) {
  ASSERT_TRUE(states.Fill("a/b", {}, 0));
  EXPECT_EQ(See("a/b"), "absent");
  states.Apply(PutRecord(1, "a", 3), false);
  EXPECT_EQ(See("a/b"), "blocked");
  states.Apply(DeleteRecord(2, "a"), false);
  EXPECT_EQ(See("a/b"), "absent");
}

TEST_F(Rule03PathStates, ADirectoryMadeByARecordIsKnownCompletely) {
  ASSERT_TRUE(states.Fill("day/1", {}, 0));
  states.Apply(PutRecord(1, "day/1", 3), false);
  EXPECT_EQ(See("day/2"), "absent") << "no lane has to be asked";
  EXPECT_EQ(See("day/2/x"), "absent");
  PathStates other(100, 0);
  ASSERT_TRUE(other.Fill("day", {kDirectory}, 0));
  other.Apply(PutRecord(1, "day/1", 3, File(2)), false);
  EXPECT_FALSE(other.Resolve("day/2", nullptr).known) << "what else is in it is not known";
}

TEST_F(Rule03PathStates, ADirectoryIsNotCompleteAfterAChildWasForgotten) {
  PathStates small(3, 0);
  ASSERT_TRUE(small.Fill("d/1", {}, 0));
  small.Apply(PutRecord(1, "d/1", 1), false);
  small.Apply(PutRecord(2, "d/2", 1), false);
  EXPECT_TRUE(small.Resolve("d/3", nullptr).known);
  small.Settle(2, NothingParked);
  EXPECT_TRUE(small.Resolve("d", nullptr).known);
  EXPECT_TRUE(small.Fill("q", {}, 2));
  EXPECT_TRUE(small.Fill("r", {}, 2));
  ASSERT_FALSE(small.Knows("d/1"));
  EXPECT_FALSE(small.Resolve("d/1", nullptr).known) << "it is a file, not absent";
}

// Found by the simulator, seed 223240: the directory was taken for new because it was forgotten.
TEST_F(Rule03PathStates, ADirectoryThatWasOnlyForgottenIsNotComplete) {
  states.Apply(PutRecord(1, "d/x", 1, File(1)), false);
  states.Apply(PutRecord(2, "d/y", 1), false);
  EXPECT_EQ(See("d"), "directory");
  EXPECT_EQ(See("d/z"), "unknown");
  PathOverlay overlay;
  PathStates fresh(16, 0);
  fresh.ApplyTo(overlay, PutRecord(0, "e/x", 1));
  EXPECT_FALSE(fresh.Resolve("e/z", &overlay).known);
}

TEST_F(Rule03PathStates, RenameMovesTheState) {
  ASSERT_TRUE(states.Fill("a", {File(6)}, 0));
  ASSERT_TRUE(states.Fill("n/b", {}, 0));
  RecordHeader rename = PutRecord(1, "a", 6, File(6));
  rename.type = RecordType::kRename;
  rename.new_path = "n/b";
  states.Apply(rename, false);
  EXPECT_EQ(See("a"), "absent");
  EXPECT_EQ(See("n/b"), "file 6");
  EXPECT_EQ(See("n"), "directory");
}

TEST_F(Rule03PathStates, UnappliedIsNeverForgotten) {
  PathStates small(4, 0);
  for (Sequence i = 1; i <= 20; ++i) {
    small.Apply(PutRecord(i, "f" + std::to_string(i), i, File(1)), false);
  }
  EXPECT_EQ(small.size(), 20u);
  EXPECT_EQ(small.forgotten(), 0u);
  small.Settle(12, [](Sequence sequence) { return sequence == 7; });
  EXPECT_TRUE(small.Knows("f7")) << "parked on a target";
  EXPECT_FALSE(small.Knows("f6"));
  for (Sequence i = 13; i <= 20; ++i) EXPECT_TRUE(small.Knows("f" + std::to_string(i)));
  EXPECT_EQ(small.forgotten(), 12u);
  small.Settle(20, [](Sequence sequence) { return sequence == 7; });
  EXPECT_EQ(small.size(), 4u);
  EXPECT_TRUE(small.Knows("f7"));
  small.Unpark(NothingParked);
  ASSERT_TRUE(small.Fill("z1", {}, 20));
  ASSERT_TRUE(small.Fill("z2", {}, 20));
  ASSERT_TRUE(small.Fill("z3", {}, 20));
  ASSERT_TRUE(small.Fill("z4", {}, 20));
  ASSERT_TRUE(small.Fill("z5", {}, 20));
  EXPECT_FALSE(small.Knows("f7"));
}

TEST_F(Rule03PathStates, ADirectoryForgottenInTheMiddleOfABatchIsNotTakenForNew) {
  PathStates small(2, 0);
  ASSERT_TRUE(small.Fill("d/a", {kDirectory}, 0));
  PathOverlay overlay;
  small.ApplyTo(overlay, PutRecord(0, "x", 1, File(1)));
  small.ApplyTo(overlay, PutRecord(0, "y", 1, File(1)));
  small.ApplyTo(overlay, PutRecord(0, "d/a", 1));
  // Both were in the way of the first two records; d may be full of files.
  small.Apply(PutRecord(1, "x", 1, File(1)), false);
  small.Apply(PutRecord(2, "y", 1, File(1)), false);
  ASSERT_FALSE(small.Knows("d"));
  small.Apply(PutRecord(3, "d/a", 1), false);
  EXPECT_TRUE(small.Resolve("d/a", nullptr).known);
  EXPECT_FALSE(small.Resolve("d/b", nullptr).known);
}

TEST_F(Rule03PathStates, TheLeastRecentlyUsedGoesFirst) {
  PathStates small(2, 0);
  ASSERT_TRUE(small.Fill("a", {File(1)}, 0));
  ASSERT_TRUE(small.Fill("b", {File(1)}, 0));
  EXPECT_TRUE(small.Resolve("a", nullptr).known);
  ASSERT_TRUE(small.Fill("c", {File(1)}, 0));
  ASSERT_TRUE(small.Fill("d", {File(1)}, 0));
  EXPECT_TRUE(small.Knows("a"));
  EXPECT_FALSE(small.Knows("b"));
}

TEST_F(Rule03PathStates, AnAnswerIsOfUseThoughAllTheRoomIsTakenByUnappliedRecords) {
  PathStates small(4, 0);
  for (Sequence i = 1; i <= 20; ++i) {
    small.Apply(PutRecord(i, "f" + std::to_string(i), i, File(1)), false);
  }
  ASSERT_TRUE(small.Fill("a/b/c/d/e", {kDirectory, kDirectory, kDirectory, kDirectory}, 20));
  EXPECT_TRUE(small.Resolve("a/b/c/d/e", nullptr).known);
}

TEST_F(Rule03PathStates, AnAnswerOlderThanAForgottenRecordIsNotUsed) {
  PathStates small(1, 0);
  // Asked at 0; meanwhile record 1 changed the path, was applied and forgotten.
  small.Apply(PutRecord(1, "a", 9, File(1)), false);
  small.Settle(1, NothingParked);
  small.Apply(PutRecord(2, "b", 9, File(1)), false);
  ASSERT_FALSE(small.Knows("a"));
  EXPECT_FALSE(small.Fill("a", {File(1)}, 0));
  EXPECT_TRUE(small.Fill("a", {File(9)}, 1));
}

TEST_F(Rule03PathStates, ARefusalKnowsWhichRecordItDependsOn) {
  ASSERT_TRUE(states.Fill("a/b", {}, 0));
  states.Apply(PutRecord(4, "a/b", 1), false);
  EXPECT_EQ(states.Resolve("a/b", nullptr).depends_on, 4u);
  EXPECT_EQ(states.Resolve("a", nullptr).depends_on, 4u);
  states.Apply(PutRecord(5, "a/b", 1, File(1)), false);
  EXPECT_EQ(states.Resolve("a", nullptr).depends_on, 4u) << "it was a directory before 5";
  EXPECT_EQ(states.Resolve("a/b/c", nullptr).depends_on, 5u);
}

TEST_F(Rule03PathStates, TheOverlayComesFirstAndChangesNothing) {
  ASSERT_TRUE(states.Fill("a/b/f", {kDirectory, kDirectory, File(1)}, 0));
  ASSERT_TRUE(states.Fill("new/x", {}, 0));
  PathOverlay overlay;
  states.ApplyTo(overlay, DeleteRecord(0, "a/b/f"));
  EXPECT_EQ(See("a/b/f", &overlay), "absent");
  states.ApplyTo(overlay, PutRecord(0, "new/x", 5));
  EXPECT_EQ(See("new/x", &overlay), "file 5");
  EXPECT_EQ(See("new", &overlay), "directory");
  EXPECT_EQ(See("new/y", &overlay), "absent");
  EXPECT_EQ(See("new/x/z", &overlay), "blocked");
  EXPECT_EQ(See("a/b/f"), "file 1");
  EXPECT_EQ(See("new"), "absent");
}

TEST_F(Rule03PathStates, ReadBackFromTheJournalDirectoriesAreNotComplete) {
  states.Apply(PutRecord(1, "d/x", 5), true);
  EXPECT_EQ(See("d/x"), "file 5");
  EXPECT_EQ(See("d"), "directory");
  EXPECT_EQ(See("d/y"), "unknown");
  EXPECT_EQ(See("d/x/y"), "blocked");
}

TEST_F(Rule03PathStates, AsPathStateTakesBlockedForAbsent) {
  EXPECT_EQ((ResolvedPath{.known = true, .standing = Standing::kBlocked}).AsPathState(), kAbsent);
  EXPECT_EQ((ResolvedPath{.known = true, .standing = Standing::kFile, .size = 4}).AsPathState(),
            File(4));
}

}  // namespace
}  // namespace tandem
