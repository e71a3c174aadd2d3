// tandemctl's commands on a target's directory, with no daemon anywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "daemon/lane/epoch_file.h"
#include "daemon/lane/watermark.h"
#include "tests/unit/client/command.h"

namespace tandem::client {
namespace {

using testing::HasSubstr;

class LocalCommandsTest : public testing::Test {
 protected:
  LocalCommandsTest() {
    std::string name = testing::TempDir() + "tandemctl-XXXXXX";
    directory_ = mkdtemp(name.data());
    target_ = directory_ + "/target";
    std::filesystem::create_directory(target_);
  }
  ~LocalCommandsTest() override { std::filesystem::remove_all(directory_); }

  CommandResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TANDEMCTL);
    return RunCommand(arguments, directory_);
  }

  void Write(const std::string& writer, const std::string& name, const std::string& bytes) {
    const std::string own = target_ + "/" + OwnDirectoryOf(writer);
    std::filesystem::create_directories(own);
    std::ofstream(own + "/" + name) << bytes;
  }

  static Watermark Of(const std::string& writer) {
    return {.writer = writer,
            .target = "corebank",
            .sequence = 41,
            .complete_ms = 1'700'000'000'000,
            .written_ms = 1'700'000'001'000};
  }

  std::string directory_;
  std::string target_;
};

TEST_F(LocalCommandsTest, WatermarkListsEveryWriter) {
  Write("payments-0", "watermark.json", EncodeWatermark(Of("payments-0")));
  Write("ledger-0", "watermark.json", EncodeWatermark(Of("ledger-0")));
  const CommandResult table = Run({"watermark", target_});
  EXPECT_EQ(table.exit_code, 0) << table.errors;
  EXPECT_THAT(table.output, HasSubstr("2023-11-14T22:13:20.000Z"));
  EXPECT_LT(table.output.find("ledger-0"), table.output.find("payments-0"));
  const CommandResult json = Run({"watermark", target_, "-o", "json"});
  EXPECT_EQ(json.exit_code, 0) << json.errors;
  const boost::json::array all = boost::json::parse(json.output).as_array();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].at("writer").as_string(), "payments-0");
  EXPECT_EQ(all[1].at("sequence").to_number<int>(), 41);
  EXPECT_EQ(all[1].at("label").as_string(), "CONSISTENT");
}

TEST_F(LocalCommandsTest, WatermarkSaysHowOldItIsAndWhatIsNotKnown) {
  Watermark watermark = Of("w");
  watermark.complete_ms = 0;
  watermark.written_ms = absl::ToUnixMillis(absl::Now() + absl::Hours(1));
  Write("w", "watermark.json", EncodeWatermark(watermark));
  const CommandResult table = Run({"watermark", target_});
  EXPECT_THAT(table.output, HasSubstr("unknown"));
  EXPECT_THAT(table.output, HasSubstr(" 0s ")) << "by a clock that is ahead";
  const boost::json::value json =
      boost::json::parse(Run({"watermark", target_, "-o", "json"}).output).at(0);
  for (const char* key : {"complete", "complete_unix_ms", "reason", "target_id"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  EXPECT_EQ(json.at("written_unix_ms").to_number<int64_t>(), watermark.written_ms);
}

TEST_F(LocalCommandsTest, WatermarkOfATargetThatNobodyWroteToIsNoEmptyList) {
  std::filesystem::create_directories(target_ + "/.tandem/writers");
  const CommandResult none = Run({"watermark", target_});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.errors, HasSubstr("nobody has written to it"));
}

TEST_F(LocalCommandsTest, TargetInitSaysWhenItsIdentityIsNotTaken) {
  const CommandResult made = Run({"target", "init", target_, "--name", "corebank"});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  EXPECT_THAT(made.output, HasSubstr("target_id, set that to this one"));
  EXPECT_THAT(made.output, HasSubstr("already used another"));
  EXPECT_THAT(Run({"target", "show", target_}).output, testing::Not(HasSubstr("target_id")));
  const CommandResult none = Run({"target", "show", directory_});
  EXPECT_THAT(none.errors, HasSubstr("is its mount missing?"));
}

TEST_F(LocalCommandsTest, WatermarkSaysByItsExitCodeThatATargetIsNotWhole) {
  Watermark watermark = Of("w");
  watermark.parked = 1;
  Write("w", "watermark.json", EncodeWatermark(watermark));
  EXPECT_EQ(Run({"watermark", target_}).exit_code, 10);
  watermark.parked = 0;
  watermark.inconsistent = "somebody else was here";
  Write("w", "watermark.json", EncodeWatermark(watermark));
  const CommandResult result = Run({"watermark", target_});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.output, HasSubstr("INCONSISTENT: somebody else was here"));
}

