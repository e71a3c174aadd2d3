#include "daemon/main/shared_text.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "daemon/base/status.h"

namespace tandem {
namespace {

// At 0 the version, then two slots of which version % 2 says which one counts: the other is
// written.
constexpr uint64_t kMaxBytes = 1 << 20;
constexpr uint64_t kFirstSlot = 4096;
constexpr uint64_t kSlotBytes = sizeof(uint64_t) + kMaxBytes;

uint64_t SlotOf(uint64_t version) { return kFirstSlot + version % 2 * kSlotBytes; }

absl::Status WriteAt(int fd, const void* data, size_t length, uint64_t offset) {
  const ssize_t written = pwrite(fd, data, length, static_cast<off_t>(offset));
  if (written == static_cast<ssize_t>(length)) return absl::OkStatus();
  return ErrnoStatus(written < 0 ? errno : ENOSPC, "write to memory");
}

absl::Status ReadAt(int fd, void* data, size_t length, uint64_t offset) {
  const ssize_t got = pread(fd, data, length, static_cast<off_t>(offset));
  if (got == static_cast<ssize_t>(length)) return absl::OkStatus();
  if (got < 0) return ErrnoStatus(errno, "read from memory");
  return absl::DataLossError("the inherited text is cut short");
}

}  // namespace

absl::StatusOr<SharedText> SharedText::Make() {
  const int fd = memfd_create("tandem-configuration", MFD_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "memfd_create");
  SharedText text{UniqueFd(fd)};
  const uint64_t version = 0;
  RETURN_IF_ERROR(WriteAt(fd, &version, sizeof(version), 0));
  RETURN_IF_ERROR(text.Replace(""));
  return text;
}

absl::Status SharedText::Replace(absl::string_view text) {
  if (text.size() > kMaxBytes) return absl::InvalidArgumentError("the text is over 1 MiB");
  uint64_t version = 0;
  RETURN_IF_ERROR(ReadAt(fd_.get(), &version, sizeof(version), 0));
  ++version;
  const uint64_t length = text.size();
  RETURN_IF_ERROR(WriteAt(fd_.get(), text.data(), text.size(), SlotOf(version) + sizeof(length)));
  RETURN_IF_ERROR(WriteAt(fd_.get(), &length, sizeof(length), SlotOf(version)));
  return WriteAt(fd_.get(), &version, sizeof(version), 0);
}

absl::StatusOr<std::string> SharedText::Read() const {
  for (;;) {
    uint64_t version = 0;
    uint64_t length = 0;
    RETURN_IF_ERROR(ReadAt(fd_.get(), &version, sizeof(version), 0));
    RETURN_IF_ERROR(ReadAt(fd_.get(), &length, sizeof(length), SlotOf(version)));
    if (length > kMaxBytes) return absl::DataLossError("what was inherited is no text");
    std::string text(length, '\0');
    RETURN_IF_ERROR(ReadAt(fd_.get(), text.data(), length, SlotOf(version) + sizeof(length)));
    uint64_t after = 0;
    RETURN_IF_ERROR(ReadAt(fd_.get(), &after, sizeof(after), 0));
    if (after == version) return text;
  }
}

LoadedConfig LoadShared(const SharedText& shared) {
  const absl::StatusOr<std::string> text = shared.Read();
  if (text.ok()) return LoadEffective(*text);
  LoadedConfig loaded;
  loaded.errors.push_back(text.status().ToString());
  return loaded;
}

}  // namespace tandem
