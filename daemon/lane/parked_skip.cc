// ParkedStore, second part: what an operator skips, and who goes before whom because of it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/lane/parked_store.h"

namespace tandem {
namespace {

// A full write of the path takes its effect away.
bool IsReplaceable(const RecordHeader& parked, const RecordHeader& full) {
  return parked.sequence < full.sequence && parked.type != RecordType::kRename &&
         parked.path == full.path;
}

}  // namespace

Awaitable<absl::Status> ParkedStore::Skip(Sequence sequence, SkipNote note) {
  auto found = writes_.find(sequence);
  TANDEM_CHECK(found != writes_.end());
  found->second.skipping = true;
  // The name stays, so that one rename makes it skipped and no longer parked.
  ParkedWrite write = found->second;
  const uint64_t bytes = std::exchange(write.payload_bytes, 0);
  write.skip = std::move(note);
  write.skip->diverged = PathsOf(write.header);
  Record record;
  static_cast<RecordHeader&>(record) = write.header;
  CO_RETURN_IF_ERROR(co_await Save(record, write));
  if (write.header.type == RecordType::kUploadCommit) {
    // What a crash leaves of it goes when the store is loaded.
    const std::string data = absl::StrCat(absl::Hex(sequence, absl::kZeroPad16), ".data");
    (co_await env_.files.Unlink(directory_->handle, data)).IgnoreError();
  }
  bytes_ -= bytes;
  keys_.Remove(write.header);
  writes_.erase(sequence);
  write.skipping = false;
  Loaded(std::move(write));
  co_return absl::OkStatus();
}

Awaitable<absl::Status> ParkedStore::Heal(Sequence skipped, std::string path) {
  auto found = skipped_.find(skipped);
  if (found == skipped_.end()) co_return absl::OkStatus();
  ParkedWrite write = found->second;
  std::erase(write.skip->diverged, path);
  if (write.skip->diverged.empty()) {
    CO_RETURN_IF_ERROR(co_await Unlink(write));
    skipped_.erase(skipped);
  } else {
    Record record;
    static_cast<RecordHeader&>(record) = write.header;
    CO_RETURN_IF_ERROR(co_await Save(record, write));
    skipped_.at(skipped) = std::move(write);
  }
  diverged_.Remove(path, skipped);
  co_return absl::OkStatus();
}

Standing ParkedStore::StandingOf(const RecordHeader& header, const KeyUses& before) const {
  const bool diverged = diverged_.LacksBefore(header) != 0;
  if (!before.Conflicts(header)) {
    if (!diverged) return Standing::kFree;
    return ReplacesContent(header) ? Standing::kHeals : Standing::kWaits;
  }
  if (!diverged || !ReplacesContent(header)) return Standing::kWaits;
  KeyUses own;
  own.Add(header);
  const bool waits =
      std::any_of(writes_.begin(), writes_.lower_bound(header.sequence), [&](const auto& entry) {
        const RecordHeader& parked = entry.second.header;
        return own.Conflicts(parked) && !IsReplaceable(parked, header);
      });
  return waits ? Standing::kWaits : Standing::kHeals;
}

std::string ParkedStore::WhyWaits(const RecordHeader& header) const {
  if (const Sequence lacks = diverged_.LacksBefore(header);
      lacks != 0 && !ReplacesContent(header)) {
    return absl::StrCat("the path is DIVERGED: write ", lacks,
                        " was skipped: ", skipped_.at(lacks).skip->reason);
  }
  return "waits behind an earlier parked write";
}

std::vector<RecordHeader> ParkedStore::ParkedReplacedBy(const RecordHeader& header) const {
  std::vector<RecordHeader> replaced;
  for (auto it = writes_.begin(); it != writes_.lower_bound(header.sequence); ++it) {
    if (IsReplaceable(it->second.header, header)) replaced.push_back(it->second.header);
  }
  return replaced;
}

std::vector<Sequence> ParkedStore::ReplacedBy(const RecordHeader& header) const {
  std::vector<Sequence> replaced;
  for (const RecordHeader& each : ParkedReplacedBy(header)) replaced.push_back(each.sequence);
  for (auto it = skipped_.begin(); it != skipped_.lower_bound(header.sequence); ++it) {
    const std::vector<std::string>& diverged = it->second.skip->diverged;
    if (std::find(diverged.begin(), diverged.end(), header.path) != diverged.end()) {
      replaced.push_back(it->first);
    }
  }
  return replaced;
}

}  // namespace tandem
