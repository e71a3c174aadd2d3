#include "daemon/journal/manifest.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"
#include "daemon/journal/record_format.h"

namespace tandem {
namespace {

constexpr char kName[] = "MANIFEST";
constexpr char kTempName[] = "MANIFEST.tmp";
constexpr size_t kMaxManifestBytes = 64 << 10;
constexpr absl::string_view kTitle = "tandem-journal ";

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  std::string text = absl::StrCat(kTitle, kJournalFormatVersion, "\n",             //
                                  "epoch ", manifest.epoch, "\n",                  //
                                  "segment ", manifest.segment, "\n",              //
                                  "segment_bytes ", manifest.segment_bytes, "\n",  //
                                  "writer ", absl::CHexEscape(manifest.writer), "\n");
  absl::StrAppend(&text, absl::StrFormat("crc32c %08x\n", Crc32c(text)));
  return text;
}

absl::StatusOr<Manifest> DecodeManifest(absl::string_view text) {
  const absl::Status damaged = absl::DataLossError("journal damaged: MANIFEST");
  const size_t crc_at = text.rfind("crc32c ");
  if (crc_at == absl::string_view::npos) return damaged;
  if (text.substr(crc_at) != absl::StrFormat("crc32c %08x\n", Crc32c(text.substr(0, crc_at)))) {
    return damaged;
  }
  const std::vector<absl::string_view> lines = absl::StrSplit(text.substr(0, crc_at), '\n');
  absl::string_view version_text = lines[0];
  uint32_t version = 0;
  if (!absl::ConsumePrefix(&version_text, kTitle) || !absl::SimpleAtoi(version_text, &version)) {
    return damaged;
  }
  if (version != kJournalFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "journal of format ", version, "; this program knows ", kJournalFormatVersion));
  }
  Manifest manifest;
  const std::pair<absl::string_view, uint64_t*> numbers[] = {
      {"epoch ", &manifest.epoch},
      {"segment ", &manifest.segment},
      {"segment_bytes ", &manifest.segment_bytes}};
  if (lines.size() != 6) return damaged;
  for (size_t i = 0; i < 3; ++i) {
    absl::string_view value = lines[i + 1];
    if (!absl::ConsumePrefix(&value, numbers[i].first) ||
        !absl::SimpleAtoi(value, numbers[i].second)) {
      return damaged;
    }
  }
  absl::string_view writer = lines[4];
  if (!absl::ConsumePrefix(&writer, "writer ") || !absl::CUnescape(writer, &manifest.writer)) {
    return damaged;
  }
  return manifest;
}

Awaitable<absl::StatusOr<std::optional<Manifest>>> ReadManifest(Files& files,
                                                                FileHandle directory) {
  absl::StatusOr<std::string> text =
      co_await ReadWholeFile(files, directory, kName, kMaxManifestBytes);
  if (ErrnoOf(text.status()) == ENOENT) co_return std::optional<Manifest>();
  if (!text.ok()) co_return text.status();
  CO_ASSIGN_OR_RETURN(Manifest manifest, DecodeManifest(*text));
  co_return std::optional<Manifest>(std::move(manifest));
}

Awaitable<absl::Status> WriteManifest(Files& files, FileHandle directory,
                                      const Manifest& manifest) {
  const std::string text = EncodeManifest(manifest);
  co_return co_await ReplaceFile(files, directory, kTempName, kName, text);
}

}  // namespace tandem
