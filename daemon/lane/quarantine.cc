#include "daemon/lane/quarantine.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

using internal::v1::PendingResult;

bool IsWanted(const ParkedWrite&) { return true; }

}  // namespace

Quarantine::Quarantine(DispatcherParts parts, Applier& applier)
    : parts_(parts),
      env_(parts.env),
      applier_(applier),
      free_(parts.env.executor),
      wake_(parts.env.executor) {}

void Quarantine::Stop() {
  stopped_ = true;
  wake_.Notify();
}

Awaitable<void> Quarantine::TakeTurn() {
  while (busy_) co_await free_.Wait();
  busy_ = true;
}

void Quarantine::GiveTurnBack() {
  TANDEM_CHECK(busy_);
  busy_ = false;
  free_.Notify();
}

Awaitable<void> Quarantine::Run() {
  const Wanted all = IsWanted;
  while (!stopped_) {
    again_ = false;
    if (!parts_.parked.writes().empty() && parts_.keeper.current() != nullptr) {
      co_await TakeTurn();
      co_await TryAgain(all, /*forced=*/false, nullptr);
      GiveTurnBack();
    }
    if (stopped_) break;
    if (!again_) {
      co_await wake_.WaitFor(env_.clock, parts_.options.parked_retry_interval_ms * kNsPerMs);
    }
  }
  while (commands_ > 0) co_await free_.Wait();
}

Awaitable<void> Quarantine::TryAgain(Wanted wanted, bool forced, PendingResult* result) {
  std::vector<Sequence> sequences;
  for (const auto& [sequence, write] : parts_.parked.writes()) sequences.push_back(sequence);
  KeyUses before;  // of those that still wait
  for (const Sequence sequence : sequences) {
    if (stopped_) co_return;
    const ParkedWrite& write = parts_.parked.writes().at(sequence);
    const RecordHeader header = write.header;
    const bool is_wanted = wanted(write);
    absl::Status status = absl::CancelledError();  // nobody asks
    const Standing standing = parts_.parked.StandingOf(header, before);
    if (is_missed_(header) && !write.done) {
      status = absl::FailedPreconditionError("waits until its path is copied from another target");
    } else if (standing == Standing::kWaits && !write.done) {
      status = StillWaits(write);
    } else if (is_wanted) {
      status = co_await TryOne(sequence, standing, forced, before);
    }
    if (!status.ok()) before.Add(header);
    if (is_wanted && result != nullptr) AddOutcome(header, status, result);
  }
}

absl::Status Quarantine::StillWaits(const ParkedWrite& write) {
  const Sequence sequence = write.header.sequence;
  std::string why = parts_.parked.WhyWaits(write.header);
  if (write.error != why) {
    parts_.parked.SetError(sequence, why);
    parts_.reporter.Parked(write);
  }
  return absl::FailedPreconditionError(why);
}

// Its locks are free: what depends on it is parked behind it until it is removed.
Awaitable<absl::Status> Quarantine::TryOne(Sequence sequence, Standing standing, bool forced,
                                           KeyUses& before) {
  const std::shared_ptr<Target> target = parts_.keeper.current();
  if (target == nullptr) co_return absl::UnavailableError("the target is down");
  absl::Status status;
  const ParkedWrite& write = parts_.parked.writes().at(sequence);
  const bool any_size = standing == Standing::kHeals || (forced && ReplacesContent(write.header));
  if (!write.done) status = co_await Apply(*target, sequence, any_size);
  if (!status.ok()) {
    ++parts_.counters.failed_attempts;
    parts_.parked.CountAttempt(sequence);
    parts_.parked.SetError(sequence, std::string(status.message()));
    parts_.reporter.Parked(parts_.parked.writes().at(sequence));
    co_return status;
  }
  if (standing == Standing::kHeals) {
    const RecordHeader header = parts_.parked.writes().at(sequence).header;
    const std::vector<RecordHeader> replaced = parts_.parked.ParkedReplacedBy(header);
    const bool healed = co_await Heal(header);
    if (!healed) co_return absl::CancelledError("the lane stops");
    for (const RecordHeader& each : replaced) before.Remove(each);
  }
  CO_RETURN_IF_ERROR(co_await parts_.parked.Remove(sequence));
  env_.log.Info("write_unparked", {{"target", parts_.options.target}, {"sequence", sequence}});
  parts_.reporter.Unparked(sequence);
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Quarantine::Apply(Target& target, Sequence sequence, bool any_size) {
  CO_ASSIGN_OR_RETURN(Record record, co_await parts_.parked.Read(sequence));
  PathRun run{.records = {&record}, .in_doubt = true};
  if (!any_size) run.sizes = parts_.parked.writes().at(sequence).sizes;
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

Awaitable<bool> Quarantine::Heal(RecordHeader full) {
  const std::vector<Sequence> replaced = parts_.parked.ReplacedBy(full);
  for (const Sequence sequence : replaced) {
    const bool was_parked = parts_.parked.Contains(sequence);
    const std::function<Awaitable<absl::Status>()> change = [&, sequence, was_parked] {
      return was_parked ? parts_.parked.Remove(sequence) : parts_.parked.Heal(sequence, full.path);
    };
    const bool holds = co_await Insist(change, "path_not_healed", sequence);
    if (!holds) co_return false;
    const auto left = parts_.parked.skipped().find(sequence);
    if (left != parts_.parked.skipped().end()) {
      parts_.reporter.Parked(left->second);
    } else {
      parts_.reporter.Unparked(sequence);
    }
  }
  if (!replaced.empty()) {
    env_.log.Info(
        "path_healed",
        {{"target", parts_.options.target}, {"path", full.path}, {"sequence", full.sequence}});
    // What waited behind it may go on.
    again_ = true;
    wake_.Notify();
  }
  co_return true;
}

Awaitable<absl::Status> Quarantine::Supersede(Sequence sequence) {
  const std::function<Awaitable<absl::Status>()> change = [this, sequence] {
    return parts_.parked.Remove(sequence);
  };
  const bool holds = co_await Insist(change, "write_not_superseded", sequence);
  if (!holds) co_return absl::CancelledError("the lane stops");
  parts_.reporter.Unparked(sequence);
  co_return absl::OkStatus();
}

Awaitable<bool> Quarantine::Insist(std::function<Awaitable<absl::Status>()> change,
                                   const char* what, Sequence sequence) {
  int64_t delay_ms = parts_.options.retry_initial_ms;
  while (true) {
    const absl::Status status = co_await change();
    if (status.ok()) co_return true;
    env_.log.Error(what,
                   {{"target", parts_.options.target}, {"sequence", sequence}, {"error", status}});
    if (stopped_) co_return false;
    co_await wake_.WaitFor(env_.clock, delay_ms * kNsPerMs);
    if (stopped_) co_return false;
    delay_ms = std::min(delay_ms * 2, parts_.options.retry_max_ms);
  }
}

}  // namespace tandem
