#include "daemon/config/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/base/status.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

struct Unit {
  absl::string_view name;
  uint64_t factor;
};

// Largest first, so that formatting takes the largest that divides.
constexpr std::array<Unit, 4> kDurationUnits = {
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 5> kByteUnits = {
    {{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"", 1}}};

// Digits followed by one of the units; nullopt for anything else, or beyond int64.
template <size_t kCount>
std::optional<uint64_t> ParseWithUnit(absl::string_view text,
                                      const std::array<Unit, kCount>& units) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const absl::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& candidate : units) {
    if (unit != candidate.name) continue;
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (number > kMost / candidate.factor) return std::nullopt;
    return number * candidate.factor;
  }
  return std::nullopt;
}

template <size_t kCount>
std::string FormatWithUnit(uint64_t number, const std::array<Unit, kCount>& units) {
  for (const Unit& unit : units) {
    if (number != 0 && number % unit.factor == 0) {
      return absl::StrCat(number / unit.factor, unit.name);
    }
  }
  return absl::StrCat(number, units.back().name);
}

absl::Status Bad(absl::string_view text, absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not ", wanted));
}

std::string FormatNumber(ValueKind kind, uint64_t number) {
  switch (kind) {
    case ValueKind::kDuration:
      return FormatDurationMs(static_cast<int64_t>(number));
    case ValueKind::kBytes:
      return FormatBytes(number);
    case ValueKind::kMode:
      return absl::StrFormat("%04o", number);
    default:
      return absl::StrCat(number);
  }
}

absl::StatusOr<uint64_t> ParseMode(absl::string_view text) {
  uint64_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Bad(text, "a mode in octal, such as 0660");
  }
  return mode;
}

absl::StatusOr<uint64_t> ParseNumber(ValueKind kind, absl::string_view text) {
  if (kind == ValueKind::kDuration) return ParseDurationMs(text);
  if (kind == ValueKind::kBytes) return ParseBytes(text);
  if (kind == ValueKind::kMode) return ParseMode(text);
  constexpr std::array<Unit, 1> kNoUnit = {{{"", 1}}};
  if (const auto number = ParseWithUnit(text, kNoUnit); number.has_value()) return *number;
  return Bad(text, "a whole number");
}

absl::Status CheckAddress(absl::string_view text) {
  if (text.empty()) return absl::OkStatus();
  const size_t colon = text.rfind(':');
  uint64_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65'535) {
    return Bad(text, "an address such as 127.0.0.1:9464 or [::1]:9464");
  }
  const absl::string_view host = text.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (host.find(':') != absl::string_view::npos && !bracketed) {
    return Bad(text, "an address: an IPv6 host stands in brackets");
  }
  return absl::OkStatus();
}

absl::Status CheckText(const Key& key, absl::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      return absl::InvalidArgumentError("the value has a control character");
    }
  }
  if (key.kind == ValueKind::kChoice &&
      std::find(key.choices.begin(), key.choices.end(), text) == key.choices.end()) {
    return Bad(text, absl::StrCat("one of ", absl::StrJoin(key.choices, ", ")));
  }
  if (key.kind == ValueKind::kName && !text.empty()) {
    if (text.find('/') != absl::string_view::npos) return Bad(text, "a name: it has a '/'");
    if (const absl::Status status = ValidatePath(text); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("'", text, "': ", status.message()));
    }
  }
  return key.kind == ValueKind::kAddress ? CheckAddress(text) : absl::OkStatus();
}

absl::StatusOr<std::vector<TargetSettings>> ParseTargets(absl::string_view text) {
  std::vector<TargetSettings> targets;
  for (const absl::string_view item : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(item, '=');
    if (parts.size() < 2 || parts.size() > 3 || parts[1].empty()) {
      return Bad(item, "a target: name=path or name=path=target_id");
    }
    RETURN_IF_ERROR(CheckTargetName(parts[0]));
    targets.push_back({.name = parts[0],
                       .path = parts[1],
                       .target_id = parts.size() == 3 ? parts[2] : std::string()});
  }
  if (targets.empty()) return absl::InvalidArgumentError("no target is given");
  return targets;
}

absl::Status SetNumber(const Key& key, absl::string_view text, Settings& settings) {
  ASSIGN_OR_RETURN(const uint64_t number, ParseNumber(key.kind, text));
  if (number < static_cast<uint64_t>(key.min) || number > static_cast<uint64_t>(key.max)) {
    return absl::InvalidArgumentError(
        absl::StrCat(FormatNumber(key.kind, number),
                     " is out of bounds: ", FormatNumber(key.kind, static_cast<uint64_t>(key.min)),
                     " to ", FormatNumber(key.kind, static_cast<uint64_t>(key.max))));
  }
  if (const auto* field = std::get_if<int64_t Settings::*>(&key.field)) {
    settings.** field = static_cast<int64_t>(number);
  } else {
    settings.*std::get<uint64_t Settings::*>(key.field) = number;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTargetName(absl::string_view name) {
  const auto valid = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (name.empty() || name.size() > 32 || name[0] < 'a' || name[0] > 'z' ||
      !std::all_of(name.begin(), name.end(), valid)) {
    return Bad(name, "a target's name: a-z, 0-9, '-', '_', a letter first, at most 32");
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ParseDurationMs(absl::string_view text) {
  const auto number = ParseWithUnit(text, kDurationUnits);
  if (!number.has_value()) return Bad(text, "a duration such as 200ms, 60s, 15m or 1h");
  return static_cast<int64_t>(*number);
}

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text) {
  const auto number = ParseWithUnit(text, kByteUnits);
  if (!number.has_value()) return Bad(text, "a size such as 512, 64KiB, 1MiB, 8GiB or 1TiB");
  return *number;
}

std::string FormatDurationMs(int64_t ms) {
  return FormatWithUnit(static_cast<uint64_t>(ms), kDurationUnits);
}

std::string FormatBytes(uint64_t bytes) { return FormatWithUnit(bytes, kByteUnits); }

absl::Status SetFromText(const Key& key, absl::string_view text, Settings& settings) {
  if (const auto* field = std::get_if<std::string Settings::*>(&key.field)) {
    RETURN_IF_ERROR(CheckText(key, text));
    settings.** field = std::string(text);
    return absl::OkStatus();
  }
  if (const auto* field = std::get_if<bool Settings::*>(&key.field)) {
    if (text != "true" && text != "false") return Bad(text, "true or false");
    settings.** field = text == "true";
    return absl::OkStatus();
  }
  if (const auto* field = std::get_if<std::vector<TargetSettings> Settings::*>(&key.field)) {
    ASSIGN_OR_RETURN(settings.**field, ParseTargets(text));
    return absl::OkStatus();
  }
  return SetNumber(key, text, settings);
}

std::string TextOf(const Key& key, const Settings& settings) {
  if (const auto* text = std::get_if<std::string Settings::*>(&key.field)) return settings.**text;
  if (const auto* on = std::get_if<bool Settings::*>(&key.field)) {
    return settings.**on ? "true" : "false";
  }
  if (const auto* ms = std::get_if<int64_t Settings::*>(&key.field)) {
    return FormatNumber(key.kind, static_cast<uint64_t>(settings.**ms));
  }
  return FormatNumber(key.kind, settings.*std::get<uint64_t Settings::*>(key.field));
}

}  // namespace tandem
