#include "daemon/journal/recovery.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"

namespace tandem {
namespace {

constexpr uint64_t kMaxFooterBytes = 1ull << 30;

}  // namespace

Recovery::Recovery(Env& env, FileHandle segments, const JournalOptions& options,
                   std::optional<Manifest> manifest, Sequence witnessed, Journal::Visitor visit)
    : env_(env),
      directory_(segments),
      options_(options),
      manifest_(std::move(manifest)),
      witnessed_(witnessed),
      visit_(visit) {}

Awaitable<absl::Status> Recovery::Run() {
  CO_RETURN_IF_ERROR(co_await ReadNames());
  const uint64_t last_footer = footer_ids_.empty() ? 0 : *footer_ids_.rbegin();
  for (const uint64_t id : ids_) {
    const bool sync = id > last_footer || !footer_ids_.contains(id);
    CO_RETURN_IF_ERROR(co_await ReadHeader(id, sync));
  }
  CO_RETURN_IF_ERROR(CheckChain());
  TakeRunTimes();
  CO_RETURN_IF_ERROR(co_await ReadRetiredFooters());
  for (const Segment& segment : segments_) CO_RETURN_IF_ERROR(co_await ReadSegment(segment));
  if (result_.last < witnessed_) {
    const KeptSegment newest = result_.segments.empty() ? KeptSegment{} : result_.segments.back();
    co_return JournalDamage(newest.id, 0, result_.last + 1,
                            absl::StrCat("sequence ", witnessed_, " was seen durable"));
  }
  for (const std::string& name : leftovers_) (void)co_await env_.files.Unlink(directory_, name);
  for (const Unproven& record : unproven_) result_.again += record.bytes;
  for (const KeptSegment& segment : result_.segments) {
    if (result_.report.first == 0 && !segment.IsVoid()) result_.report.first = segment.first;
  }
  if (result_.report.first == 0 && !unproven_.empty()) result_.report.first = unproven_[0].sequence;
  result_.report.last = result_.last;
  // Nothing was shown that could say how old what was there is.
  if (forgotten_unsaid_ && result_.last > 0) {
    result_.report.forgotten.Add({0, env_.clock.WallMs() + kMaxIdAheadMs});
  }
  result_.ids.Add(result_.report.forgotten);
  result_.report.run_ms = result_.run_ms;
  if (!result_.segments.empty()) result_.segments.back().run_ms = result_.run_ms;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Recovery::ReadNames() {
  CO_ASSIGN_OR_RETURN(std::vector<std::string> names, co_await env_.files.List(directory_));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::optional<SegmentFileName> parsed = ParseSegmentFileName(name);
    if (!parsed) {
      env_.log.Warning("journal_unknown_file", {{"name", name}});
      continue;
    }
    switch (parsed->kind) {
      case SegmentFile::kSegment:
        ids_.push_back(parsed->number);
        break;
      case SegmentFile::kFooter:
        footer_ids_.insert(parsed->number);
        break;
      case SegmentFile::kFooterTemp:
        leftovers_.push_back(name);
        break;
      case SegmentFile::kFree:
        result_.next_number = std::max(result_.next_number, parsed->number + 1);
        CO_RETURN_IF_ERROR(co_await KeepFree(name));
        break;
      case SegmentFile::kReserve:
        CO_RETURN_IF_ERROR(co_await KeepReserve(name));
        break;
      case SegmentFile::kNew:
        result_.next_number = std::max(result_.next_number, parsed->number + 1);
        leftovers_.push_back(name);
        break;
    }
  }
  std::sort(ids_.begin(), ids_.end());
  if (!ids_.empty()) result_.next_id = ids_.back() + 1;
  if (!footer_ids_.empty()) {
    result_.next_id = std::max(result_.next_id, *footer_ids_.rbegin() + 1);
  }
  if (!manifest_ && !ids_.empty()) co_return absl::DataLossError("journal damaged: no MANIFEST");
  if (manifest_) {
    result_.epoch = manifest_->epoch;
    const uint64_t newest = ids_.empty() ? 0 : ids_.back();
    if (newest < manifest_->segment) {
      co_return JournalDamage(manifest_->segment, 0, 0, "the segment is missing");
    }
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Recovery::KeepFree(const std::string& name) {
  const absl::StatusOr<FileStat> stat = co_await env_.files.Stat(directory_, name);
  const bool fits = stat.ok() && stat->size == options_.segment_bytes;
  (fits && result_.ready.size() < 2 ? result_.ready : leftovers_).push_back(name);
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Recovery::KeepReserve(const std::string& name) {
  CO_ASSIGN_OR_RETURN(const FileStat stat, co_await env_.files.Stat(directory_, name));
  result_.reserve_bytes = stat.size;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Recovery::ReadHeader(uint64_t id, bool sync) {
  const std::string name = SegmentName(id);
  CO_ASSIGN_OR_RETURN(const FileHandle file, co_await env_.files.Open(directory_, name, O_RDWR));
  if (sync) {
    // Before anything is read: what the cache shows may never have reached the disk.
    const absl::Status synced = co_await env_.files.Sync(file);
    if (!synced.ok()) env_.log.Warning("journal_sync_failed", {{"segment", id}, {"why", synced}});
  }
  std::string block(kSegmentHeaderBytes, '\0');
  const absl::StatusOr<FileStat> stat = co_await env_.files.StatFile(file);
  const absl::StatusOr<size_t> count =
      co_await env_.files.Read(file, block.data(), block.size(), 0);
  (void)co_await env_.files.Close(file);
  if (!stat.ok()) co_return Annotate(stat.status(), name);
  if (!count.ok()) co_return Annotate(count.status(), name);
  block.resize(*count);
  const absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(block);
  if (absl::IsDataLoss(header.status())) {
    co_return JournalDamage(id, 0, 0, header.status().message());
  }
  if (!header.ok()) co_return header.status();
  if (header->id != id) {
    co_return JournalDamage(id, 0, header->first,
                            absl::StrCat("its header is that of segment ", header->id));
  }
  segments_.push_back({*header, stat->size, UINT64_MAX});
  co_return absl::OkStatus();
}

absl::Status Recovery::CheckChain() {
  for (size_t i = 0; i < segments_.size(); ++i) {
    const SegmentHeader& header = segments_[i].header;
    result_.epoch = std::max(result_.epoch, header.epoch);
    if (i == 0) continue;
    const SegmentHeader& before = segments_[i - 1].header;
    if (header.first < before.first || header.epoch < before.epoch) {
      return JournalDamage(header.id, 0, header.first, "it is older than the segment before it");
    }
    segments_[i - 1].limit = header.first - 1;
  }
  if (!segments_.empty() && footer_ids_.contains(segments_.back().header.id)) {
    // A footer is written only after the next segment is there for good.
    return JournalDamage(segments_.back().header.id + 1, 0, 0, "the segment is missing");
  }
  return absl::OkStatus();
}

// Whatever a segment holds is at least as old as the one behind it. One that does not say (an
// earlier program's) may be as young as any.
void Recovery::TakeRunTimes() {
  for (const Segment& segment : segments_) {
    result_.run_ms = std::max(result_.run_ms, segment.header.run_ms);
  }
  for (size_t i = 1; i < segments_.size(); ++i) {
    const int64_t run_ms = segments_[i].header.run_ms;
    segments_[i - 1].run_ms = run_ms > 0 ? run_ms : kNewestRun;
  }
}

void Recovery::TakeForgotten(int64_t run_ms, const IdTimes& ids_before) {
  if (std::exchange(oldest_seen_, true)) return;
  forgotten_unsaid_ = run_ms == 0;
  if (run_ms > 0) result_.report.forgotten = ids_before;
}

void Recovery::Show(RecordHeader header, const RecordPlace& place, int64_t run_ms) {
  if (std::exchange(forgotten_unsaid_, false) && header.sequence > 1) {
    result_.report.forgotten.Add({0, header.wall_time_ms + kMaxIdAheadMs});
  }
  NoteId(header, &result_.ids);
  header.run_ms = run_ms;
  visit_(header, place);
}

Awaitable<absl::Status> Recovery::ReadRetiredFooters() {
  for (const uint64_t id : footer_ids_) {
    if (std::binary_search(ids_.begin(), ids_.end(), id)) continue;
    if (ids_.empty() || id > ids_.front()) {
      co_return JournalDamage(id, 0, 0, "the segment is missing");
    }
    const std::string name = FooterName(id);
    CO_ASSIGN_OR_RETURN(const std::string file,
                        co_await ReadWholeFile(env_.files, directory_, name, kMaxFooterBytes));
    const absl::StatusOr<FooterInfo> info = CheckFooter(file);
    if (!info.ok() || info->segment != id) {
      co_return JournalDamage(id, 0, 0, "the footer of a retired segment is damaged");
    }
    const int64_t run_ms = info->run_ms > 0 ? info->run_ms : result_.run_ms;
    if (result_.run_ms - run_ms >= options_.retention_ms) {
      leftovers_.push_back(name);
      continue;
    }
    TakeForgotten(info->run_ms, info->ids_before);
    const auto show = [&](const RecordHeader& header, const RecordPlace&) {
      Show(header, RecordPlace{}, run_ms);
    };
    CO_RETURN_IF_ERROR(VisitFooter(file, show));
    result_.footers.push_back({id, run_ms});
    result_.last = info->last;
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Recovery::ReadSegment(const Segment& segment) {
  const SegmentHeader& header = segment.header;
  TakeForgotten(header.run_ms, header.ids_before);
  result_.last = header.first - 1;
  result_.again_first = header.first;
  KeptSegment kept{.id = header.id,
                   .first = header.first,
                   .last = header.first - 1,
                   .run_ms = std::min(segment.run_ms, result_.run_ms),
                   .bytes = std::min(header.bytes, segment.size),
                   .salt = header.salt,
                   .epoch = header.epoch,
                   .full_size = segment.size >= header.bytes};
  if (segment.limit < header.first) {  // void: what it was made for went to the next one
    if (footer_ids_.contains(header.id)) leftovers_.push_back(FooterName(header.id));
    result_.segments.push_back(kept);
    co_return absl::OkStatus();
  }
  CO_ASSIGN_OR_RETURN(const std::optional<FooterInfo> footer, co_await ReadFooter(segment));
  if (footer) {
    kept.footer = true;
    kept.last = footer->last;
    result_.segments.push_back(kept);
    result_.last = kept.last;
    result_.again_first = kept.last + 1;
    co_return absl::OkStatus();
  }
  result_.segments.push_back(kept);
  co_return co_await ScanSegment(segment);
}

Awaitable<absl::StatusOr<std::optional<FooterInfo>>> Recovery::ReadFooter(const Segment& segment) {
  const SegmentHeader& header = segment.header;
  if (!footer_ids_.contains(header.id)) co_return std::optional<FooterInfo>();
  const std::string name = FooterName(header.id);
  const absl::StatusOr<std::string> file =
      co_await ReadWholeFile(env_.files, directory_, name, kMaxFooterBytes);
  absl::StatusOr<FooterInfo> info = absl::UnknownError("not read");
  if (file.ok()) {
    info = CheckFooter(*file);
  } else {
    info = file.status();
  }
  if (!info.ok() || info->segment != header.id || info->first != header.first ||
      info->salt != header.salt || info->epoch != header.epoch) {
    env_.log.Warning("journal_footer_damaged", {{"segment", header.id}, {"why", info.status()}});
    co_return std::optional<FooterInfo>();
  }
  if (segment.size < info->end) {
    co_return JournalDamage(header.id, segment.size, 0, "the segment is cut short");
  }
  if (info->last != segment.limit) {
    co_return JournalDamage(header.id, info->end, info->last + 1,
                            "a segment behind this one is missing");
  }
  const auto show = [&](const RecordHeader& record, const RecordPlace& place) {
    Show(record, place, segment.run_ms);
  };
  CO_RETURN_IF_ERROR(VisitFooter(*file, show));
  co_return *info;
}

}  // namespace tandem
