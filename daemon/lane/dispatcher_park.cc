// Dispatcher, second part: what the target refuses is parked, what heals a path is applied.
#include <utility>

#include "daemon/base/status.h"
#include "daemon/lane/dispatcher.h"
#include "daemon/lane/errors.h"

namespace tandem {

// What of the run, or of one that it was part of, may be on the target already.
PathRun Dispatcher::RunOf(const std::vector<Sequence>& sequences, bool heals) {
  PathRun run;
  for (const Sequence sequence : sequences) run.records.push_back(&At(sequence).record);
  SizeRange sizes = SizesOf(run.records);
  for (const Sequence sequence : sequences) {
    const std::optional<SizeRange>& begun = At(sequence).begun;
    if (!begun.has_value()) continue;
    run.in_doubt = true;
    sizes.Add(*begun);
  }
  // A predecessor may have gone on to later writes of the path; not beyond a Rename or Delete.
  const RecordType type = run.records.front()->type;
  const bool changes_names = type == RecordType::kRename || type == RecordType::kDelete;
  const bool any = sequences.front() <= doubt_limit_ && !changes_names;
  run.by_predecessor = sequences.front() <= doubt_limit_;
  run.in_doubt = run.in_doubt || heals || run.by_predecessor;
  if (!any && !heals) run.sizes = sizes;
  return run;
}

void Dispatcher::NoteBegun(const std::vector<Sequence>& sequences) {
  const std::optional<SizeRange> sizes = RunOf(sequences, /*heals=*/false).sizes;
  if (!sizes.has_value()) return;  // in doubt for ever
  for (const Sequence sequence : sequences) At(sequence).begun = sizes;
}

// Nothing parked is tried meanwhile: what this replaces must not land on top of it.
Awaitable<absl::Status> Dispatcher::AttemptToHeal(Target& target,
                                                  const std::vector<Sequence>& sequences) {
  co_await quarantine_.TakeTurn();
  absl::Status status = co_await Attempt(target, sequences, /*heals=*/true);
  if (status.ok()) {
    const RecordHeader header = At(sequences.front()).record;
    const bool healed = co_await quarantine_.Heal(header);
    if (!healed) status = absl::CancelledError("the lane stops");
  }
  quarantine_.GiveTurnBack();
  co_return status;
}

absl::StatusOr<std::unique_ptr<Content>> Dispatcher::ContentOf(const Record& commit) {
  ASSIGN_OR_RETURN(UploadManifest manifest, DecodeUploadManifest(commit.payload));
  return std::make_unique<JournalContent>(parts_.reader, std::move(manifest));
}

Awaitable<absl::Status> Dispatcher::LoadPayload(Sequence sequence) {
  Entry& entry = At(sequence);
  if (entry.has_payload) co_return absl::OkStatus();
  CO_ASSIGN_OR_RETURN(Record record, co_await parts_.reader.ReadAt(entry.place, sequence));
  entry.record.payload = std::move(record.payload);
  entry.has_payload = true;
  bytes_held_ += entry.record.payload.size();
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Dispatcher::ParkRun(const std::vector<Sequence>& sequences,
                                            absl::Status why, uint32_t attempts) {
  for (const Sequence sequence : sequences) {
    uint32_t failures = 0;
    while (true) {
      const absl::Status status = co_await ParkOne(sequence, why, attempts);
      if (status.ok()) break;
      env_.log.Error(
          "write_not_parked",
          {{"target", parts_.options.target}, {"sequence", sequence}, {"error", status}});
      if (absl::IsDataLoss(status)) Fail(status);
      // Over the limits nothing was written. After any other failure the parked record may be
      // there and would be found after a restart: it has to be parked now, nothing else.
      if (stopped_ || IsOverParkedLimit(status) || ArePiecesGone(status)) co_return status;
      ++failures;
      co_await Pause(failures);
    }
    env_.log.Warning("write_parked", {{"target", parts_.options.target},
                                      {"sequence", sequence},
                                      {"path", At(sequence).record.path},
                                      {"error", why}});
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Dispatcher::ParkOne(Sequence sequence, absl::Status why,
                                            uint32_t attempts) {
  CO_RETURN_IF_ERROR(co_await LoadPayload(sequence));
  const Record& record = At(sequence).record;
  const std::vector<Sequence> alone(1, sequence);
  const std::optional<SizeRange> sizes = RunOf(alone, /*heals=*/false).sizes;
  std::unique_ptr<Content> content;
  if (record.type == RecordType::kUploadCommit) {
    CO_ASSIGN_OR_RETURN(content, ContentOf(record));
  }
  co_return co_await parts_.parked.Park(record, content.get(), why, attempts, sizes);
}

}  // namespace tandem
