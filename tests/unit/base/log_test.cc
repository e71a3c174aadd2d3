#include "daemon/base/log.h"

#include <algorithm>

#include "daemon/base/status.h"
#include "gtest/gtest.h"

namespace tandem {
namespace {

TEST(JsonString, QuotesWhatJsonNeedsQuoted) {
  EXPECT_EQ(JsonString("plain"), R"("plain")");
  EXPECT_EQ(JsonString(""), R"("")");
  EXPECT_EQ(JsonString("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(JsonString("a\nb\tc"), R"("a\u000ab\u0009c")");
  EXPECT_EQ(JsonString(absl::string_view("\0\x1f\x7f", 3)), R"("\u0000\u001f\u007f")");
}

TEST(JsonString, KeepsUtf8) {
  EXPECT_EQ(JsonString("\u00e4\u20ac\U0001f600"), "\"\u00e4\u20ac\U0001f600\"");
}

TEST(JsonString, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(JsonString("\xff"), R"("\u00ff")");
  EXPECT_EQ(JsonString("a\x80z"), R"("a\u0080z")");        // a continuation without a lead
  EXPECT_EQ(JsonString("\xc3"), R"("\u00c3")");            // cut short
  EXPECT_EQ(JsonString("\xe2\x82"), R"("\u00e2\u0082")");  // cut short
  EXPECT_EQ(JsonString("\xc3\x28"), R"("\u00c3(")");       // a lead without a continuation
  EXPECT_EQ(JsonString("\xc0\xaf"), R"("\u00c0\u00af")");  // too long a form of '/'
  EXPECT_EQ(JsonString("\xf5\x80\x80\x80"), R"("\u00f5\u0080\u0080\u0080")");  // beyond Unicode
}

TEST(JsonString, EscapesSurrogatesAndOverlongForms) {
  EXPECT_EQ(JsonString("\xed\xa0\x80"), R"("\u00ed\u00a0\u0080")");  // a surrogate
  EXPECT_EQ(JsonString("\xe0\x80\x80"), R"("\u00e0\u0080\u0080")");  // NUL in three bytes
  EXPECT_EQ(JsonString("\xf0\x80\x80\x80"), R"("\u00f0\u0080\u0080\u0080")");
  EXPECT_EQ(JsonString("\xf4\x90\x80\x80"), R"("\u00f4\u0090\u0080\u0080")");
}

TEST(LogField, ValuesAreJson) {
  EXPECT_EQ(LogField("k", "a\"").json, R"("a\"")");
  EXPECT_EQ(LogField("k", std::string("s")).json, R"("s")");
  EXPECT_EQ(LogField("k", int64_t{-5}).json, "-5");
  EXPECT_EQ(LogField("k", ~uint64_t{0}).json, "18446744073709551615");
  EXPECT_EQ(LogField("k", true).json, "true");
  EXPECT_EQ(LogField("k", ErrnoStatus(2, "open x")).json.find('\n'), std::string::npos);
}

TEST(StderrLogger, WritesOneJsonObjectALineAndNothingBelowItsLevel) {
  testing::internal::CaptureStderr();
  {
    const auto log = MakeStderrLogger(LogLevel::kInfo, "core");
    log->Debug("hidden");
    log->Info("target_down", {{"target", "corebank"}, {"errno", 5}});
    log->Error("bad\nevent");
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find(R"("role":"core","event":"target_down","target":"corebank","errno":5})"),
            std::string::npos)
      << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_EQ(text.rfind("{\"time\":\"", 0), 0u) << text;
}

TEST(StderrLogger, ItsLevelCanBeChanged) {
  testing::internal::CaptureStderr();
  {
    const auto log = MakeStderrLogger(LogLevel::kWarning, "core");
    log->Info("one");
    log->SetLevel(LogLevel::kDebug);
    log->Debug("two");
    log->SetLevel(LogLevel::kError);
    log->Warning("three");
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("one"), std::string::npos);
  EXPECT_NE(text.find("two"), std::string::npos);
  EXPECT_EQ(text.find("three"), std::string::npos);
}

TEST(StderrLogger, FormatCharactersInAValueAreNotInterpreted) {
  testing::internal::CaptureStderr();
  MakeStderrLogger(LogLevel::kInfo, "core")->Info("event", {{"path", "{}%s{0}%v"}});
  EXPECT_NE(testing::internal::GetCapturedStderr().find(R"("path":"{}%s{0}%v")"),
            std::string::npos);
}

}  // namespace
}  // namespace tandem
