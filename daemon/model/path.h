// Which paths a satellite may name. A path that passes here stays beneath its writer's root.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "daemon/base/sequence_set.h"

namespace tandem {

// Bytes. One component may be a little shorter than NAME_MAX (255): its temp file's name is
// built from numbers, not from it.
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxPathBytes = 3072;
inline constexpr size_t kMaxPathDepth = 64;

// The directory at a target's root that is Tandem's own.
inline constexpr std::string_view kReservedDirectory = ".tandem";
// Temp files are ".tandem-tmp.<writer epoch>.<sequence>".
inline constexpr std::string_view kTempPrefix = ".tandem-tmp.";

// OK, or INVALID_ARGUMENT with PATH_ABSOLUTE, PATH_TRAVERSAL, PATH_EMPTY_COMPONENT,
// PATH_BAD_CHARACTER, PATH_TOO_LONG or PATH_RESERVED. The path is taken as bytes; control
// characters are refused.
[[nodiscard]] absl::Status ValidatePath(std::string_view path);

// "a/b/c" -> "a/b"; "a" -> "".
[[nodiscard]] std::string_view ParentOf(std::string_view path);
// "a/b/c" -> "c".
[[nodiscard]] std::string_view NameOf(std::string_view path);
// "a/b/c" -> {"a", "a/b"}: every directory the path needs, from the top.
[[nodiscard]] std::vector<std::string_view> AncestorsOf(std::string_view path);

[[nodiscard]] std::string TempName(uint64_t writer_epoch, Sequence sequence);
[[nodiscard]] bool IsTempName(std::string_view name);

}  // namespace tandem
