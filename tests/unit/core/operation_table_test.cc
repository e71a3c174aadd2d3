// Rule 3: the table operation x path state -> outcome, every cell, on the table and through core.
#include "daemon/core/operation_table.h"

#include <ostream>
#include <tuple>

#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

struct Cell {
  std::string demand;
  Standing standing;
  std::string outcome;  // "(ok)" or the reason
};

std::ostream& operator<<(std::ostream& out, const Cell& cell) {
  return out << cell.demand << " " << static_cast<int>(cell.standing) << " " << cell.outcome;
}

constexpr const char* kIsDirectory = "PATH_IS_DIRECTORY";
constexpr const char* kRegular = "PATH_NOT_REGULAR";
constexpr const char* kParent = "PARENT_NOT_DIRECTORY";
constexpr const char* kNotFound = "PATH_NOT_FOUND";
constexpr const char* kExists = "PATH_EXISTS";

std::vector<Cell> AllCells() {
  const std::vector<std::tuple<std::string, std::vector<std::string>>> rows = {
      // absent, file, directory, other, blocked
      {"Put", {"(ok)", "(ok)", kIsDirectory, kRegular, kParent}},
      {"PutIfAbsent", {"(ok)", kExists, kIsDirectory, kRegular, kParent}},
      {"Append", {"(ok)", "(ok)", kIsDirectory, kRegular, kParent}},
      {"WriteAt", {"(ok)", "(ok)", kIsDirectory, kRegular, kParent}},
      {"Truncate", {kNotFound, "(ok)", kIsDirectory, kRegular, kNotFound}},
      {"Delete", {"(ok)", "(ok)", kIsDirectory, kRegular, "(ok)"}},
      {"RenameFrom", {kNotFound, "(ok)", kIsDirectory, kRegular, kNotFound}},
      {"RenameTo", {"(ok)", "(ok)", kIsDirectory, kRegular, kParent}},
      {"RenameToIfAbsent", {"(ok)", kExists, kIsDirectory, kRegular, kParent}},
      {"Upload", {"(ok)", "(ok)", kIsDirectory, kRegular, kParent}},
      {"UploadIfAbsent", {"(ok)", kExists, kIsDirectory, kRegular, kParent}},
  };
  std::vector<Cell> cells;
  for (const auto& [demand, outcomes] : rows) {
    for (size_t i = 0; i < outcomes.size(); ++i) {
      cells.push_back({demand, static_cast<Standing>(i), outcomes[i]});
    }
  }
  return cells;
}

constexpr const char* kStandingNames[] = {"Absent", "File", "Directory", "Other", "Blocked"};

class Rule03OperationTable : public CoreFixture, public testing::WithParamInterface<Cell> {
 protected:
  // The path under test is always d/p; "source" is a file of 11 bytes.
  void Prepare(Standing standing) {
    SetTree("source", PathKind::kFile, 11);
    SetTree("d", standing == Standing::kBlocked ? PathKind::kFile : PathKind::kDirectory, 3);
    if (standing == Standing::kFile) SetTree("d/p", PathKind::kFile, 7);
    if (standing == Standing::kDirectory) SetTree("d/p", PathKind::kDirectory);
    if (standing == Standing::kOther) SetTree("d/p", PathKind::kOther);
  }
  OutcomePtr Upload(bool if_absent) {
    auto outcome = std::make_shared<Outcome>();
    core->OpenUpload(
        {.request_id = NewId(), .path = "d/p", .if_absent = if_absent, .level = Level::kJournaled},
        [outcome, this](absl::StatusOr<std::variant<UploadId, WriteReply>> opened) {
          if (!opened.ok()) {
            outcome->reply = opened.status();
            return;
          }
          core->CommitUpload(
              std::get<UploadId>(*opened),
              [outcome](absl::StatusOr<WriteReply> reply) { outcome->reply = std::move(reply); });
        });
    Settle();
    journal->Sync();
    Settle();
    return outcome;
  }
  OutcomePtr Perform(const std::string& demand) {
    if (demand == "Put") return Run(PutOf("d/p"));
    if (demand == "PutIfAbsent") return Run(PutOf("d/p", "data", true));
    if (demand == "Append") return Run(AppendOf("d/p"));
    if (demand == "WriteAt") return Run(WriteAtOf("d/p", 2));
    if (demand == "Truncate") return Run(TruncateOf("d/p", 5));
    if (demand == "Delete") return Run(DeleteOf("d/p"));
    if (demand == "RenameFrom") return Run(RenameOf("d/p", "elsewhere"));
    if (demand == "RenameTo") return Run(RenameOf("source", "d/p"));
    if (demand == "RenameToIfAbsent") return Run(RenameOf("source", "d/p", true));
    return Upload(demand == "UploadIfAbsent");
  }
};

TEST_P(Rule03OperationTable, SaysWhatHappens) {
  const Cell& cell = GetParam();
  Start();
  Prepare(cell.standing);
  const OutcomePtr outcome = Perform(cell.demand);
  EXPECT_EQ(outcome->reason(), cell.outcome);
  EXPECT_EQ(journal->records().size(), outcome->ok() ? 1u : 0u)
      << "a refusal writes nothing anywhere";
  if (!outcome->ok()) return;
  const bool file = cell.standing == Standing::kFile;
  const bool source = cell.demand.starts_with("Rename");
  EXPECT_EQ(outcome->result().existed, file || source);
  const Record& record = journal->last();
  const PathState seven = {.kind = PathKind::kFile, .size = 7};
  const PathState absent;
  if (cell.demand.starts_with("RenameTo")) {
    EXPECT_EQ(record.new_base, file ? seven : absent);
    EXPECT_EQ(record.result_size, 11u);
  } else {
    EXPECT_EQ(record.base, file ? seven : absent);
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, Rule03OperationTable, testing::ValuesIn(AllCells()),
                         [](const testing::TestParamInfo<Cell>& param) {
                           return param.param.demand + "On" +
                                  kStandingNames[static_cast<size_t>(param.param.standing)];
                         });

TEST(OperationTable, MessagesNameThePath) {
  EXPECT_THAT(CheckStanding(Demand::kTruncate, Standing::kAbsent, "day/ledger").ToString(),
              testing::HasSubstr("day/ledger"));
  EXPECT_TRUE(CheckStanding(Demand::kPut, Standing::kFile, "a").ok());
}

}  // namespace
}  // namespace tandem
