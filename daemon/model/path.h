// Which paths a satellite may name. A path that passes here stays beneath its writer's root.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/base/sequence_set.h"

namespace tandem {

// Bytes. One component may be a little shorter than NAME_MAX (255): its temp file's name is
// built from numbers, not from it.
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxPathBytes = 3072;
inline constexpr size_t kMaxPathDepth = 64;

// The directory at a target's root that is Tandem's own.
inline constexpr absl::string_view kReservedDirectory = ".tandem";
// Temp files are ".tandem-tmp.<writer epoch>.<sequence>".
inline constexpr absl::string_view kTempPrefix = ".tandem-tmp.";

// OK, or INVALID_ARGUMENT with PATH_ABSOLUTE, PATH_TRAVERSAL, PATH_EMPTY_COMPONENT,
// PATH_BAD_CHARACTER, PATH_TOO_LONG or PATH_RESERVED. The path is taken as bytes; control
// characters are refused.
[[nodiscard]] absl::Status ValidatePath(absl::string_view path);

// "a/b/c" -> "a/b"; "a" -> "".
[[nodiscard]] absl::string_view ParentOf(absl::string_view path);
// "a/b/c" -> "c".
[[nodiscard]] absl::string_view NameOf(absl::string_view path);
// "a/b/c" -> {"a", "a/b"}: every directory the path needs, from the top.
[[nodiscard]] std::vector<absl::string_view> AncestorsOf(absl::string_view path);

[[nodiscard]] std::string TempName(uint64_t writer_epoch, Sequence sequence);
[[nodiscard]] bool IsTempName(absl::string_view name);

}  // namespace tandem
