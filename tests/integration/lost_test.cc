// What README.md says under "When something is lost for good", done by the book.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/integration/daemon.h"
#include "tests/integration/program.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using client::Level;
using client::TargetHealth;

class LostTest : public testing::Test {
 protected:
  std::string Ctl(std::vector<std::string> arguments) {
    const std::string log = absl::StrCat(workspace_.root(), "/ctl-", ++runs_);
    arguments.insert(arguments.begin(), TANDEMCTL);
    Program program(arguments, log);
    EXPECT_EQ(program.Wait(), 0) << Contents(log);
    return Contents(log);
  }
  // The writer's sequence through which the target is complete.
  uint64_t WatermarkOf(const std::string& target) {
    const auto found = boost::json::parse(Ctl({"-o", "json", "watermark", target}));
    return found.at(0).at("sequence").to_number<uint64_t>();
  }
  void Connect() {
    ASSERT_TRUE(daemon_.WaitServing());
    client_ = daemon_.Connect();
  }
  void Append(const std::string& line, Level level) {
    const auto appended = client_->Append("ledger", line, {.level = level});
    ASSERT_TRUE(appended.ok()) << appended.status();
  }
  bool WaitDown(const std::string& target) {
    return WaitHealth(*client_, target, TargetHealth::kDown);
  }
  bool WaitApplied(const std::string& target) {
    return WaitUntil([&] {
      const auto status = StatusOf(*client_, target);
      return status.has_value() && status->lag_writes == 0;
    });
  }
  void CopyWritersTreeToCoreBank() {
    fs::remove_all(workspace_.OnCoreBank(""));
    fs::copy(workspace_.OnLocal(""), workspace_.OnCoreBank(""), fs::copy_options::recursive);
  }
  void ExpectGoesOn(const std::string& ledger) {
    ASSERT_NO_FATAL_FAILURE(Connect());
    ASSERT_NO_FATAL_FAILURE(Append("last", Level::kAll));
    EXPECT_TRUE(WaitConverged(*client_));
    EXPECT_EQ(daemon_.Stop(), 0);
    EXPECT_EQ(Contents(workspace_.OnCoreBank("ledger")), ledger + "last");
    EXPECT_EQ(TreeDifference(workspace_.local(), workspace_.corebank()), "");
  }

  Workspace workspace_;
  Daemon daemon_{workspace_};
  std::unique_ptr<client::Client> client_;
  int runs_ = 0;
};

TEST_F(LostTest, ATargetThatIsLostIsReplacedByACopyOfTheOther) {
  daemon_.Start({.keys = {{"drain_deadline", "200ms"}}});
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(Append("one,", Level::kAll));
  fs::remove_all(workspace_.corebank());
  fs::create_directory(workspace_.corebank());
  ASSERT_TRUE(WaitDown("corebank"));
  ASSERT_NO_FATAL_FAILURE(Append("two,", Level::kLocal));
  ASSERT_TRUE(WaitApplied("local"));
  EXPECT_EQ(daemon_.Stop(), 0);

  CopyWritersTreeToCoreBank();
  Ctl({"target", "init", workspace_.corebank(), "--name", "corebank", "--even-if-not-empty"});
  Ctl({"target", "take-over", workspace_.local(), "--writer", "w"});
  fs::rename(workspace_.journal(), workspace_.journal() + ".old");
  daemon_.Start();
  ExpectGoesOn("one,two,");
}

TEST_F(LostTest, AfterALostJournalTheTargetThatIsFurtherIsCopied) {
  daemon_.Start({.keys = {{"watermark_interval", "100ms"}}});
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(Append("one,", Level::kAll));
  const std::string away = workspace_.corebank() + ".away";
  fs::rename(workspace_.corebank(), away);
  ASSERT_TRUE(WaitDown("corebank"));
  ASSERT_NO_FATAL_FAILURE(Append("two,", Level::kLocal));
  ASSERT_TRUE(WaitApplied("local"));
  ASSERT_TRUE(WaitUntil([&] { return WatermarkOf(workspace_.local()) > WatermarkOf(away); }));
  daemon_.KillAll();
  fs::remove_all(workspace_.journal());
  fs::rename(away, workspace_.corebank());

  // Nothing is written to what another journal's daemon has.
  daemon_.Start();
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(WaitDown("local"));
  ASSERT_TRUE(WaitDown("corebank"));
  daemon_.KillAll();
  EXPECT_EQ(Contents(workspace_.OnCoreBank("ledger")), "one,");
  EXPECT_GT(WatermarkOf(workspace_.local()), WatermarkOf(workspace_.corebank()));

  CopyWritersTreeToCoreBank();
  for (const std::string& target : {workspace_.local(), workspace_.corebank()}) {
    Ctl({"target", "take-over", target, "--writer", "w"});
  }
  fs::remove_all(workspace_.journal());
  daemon_.Start();
  ExpectGoesOn("one,two,");
}

}  // namespace
}  // namespace tandem