TEST_F(LocalCommandsTest, WatermarkSaysWhatItCannotRead) {
  const CommandResult none = Run({"watermark", target_});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.errors, HasSubstr("nobody has written to it"));
  Write("w", "watermark.json", "{}");
  const CommandResult damaged = Run({"watermark", target_});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.output, HasSubstr("unreadable"));
  EXPECT_EQ(Run({"watermark", directory_ + "/nowhere"}).exit_code, 1);
}

TEST_F(LocalCommandsTest, TakeOverLetsGoOfTheEpochAndSaysWhoHadIt) {
  EXPECT_EQ(Run({"target", "take-over", target_, "--writer", "w"}).exit_code, 1);
  Write("w", "epoch.json",
        EncodeEpochFile({.writer = "w",
                         .instance = "some-instance",
                         .epoch = 4,
                         .host = "pod-0",
                         .root = "shared/w"}));
  Write("w", "claim-another-instance", EncodeEpochFile({.writer = "w"}));
  Write("w", "watermark.json", EncodeWatermark(Of("w")));
  const CommandResult result = Run({"target", "take-over", target_, "--writer", "w"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("some-instance"));
  EXPECT_THAT(result.output, HasSubstr("the directory shared/w"));
  std::stringstream bytes;
  bytes << std::ifstream(target_ + "/.tandem/writers/w/epoch.json").rdbuf();
  const auto file = DecodeEpochFile(bytes.str());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->instance, "");
  EXPECT_EQ(file->epoch, 4u);
  EXPECT_FALSE(std::filesystem::exists(target_ + "/.tandem/writers/w/watermark.json"));
  EXPECT_FALSE(std::filesystem::exists(target_ + "/.tandem/writers/w/claim-another-instance"));
}

TEST_F(LocalCommandsTest, ADirectoryThatIsNoneIsNamedAndNothingElseIsSuggested) {
  std::ofstream(directory_ + "/file") << "x";
  for (const std::string name : {"/file", "/nowhere"}) {
    const std::string path = directory_ + name;
    const std::vector<std::vector<std::string>> commands = {
        {"target", "show", path},
        {"target", "init", path, "--name", "x"},
        {"target", "take-over", path, "--writer", "w"},
        {"watermark", path}};
    for (const auto& command : commands) {
      const CommandResult result = Run(command);
      EXPECT_EQ(result.exit_code, 1);
      EXPECT_THAT(result.errors, HasSubstr(name == "/file" ? "Not a directory" : "No such file"));
      for (const char* hint : {"init ", "--even-if-not-empty", "nobody has"}) {
        EXPECT_THAT(result.errors, testing::Not(HasSubstr(hint))) << command[1];
      }
    }
  }
}

// It died before it had the epoch, and would keep the others out for ever.
TEST_F(LocalCommandsTest, ATakeOverRemovesAClaimToo) {
  Write("w", "claim-some-instance", EncodeEpochFile({.writer = "w", .instance = "some-instance"}));
  const CommandResult result = Run({"target", "take-over", target_, "--writer", "w"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("some-instance"));
  EXPECT_FALSE(std::filesystem::exists(target_ + "/.tandem/writers/w/claim-some-instance"));
}

}  // namespace
}  // namespace tandem::client
