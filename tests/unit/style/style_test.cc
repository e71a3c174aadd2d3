// The form of the code that no other tool checks here.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "tests/unit/style/source_tree.h"

namespace tandem {
namespace {

constexpr size_t kMaxFileLines = 350;
constexpr size_t kMaxFunctionLines = 70;

// Words that stand for something unfinished or switched off; in two pieces, or this file had them.
const std::vector<std::string>& ForbiddenWords() {
  static const std::vector<std::string> words = {
      "TO"
      "DO",
      "FIX"
      "ME",
      "GTEST_"
      "SKIP",
      "DISABLED"
      "_",
      "#if"
      " 0"};
  return words;
}

TEST(Style, TheTreeIsFound) { EXPECT_GT(SourceTree().size(), 50u); }

TEST(Style, FilesAreShort) {
  for (const SourceFile& file : SourceTree()) {
    EXPECT_LE(file.lines.size(), kMaxFileLines) << file.path;
  }
}

bool OpensAType(const std::string& line) {
  static const std::regex type(
      R"(^\s*(template.*>\s*)?(typedef |inline )?(namespace|class|struct|enum|union|extern "C")\b.*)");
  return std::regex_match(line, type);
}

// Blocks begin with a line at the indentation of their closing brace. Types and namespaces are no
// functions; everything else between such a pair is one, or part of one.
void CheckFunctions(const SourceFile& file, const std::string& indentation) {
  size_t start = 0;
  bool counts = false;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& line = file.lines[i];
    if (line == indentation + "}") {
      if (counts) {
        EXPECT_LE(i - start + 1, kMaxFunctionLines) << file.path << ":" << start + 1;
      }
      counts = false;
      continue;
    }
    const size_t first = line.find_first_not_of(' ');
    if (first != indentation.size() || !(std::isalpha(line[first]) || line[first] == '[')) continue;
    start = i;
    counts = !OpensAType(line);
  }
}

TEST(Style, FunctionsAreShort) {
  for (const SourceFile& file : SourceTree()) {
    for (const char* indentation : {"", "  ", "    "}) CheckFunctions(file, indentation);
  }
}

TEST(Style, HeadersAreGuardedAndOpenNoNamespaceForTheirReaders) {
  for (const SourceFile& file : SourceTree()) {
    if (!file.IsHeader()) continue;
    EXPECT_NE(std::find(file.lines.begin(), file.lines.end(), "#pragma once"), file.lines.end())
        << file.path;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      EXPECT_EQ(file.lines[i].find("using "
                                   "namespace"),
                std::string::npos)
          << file.path << ":" << i + 1;
    }
  }
}

TEST(Style, NothingIsLeftUnfinishedOrSwitchedOff) {
  for (const SourceFile& file : SourceTree()) {
    for (size_t i = 0; i < file.lines.size(); ++i) {
      for (const std::string& word : ForbiddenWords()) {
        EXPECT_EQ(file.lines[i].find(word), std::string::npos)
            << file.path << ":" << i + 1 << " has " << word;
      }
    }
  }
}

}  // namespace
}  // namespace tandem
