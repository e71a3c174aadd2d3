#include "check.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "failure.h"

namespace tandem::client {
namespace {

// How many bytes the character that begins with `first` has; 0: it begins none.
size_t LengthOf(uint8_t first) {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<uint8_t>(text[0]);
    const size_t length = LengthOf(first);
    if (length == 0 || text.size() < length) return false;
    uint32_t code = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      if ((byte & 0xc0) != 0x80) return false;
      code = code << 6 | (byte & 0x3f);
    }
    const bool too_long = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (too_long || surrogate || code > 0x10ffff) return false;
    text.remove_prefix(length);
  }
  return true;
}

absl::Status CheckPath(absl::string_view path, const std::string& request_id) {
  if (IsUtf8(path)) return absl::OkStatus();
  ErrorDetail detail;
  detail.reason = "PATH_BAD_CHARACTER";
  detail.request_id = request_id;
  return MakeStatus(absl::StatusCode::kInvalidArgument,
                    absl::StrCat("path is not UTF-8: ", absl::CHexEscape(path)), detail);
}

absl::Status CheckOperation(const Operation& operation, const std::string& request_id) {
  absl::Status status = CheckPath(operation.path, request_id);
  if (status.ok()) status = CheckPath(operation.new_path, request_id);
  return status;
}

absl::Status CheckPaths(const std::vector<Operation>& operations, const std::string& request_id) {
  for (const Operation& operation : operations) {
    if (absl::Status status = CheckOperation(operation, request_id); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace tandem::client
