#include "daemon/model/path.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

absl::Status ValidateName(absl::string_view name) {
  if (name.empty()) return Refuse(Reason::kPathEmptyComponent, "path has an empty component");
  if (name == "." || name == "..") {
    return Refuse(Reason::kPathTraversal, "path has a component '.' or '..'");
  }
  if (name.size() > kMaxNameBytes) {
    return Refuse(Reason::kPathTooLong, "path has a component of over 255 bytes");
  }
  if (name == kReservedDirectory || IsTempName(name)) {
    return Refuse(Reason::kPathReserved, "path has a component that is reserved for Tandem");
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      return Refuse(Reason::kPathBadCharacter, "path has a control character or NUL");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidatePath(absl::string_view path) {
  if (path.empty()) return Refuse(Reason::kPathEmptyComponent, "path is empty");
  if (path.front() == '/') return Refuse(Reason::kPathAbsolute, "path is absolute");
  if (path.size() > kMaxPathBytes) return Refuse(Reason::kPathTooLong, "path is over 3072 bytes");
  size_t depth = 0;
  while (true) {
    const size_t slash = path.find('/');
    if (absl::Status status = ValidateName(path.substr(0, slash)); !status.ok()) return status;
    if (++depth > kMaxPathDepth) {
      return Refuse(Reason::kPathTooLong, "path has over 64 components");
    }
    if (slash == absl::string_view::npos) return absl::OkStatus();
    path.remove_prefix(slash + 1);
  }
}

absl::string_view ParentOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view() : path.substr(0, slash);
}

absl::string_view NameOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

std::vector<absl::string_view> AncestorsOf(absl::string_view path) {
  std::vector<absl::string_view> ancestors;
  for (size_t slash = path.find('/'); slash != absl::string_view::npos;
       slash = path.find('/', slash + 1)) {
    ancestors.push_back(path.substr(0, slash));
  }
  return ancestors;
}

std::string TempName(uint64_t writer_epoch, Sequence sequence) {
  return absl::StrCat(kTempPrefix, writer_epoch, ".", sequence);
}

bool IsTempName(absl::string_view name) { return absl::StartsWith(name, kTempPrefix); }

}  // namespace tandem
