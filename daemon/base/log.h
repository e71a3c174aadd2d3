// Structured logs: one JSON object a line on stderr. Never payloads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tandem {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One key and its value, already as JSON.
struct LogField {
  LogField(absl::string_view field_key, absl::string_view value);
  LogField(absl::string_view field_key, const char* value);
  LogField(absl::string_view field_key, const std::string& value);
  LogField(absl::string_view field_key, const absl::Status& value);
  LogField(absl::string_view field_key, int64_t value);
  LogField(absl::string_view field_key, uint64_t value);
  LogField(absl::string_view field_key, int value);
  LogField(absl::string_view field_key, unsigned value);
  LogField(absl::string_view field_key, double value);
  LogField(absl::string_view field_key, bool value);

  std::string key;
  std::string json;
};

// Where events go. Callable from any thread; never blocks: when the writer cannot keep up, the
// oldest lines are dropped.
class Logger {
 public:
  virtual ~Logger() = default;
  // `event` is a stable snake_case name that people and machines search for.
  virtual void Log(LogLevel level, absl::string_view event, std::vector<LogField> fields) = 0;
  // The least level that is kept from now on. A logger that keeps all, or nothing, ignores it.
  virtual void SetLevel(LogLevel /*minimum*/) {}

  void Debug(absl::string_view event, std::vector<LogField> fields = {}) {
    Log(LogLevel::kDebug, event, std::move(fields));
  }
  void Info(absl::string_view event, std::vector<LogField> fields = {}) {
    Log(LogLevel::kInfo, event, std::move(fields));
  }
  void Warning(absl::string_view event, std::vector<LogField> fields = {}) {
    Log(LogLevel::kWarning, event, std::move(fields));
  }
  void Error(absl::string_view event, std::vector<LogField> fields = {}) {
    Log(LogLevel::kError, event, std::move(fields));
  }
};

// A logger to stderr with a bounded queue and a thread of its own. `role` stands in every line.
[[nodiscard]] std::unique_ptr<Logger> MakeStderrLogger(LogLevel minimum, absl::string_view role);

// Drops everything: for tests and tools.
[[nodiscard]] std::unique_ptr<Logger> MakeNullLogger();

// `text` as a JSON string with its quotes; bytes that are not UTF-8 are escaped.
[[nodiscard]] std::string JsonString(absl::string_view text);

}  // namespace tandem
