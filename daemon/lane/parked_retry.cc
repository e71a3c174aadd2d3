// Dispatcher, second part: what is parked is tried again now and then, in its order.
#include <utility>
#include <vector>

#include "daemon/base/status.h"
#include "daemon/lane/dispatcher.h"

namespace tandem {

Awaitable<void> Dispatcher::RetryParkedLoop() {
  while (!stopped_) {
    if (!parts_.parked.writes().empty() && parts_.keeper.current() != nullptr) {
      co_await RetryParked();
    }
    if (stopped_) break;
    co_await stop_.WaitFor(env_.clock, parts_.options.parked_retry_interval_ms * 1'000'000);
  }
  --running_;
  finished_.Notify();
}

Awaitable<void> Dispatcher::RetryParked() {
  std::vector<Sequence> sequences;
  for (const auto& [sequence, write] : parts_.parked.writes()) sequences.push_back(sequence);
  KeyUses still_parked;
  for (const Sequence sequence : sequences) {
    const RecordHeader header = parts_.parked.writes().at(sequence).header;
    const std::shared_ptr<Target> target = parts_.keeper.current();
    if (stopped_ || target == nullptr) co_return;
    if (still_parked.Conflicts(header)) {
      still_parked.Add(header);
      continue;
    }
    absl::Status status;
    if (!parts_.parked.writes().at(sequence).done) {
      status = co_await ApplyParked(*target, sequence);
    }
    // Its locks are free: what depends on it is parked behind it until it is removed.
    if (status.ok()) status = co_await parts_.parked.Remove(sequence);
    if (status.ok()) {
      env_.log.Info("write_unparked", {{"target", parts_.options.target}, {"sequence", sequence}});
      parts_.reporter.Unparked(sequence);
      continue;
    }
    ++parts_.counters.failed_attempts;
    still_parked.Add(header);
  }
}

Awaitable<absl::Status> Dispatcher::ApplyParked(Target& target, Sequence sequence) {
  CO_ASSIGN_OR_RETURN(Record record, co_await parts_.parked.Read(sequence));
  PathRun run{.records = {&record}, .in_doubt = true};
  FileHandle content = kNoFile;
  if (record.type == RecordType::kUploadCommit) {
    CO_ASSIGN_OR_RETURN(content, co_await parts_.parked.OpenContent(sequence));
    run.content = std::make_unique<FileContent>(env_, content);
  }
  const int64_t started_ns = env_.clock.MonotonicNs();
  const absl::Status status = co_await applier_.Apply(target, run);
  if (content != kNoFile) (co_await env_.files.Close(content)).IgnoreError();  // only read
  if (status.ok()) {
    parts_.counters.CountApply(env_.clock.MonotonicNs() - started_ns, 1, record.payload_length);
  }
  co_return status;
}

}  // namespace tandem
