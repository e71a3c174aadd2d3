#include "daemon/base/reason.h"

#include <array>
#include <charconv>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace tandem {
namespace {

constexpr absl::string_view kReasonPayload = "tandem/reason";
constexpr absl::string_view kRetryPayload = "tandem/retry_after_ms";
constexpr absl::string_view kMetadataPayload = "tandem/metadata";

struct ReasonRow {
  absl::string_view name;
  absl::StatusCode code;
};

constexpr auto kRows = std::to_array<ReasonRow>({
#define X(enumerator, name, code) {name, absl::StatusCode::code},
    TANDEM_REASONS(X)
#undef X
});

}  // namespace

absl::string_view ReasonName(Reason reason) { return kRows.at(static_cast<size_t>(reason)).name; }

absl::StatusCode ReasonCode(Reason reason) { return kRows.at(static_cast<size_t>(reason)).code; }

const std::vector<Reason>& AllReasons() {
  static const std::vector<Reason> all = {
#define X(enumerator, name, code) Reason::enumerator,
      TANDEM_REASONS(X)
#undef X
  };
  return all;
}

absl::Status Refuse(Reason reason, absl::string_view message, const RefusalDetail& detail) {
  absl::Status status(ReasonCode(reason), message);
  status.SetPayload(kReasonPayload, absl::Cord(absl::StrCat(static_cast<int>(reason))));
  if (detail.retry_after_ms > 0) {
    status.SetPayload(kRetryPayload, absl::Cord(absl::StrCat(detail.retry_after_ms)));
  }
  if (!detail.metadata.empty()) {
    status.SetPayload(
        kMetadataPayload,
        absl::Cord(absl::StrJoin(detail.metadata, "\n", [](std::string* out, const auto& entry) {
          // CEscape leaves '=' alone, and hexadecimal has none.
          absl::StrAppend(out, absl::BytesToHexString(entry.first), "=",
                          absl::CEscape(entry.second));
        })));
  }
  return status;
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  auto payload = status.GetPayload(kReasonPayload);
  int value = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &value)) return std::nullopt;
  return static_cast<Reason>(value);
}

RefusalDetail DetailOf(const absl::Status& status) {
  RefusalDetail detail;
  if (auto retry = status.GetPayload(kRetryPayload); retry.has_value()) {
    if (!absl::SimpleAtoi(std::string(*retry), &detail.retry_after_ms)) detail.retry_after_ms = 0;
  }
  if (auto metadata = status.GetPayload(kMetadataPayload); metadata.has_value()) {
    for (const auto line : absl::StrSplit(std::string(*metadata), '\n')) {
      const std::pair<std::string, std::string> entry =
          absl::StrSplit(line, absl::MaxSplits('=', 1));
      std::pair<std::string, std::string> plain(absl::HexStringToBytes(entry.first), "");
      if (absl::CUnescape(entry.second, &plain.second)) {
        detail.metadata.push_back(std::move(plain));
      }
    }
  }
  return detail;
}

}  // namespace tandem
