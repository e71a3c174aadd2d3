// The README is what users read: its tables must say what the code does.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "daemon/base/reason.h"
#include "daemon/config/keys.h"
#include "tests/unit/config/load.h"

namespace tandem {
namespace {

using testing::HasSubstr;

std::string Readme() {
  std::ifstream file(TANDEM_SOURCE_DIR "/README.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The first cells of the rows of the table beneath this heading, without their backticks.
std::vector<std::string> FirstCells(const std::string& text, const std::string& heading) {
  std::vector<std::string> cells;
  std::istringstream lines(text.substr(text.find("\n## " + heading + "\n") + 1));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && line.rfind("## ", 0) != 0) {
    if (line.rfind("| `", 0) == 0) cells.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  return cells;
}

TEST(Readme, ListsEveryConfigurationKeyWithItsDefault) {
  const std::string text = Readme();
  std::vector<std::string> names;
  for (const Key& key : AllKeys()) {
    names.emplace_back(key.name);
    const std::string fallback = key.fallback.empty() ? "" : absl::StrCat("`", key.fallback, "`");
    EXPECT_THAT(text, HasSubstr(absl::StrCat("| `", key.name, "` | ", fallback, " | ", key.doc)));
  }
  EXPECT_EQ(FirstCells(text, "Configuration"), names);
}

TEST(Readme, SaysWhichKeysAHangupChanges) {
  const std::string text = Readme();
  const size_t begin = text.find("\nSIGHUP to `tandemd`");
  ASSERT_NE(begin, std::string::npos);
  const std::string paragraph = text.substr(begin, text.find("\n\n", begin) - begin);
  for (const Key& key : AllKeys()) {
    EXPECT_EQ(paragraph.find(absl::StrCat("`", key.name, "`")) != std::string::npos, key.reloadable)
        << key.name;
  }
}

TEST(Readme, ListsEveryReasonWithItsStatusCode) {
  const std::string text = Readme();
  std::vector<std::string> names;
  for (const Reason reason : AllReasons()) {
    names.emplace_back(ReasonName(reason));
    EXPECT_THAT(text, HasSubstr(absl::StrCat("| `", ReasonName(reason), "` | ",
                                             absl::StatusCodeToString(ReasonCode(reason)), " |")));
  }
  EXPECT_EQ(FirstCells(text, "Error reasons"), names);
}

// `tandemctl --help` is checked against the same in tests/unit/client.
TEST_F(ConfigTest, TheReadmeAndTheHelpSayWhatEveryExitStatusMeans) {
  const std::string text = Readme();
  const size_t begin = text.find("\n### Exit status\n");
  ASSERT_NE(begin, std::string::npos);
  const std::string section = text.substr(begin, text.find("\n#", begin + 1) - begin);
  for (const char* status : {"0", "1", "2", "5", "10", "65", "69", "73", "78"}) {
    EXPECT_THAT(section, HasSubstr(absl::StrCat("| ", status, " | "))) << section;
  }
  const std::string help = Load({"--help"}).help;
  for (const char* status : {" 0 ", " 1 ", " 65 ", "\n73 ", " 78 ", "\n128 "}) {
    EXPECT_THAT(help.substr(help.find("Exit status:")), HasSubstr(status));
  }
}

// The names of all metrics, as daemon/metrics registers them.
std::set<std::string> MetricNames() {
  std::set<std::string> names;
  const std::regex name("\"((tandem|grpc_server)_[a-z_]+)\"");
  for (const auto& entry :
       std::filesystem::directory_iterator(TANDEM_SOURCE_DIR "/daemon/metrics")) {
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator match(source.begin(), source.end(), name), end; match != end;
         ++match) {
      names.insert((*match)[1]);
    }
  }
  return names;
}

TEST(Readme, ListsEveryMetricAndNoOther) {
  const std::string text = Readme();
  const std::set<std::string> names = MetricNames();
  EXPECT_GT(names.size(), 20u);
  for (const std::string& name : names) EXPECT_THAT(text, HasSubstr("`" + name + "`"));
  const std::regex mention("`((tandem|grpc_server)_[a-z_]+)`");
  for (std::sregex_iterator match(text.begin(), text.end(), mention), end; match != end; ++match) {
    EXPECT_TRUE(names.contains((*match)[1])) << (*match)[1];
  }
}

}  // namespace
}  // namespace tandem
