#include "daemon/core/missed_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

// No path can hold it: control characters are refused.
constexpr uint32_t kMagic = 0x4d445401;  // "\1TDM"
constexpr uint32_t kVersion = 1;
constexpr size_t kEntryHeaderBytes = 20;  // magic, version, number, length, crc

enum Item : char { kSummary = 1, kMissed = 2, kCopied = 3 };
constexpr size_t kSummaryBytes = 6 * 8;
constexpr size_t kPathHeaderBytes = 8 + 2;

void AppendNumber(uint64_t number, std::string* body) {
  char bytes[8];
  PutLittleEndian<uint64_t>(bytes, number);
  body->append(bytes, sizeof bytes);
}

void AppendPath(Item item, absl::string_view path, Sequence sequence, std::string* body) {
  body->push_back(item);
  AppendNumber(sequence, body);
  char length[2];
  PutLittleEndian<uint16_t>(length, static_cast<uint16_t>(path.size()));
  body->append(length, sizeof length);
  body->append(path.data(), path.size());
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("missed paths damaged: ", what));
}

MissedSummary ReadSummary(const char* at) {
  return {.since_ms = static_cast<int64_t>(GetLittleEndian<uint64_t>(at)),
          .from = GetLittleEndian<uint64_t>(at + 8),
          .through = GetLittleEndian<uint64_t>(at + 16),
          .oldest_ms = static_cast<int64_t>(GetLittleEndian<uint64_t>(at + 24)),
          .writes = GetLittleEndian<uint64_t>(at + 32),
          .bytes = GetLittleEndian<uint64_t>(at + 40)};
}

// The body of the entry that `bytes` begin with; NOT_FOUND if that is no good one.
absl::StatusOr<absl::string_view> EntryAt(absl::string_view bytes, uint32_t* number) {
  const absl::Status none = absl::NotFoundError("no entry");
  if (bytes.size() < kEntryHeaderBytes) return none;
  if (GetLittleEndian<uint32_t>(bytes.data()) != kMagic) return none;
  const auto length = GetLittleEndian<uint32_t>(bytes.data() + 12);
  if (length > bytes.size() - kEntryHeaderBytes) return none;
  const absl::string_view body = bytes.substr(kEntryHeaderBytes, length);
  if (Crc32c(body, Crc32c(bytes.substr(0, 16))) != GetLittleEndian<uint32_t>(bytes.data() + 16)) {
    return none;
  }
  const auto version = GetLittleEndian<uint32_t>(bytes.data() + 4);
  if (version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("missed paths of format ", version, "; this program knows ", kVersion));
  }
  *number = GetLittleEndian<uint32_t>(bytes.data() + 8);
  return body;
}

}  // namespace

void MissedSet::Add(const std::string& path, Sequence first) {
  copied_.erase(path);
  const auto [it, fresh] = missed_.emplace(path, first);
  if (!fresh) it->second = std::min(it->second, first);
}

void MissedSet::Copied(const std::string& path, Sequence at) {
  if (missed_.erase(path) > 0) copied_[path] = at;
}

void MissedSet::Forget(Sequence checkpoint) {
  std::erase_if(copied_, [=](const auto& entry) { return entry.second <= checkpoint; });
}

void MissedSet::Clear() { *this = MissedSet(); }

void AppendSummary(const MissedSummary& summary, std::string* body) {
  body->push_back(kSummary);
  AppendNumber(static_cast<uint64_t>(summary.since_ms), body);
  AppendNumber(summary.from, body);
  AppendNumber(summary.through, body);
  AppendNumber(static_cast<uint64_t>(summary.oldest_ms), body);
  AppendNumber(summary.writes, body);
  AppendNumber(summary.bytes, body);
}

void AppendMissed(absl::string_view path, Sequence first, std::string* body) {
  AppendPath(kMissed, path, first, body);
}

void AppendCopied(absl::string_view path, Sequence at, std::string* body) {
  AppendPath(kCopied, path, at, body);
}

absl::Status ApplyItems(absl::string_view body, MissedSet& set) {
  while (!body.empty()) {
    const char item = body.front();
    body.remove_prefix(1);
    if (item == kSummary) {
      if (body.size() < kSummaryBytes) return Damaged("a summary is cut short");
      set.set_summary(ReadSummary(body.data()));
      body.remove_prefix(kSummaryBytes);
      continue;
    }
    if (item != kMissed && item != kCopied) return Damaged("an unknown item");
    if (body.size() < kPathHeaderBytes) return Damaged("an item is cut short");
    const auto sequence = GetLittleEndian<uint64_t>(body.data());
    const auto length = GetLittleEndian<uint16_t>(body.data() + 8);
    body.remove_prefix(kPathHeaderBytes);
    if (body.size() < length) return Damaged("a path is cut short");
    const std::string path(body.substr(0, length));
    body.remove_prefix(length);
    if (item == kMissed) {
      set.Add(path, sequence);
    } else {
      // In a compacted log it stands for itself.
      if (!set.Misses(path)) set.Add(path, sequence);
      set.Copied(path, sequence);
    }
  }
  return absl::OkStatus();
}

std::string BodyOf(const MissedSet& set) {
  std::string body;
  AppendSummary(set.summary(), &body);
  for (const auto& [path, first] : set.missed()) AppendMissed(path, first, &body);
  for (const auto& [path, at] : set.copied()) AppendCopied(path, at, &body);
  return body;
}

std::string EncodeMissedEntry(uint32_t number, absl::string_view body) {
  std::string entry(kEntryHeaderBytes, '\0');
  PutLittleEndian<uint32_t>(entry.data(), kMagic);
  PutLittleEndian<uint32_t>(entry.data() + 4, kVersion);
  PutLittleEndian<uint32_t>(entry.data() + 8, number);
  PutLittleEndian<uint32_t>(entry.data() + 12, static_cast<uint32_t>(body.size()));
  entry.append(body.data(), body.size());
  const uint32_t crc = Crc32c(body, Crc32c(absl::string_view(entry).substr(0, 16)));
  PutLittleEndian<uint32_t>(entry.data() + 16, crc);
  return entry;
}

absl::Status DecodeMissedLog(absl::string_view bytes, MissedSet& set) {
  uint32_t expected = 0;
  while (!bytes.empty()) {
    uint32_t number = 0;
    const auto body = EntryAt(bytes, &number);
    if (!body.ok() && !absl::IsNotFound(body.status())) return body.status();
    if (!body.ok() || number != expected) break;
    RETURN_IF_ERROR(ApplyItems(*body, set));
    bytes.remove_prefix(kEntryHeaderBytes + body->size());
    ++expected;
  }
  if (expected == 0) return Damaged("no good entry at the start");
  // Each entry is synced before the next is written.
  for (; bytes.size() >= kEntryHeaderBytes; bytes.remove_prefix(1)) {
    uint32_t number = 0;
    if (EntryAt(bytes, &number).ok()) {
      return Damaged(absl::StrCat("entry ", number, " is good, entry ", expected, " is not"));
    }
  }
  return absl::OkStatus();
}

}  // namespace tandem
