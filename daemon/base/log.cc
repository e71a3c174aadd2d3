#include "daemon/base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

constexpr size_t kQueuedLines = 8192;

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

class StderrLogger final : public Logger {
 public:
  StderrLogger(LogLevel minimum, absl::string_view role)
      : pool_(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "tandem", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool_,
            spdlog::async_overflow_policy::overrun_oldest)),
        role_(JsonString(role)) {
    SetLevel(minimum);
    logger_->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","pid":%P,%v})",
                         spdlog::pattern_time_type::utc);
    logger_->flush_on(spdlog::level::info);
  }

  // The thread first, with all lines that are queued: so nobody else uses the logger when it goes.
  ~StderrLogger() override { pool_.reset(); }
  StderrLogger(const StderrLogger&) = delete;
  StderrLogger& operator=(const StderrLogger&) = delete;

  // Final: it is called by the constructor.
  void SetLevel(LogLevel minimum) final { logger_->set_level(SpdlogLevel(minimum)); }

  void Log(LogLevel level, absl::string_view event, std::vector<LogField> fields) override {
    if (!logger_->should_log(SpdlogLevel(level))) return;
    std::string line = absl::StrCat("\"role\":", role_, ",\"event\":", JsonString(event));
    for (const LogField& field : fields) {
      absl::StrAppend(&line, ",", JsonString(field.key), ":", field.json);
    }
    logger_->log(spdlog::source_loc{}, SpdlogLevel(level),
                 spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
  std::string role_;
};

class NullLogger final : public Logger {
 public:
  void Log(LogLevel, absl::string_view, std::vector<LogField>) override {}
};

// Length of the UTF-8 sequence at the start of `text`; 0 if there is none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  size_t length = 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) length = 2;
  if (lead >= 0xe0 && lead <= 0xef) length = 3;
  if (lead >= 0xf0 && lead <= 0xf4) length = 4;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what is beyond U+10FFFF.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
      (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(text[0]);
    } else if (c < 0x20 || c == 0x7f || length == 0) {
      absl::StrAppendFormat(&json, "\\u%04x", c);
    } else {
      absl::StrAppend(&json, text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  json.push_back('"');
  return json;
}

LogField::LogField(absl::string_view field_key, absl::string_view value)
    : key(field_key), json(JsonString(value)) {}
LogField::LogField(absl::string_view field_key, const char* value)
    : LogField(field_key, absl::string_view(value)) {}
LogField::LogField(absl::string_view field_key, const std::string& value)
    : LogField(field_key, absl::string_view(value)) {}
LogField::LogField(absl::string_view field_key, const absl::Status& value)
    : LogField(field_key,
               absl::string_view(value.ToString(absl::StatusToStringMode::kWithNoExtraData))) {}
LogField::LogField(absl::string_view field_key, int64_t value)
    : key(field_key), json(absl::StrCat(value)) {}
LogField::LogField(absl::string_view field_key, uint64_t value)
    : key(field_key), json(absl::StrCat(value)) {}
LogField::LogField(absl::string_view field_key, int value)
    : key(field_key), json(absl::StrCat(value)) {}
LogField::LogField(absl::string_view field_key, unsigned value)
    : key(field_key), json(absl::StrCat(value)) {}
LogField::LogField(absl::string_view field_key, double value)
    : key(field_key), json(absl::StrCat(value)) {}
LogField::LogField(absl::string_view field_key, bool value)
    : key(field_key), json(value ? "true" : "false") {}

std::unique_ptr<Logger> MakeStderrLogger(LogLevel minimum, absl::string_view role) {
  return std::make_unique<StderrLogger>(minimum, role);
}

std::unique_ptr<Logger> MakeNullLogger() { return std::make_unique<NullLogger>(); }

}  // namespace tandem
