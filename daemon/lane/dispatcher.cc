#include "daemon/lane/dispatcher.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/lane/errors.h"

namespace tandem {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kMaxRunWrites = 1'024;
constexpr size_t kReadyIsMuch = 512;
constexpr size_t kMaxEditedPaths = 8'192;

constexpr size_t kLoops = 2;  // beside the runs: parked writes and heartbeats

// Takes its sequence and changes nothing on a target.
bool IsSilent(const Record& record) {
  return record.type == RecordType::kUploadChunk || record.type == RecordType::kUploadAbort;
}

bool ChangesNames(const Record& record) {
  return record.type == RecordType::kDelete || record.type == RecordType::kRename;
}

bool IsEdit(const Record& record) {
  return record.type == RecordType::kAppend || record.type == RecordType::kWriteAt ||
         record.type == RecordType::kTruncate;
}

// May leave the file shorter than what came before it.
bool MayCut(const Record& record) {
  return record.type == RecordType::kPut || record.type == RecordType::kUploadCommit ||
         record.type == RecordType::kTruncate;
}

// Merging never crosses a rename, a delete or a batch.
bool IsMergeable(const Record& record) {
  return !ChangesNames(record) && (record.flags & (kRecordBatchMore | kRecordBatchLater)) == 0;
}

}  // namespace

Dispatcher::Dispatcher(DispatcherParts parts, ResyncLink& link, uint64_t generation,
                       Sequence doubt_limit)
    : parts_(parts),
      env_(parts.env),
      applier_(parts.env, generation),
      quarantine_(parts, applier_),
      resync_(parts, link, quarantine_, generation, doubt_limit,
              {.pin = [this](std::string path) { return Pin(std::move(path)); },
               .unpin = [this](Sequence id) { Unpin(id); },
               .ended = [this] { TaskEnded(); }}),
      source_(parts, {.pin = [this](std::string path) { return Pin(std::move(path)); },
                      .unpin = [this](Sequence id) { Unpin(id); },
                      .ended = [this] { TaskEnded(); }}),
      doubt_limit_(doubt_limit),
      added_(parts.checkpointer.state().settled.prefix()),
      wake_(parts.env.executor),
      stop_(parts.env.executor),
      beat_(parts.env.executor),
      finished_(parts.env.executor),
      granted_(parts.env.executor) {
  quarantine_.SetMissed([this](const RecordHeader& record) { return resync_.IsMissed(record); });
}

Dispatcher::Entry& Dispatcher::At(Sequence sequence) {
  auto found = entries_.find(sequence);
  TANDEM_CHECK(found != entries_.end());
  return *found->second;
}

Awaitable<absl::Status> Dispatcher::Run() {
  running_ += kLoops;
  Spawn(env_.executor, RunQuarantine());
  Spawn(env_.executor, HeartbeatLoop());
  resync_.Start();
  while (!stopped_) {
    co_await Linger();
    woken_ = false;
    reading_ = true;
    const absl::Status filled = co_await Fill();
    reading_ = false;
    // What it read after it was detached may have left the journal.
    if (!filled.ok() && !stopped_) Fail(filled);
    if (!woken_ && !stopped_) co_await wake_.Wait();
  }
  while (IsBusy()) co_await finished_.Wait();
  co_return damage_;
}

// What nobody waits for is taken up in larger pieces: the more neighbours, the fewer syncs.
Awaitable<void> Dispatcher::Linger() {
  const int64_t until_ns = filled_ns_ + parts_.options.apply_linger_ms * 1'000'000;
  int64_t now_ns = env_.clock.MonotonicNs();
  while (!stopped_ && wanted_ < parts_.reader.next() && now_ns < until_ns) {
    (void)co_await wake_.WaitFor(env_.clock, until_ns - now_ns);
    now_ns = env_.clock.MonotonicNs();
  }
  filled_ns_ = now_ns;
}

Awaitable<void> Dispatcher::RunQuarantine() {
  co_await quarantine_.Run();
  --running_;
  finished_.Notify();
}

void Dispatcher::Stop() {
  stopped_ = true;
  parts_.checkpointer.EndWaits();
  quarantine_.Stop();
  resync_.Stop();
  source_.Stop();
  granted_.Notify();
  Wake();
  stop_.Notify();
  beat_.Notify();
}

void Dispatcher::Fail(absl::Status damage) {
  env_.log.Error("lane_failed", {{"target", parts_.options.target}, {"error", damage}});
  if (damage_.ok()) damage_ = std::move(damage);
  parts_.keeper.Stop();
  Stop();
}

Awaitable<absl::Status> Dispatcher::Fill() {
  while (!stopped_ && entries_.size() + heartbeats_.size() < parts_.options.max_window_writes) {
    CO_ASSIGN_OR_RETURN(std::vector<PlacedRecord> records, co_await parts_.reader.Read(kReadBytes));
    if (records.empty()) break;
    // So that a successor knows what may have been started.
    co_await parts_.checkpointer.WaitStartable(records.back().record.sequence);
    if (stopped_) break;
    for (PlacedRecord& record : records) Add(std::move(record));
    // Beyond this more neighbours gain little.
    if (ready_.size() >= kReadyIsMuch) Launch();
  }
  Launch();
  co_return absl::OkStatus();
}

void Dispatcher::Add(PlacedRecord placed) {
  const Sequence sequence = placed.record.sequence;
  added_ = sequence;
  if (parts_.checkpointer.state().settled.Contains(sequence)) return;
  if (IsSilent(placed.record)) {
    parts_.checkpointer.Settle(sequence);
    parts_.reporter.Durable(sequence);
    return;
  }
  if (placed.record.type == RecordType::kHeartbeat) {
    heartbeats_.push_back(sequence);
    beat_.Notify();
    return;
  }
  auto entry =
      std::make_unique<Entry>(Entry{.record = std::move(placed.record), .place = placed.place});
  const uint64_t bytes = entry->record.payload.size();
  bytes_waiting_ += bytes;
  if (bytes_held_ + bytes > parts_.options.max_window_bytes) {
    // Read again when its turn comes: a window holds references, not payloads.
    entry->record.payload = std::string();
    entry->has_payload = false;
  } else {
    bytes_held_ += bytes;
  }
  std::vector<LockKey> keys = LockKeysOf(entry->record);
  const bool added = entries_.emplace(sequence, std::move(entry)).second;
  TANDEM_CHECK(added);
  if (locks_.Acquire(sequence, std::move(keys))) Granted(sequence);
}

void Dispatcher::Granted(Sequence sequence) {
  if (sequence >= kFirstPin) {
    pins_[sequence] = true;
    granted_.Notify();
    return;
  }
  Entry& entry = At(sequence);
  if (entry.state == State::kRunning) return;  // of the run that just let go
  entry.state = State::kReady;
  ready_.push_back(sequence);
}

void Dispatcher::Launch() {
  while (!stopped_ && !ready_.empty() &&
         running_ - admitting_ < parts_.options.max_parallel_paths + kLoops) {
    const Sequence head = ready_.front();
    ready_.pop_front();
    ++running_;
    Spawn(env_.executor, RunPath(TakeRun(head)));
  }
}

std::vector<Sequence> Dispatcher::TakeRun(Sequence head) {
  Entry& first = At(head);
  first.state = State::kRunning;
  std::vector<Sequence> run = {head};
  if (!IsMergeable(first.record)) return run;
  uint64_t bytes = first.record.payload_length;
  locks_.ForEachWaitingBehind(first.record.path, [&](Sequence sequence) {
    Entry& next = At(sequence);
    bytes += next.record.payload_length;
    if (!IsMergeable(next.record) || run.size() >= kMaxRunWrites ||
        bytes > parts_.options.max_merge_bytes) {
      return false;
    }
    next.state = State::kRunning;
    run.push_back(sequence);
    return true;
  });
  return run;
}

Awaitable<void> Dispatcher::RunPath(std::vector<Sequence> sequences) {
  if (MustSaveBefore(sequences)) co_await parts_.checkpointer.WaitSavedOrEnd();
  Outcome outcome = Outcome::kMissed;
  while (outcome == Outcome::kMissed) outcome = co_await AdmitAndApply(sequences);
  if (outcome != Outcome::kStopped) {
    co_await Settle(std::move(sequences), outcome == Outcome::kParked);
  }
  --running_;
  Launch();
  finished_.Notify();
  Wake();
}

// What must not be done again on top of this run has to be recorded as done before it starts.
bool Dispatcher::MustSaveBefore(const std::vector<Sequence>& sequences) {
  const Record& first = At(sequences.front()).record;
  if (ChangesNames(first)) return true;
  const auto edited = edited_.find(first.path);
  if (edited == edited_.end() || edited->second <= parts_.checkpointer.saved_version())
    return false;
  return std::any_of(sequences.begin(), sequences.end(),
                     [this](Sequence sequence) { return MayCut(At(sequence).record); });
}

Awaitable<void> Dispatcher::Settle(std::vector<Sequence> sequences, bool parked) {
  const bool save_first = ChangesNames(At(sequences.front()).record);
  for (const Sequence sequence : sequences) {
    parts_.checkpointer.Settle(sequence);
    if (parked) {
      parts_.reporter.Parked(parts_.parked.writes().at(sequence));
    } else {
      parts_.reporter.Durable(sequence);
    }
  }
  if (parts_.checkpointer.state().settled.prefix() >= doubt_limit_) applier_.EndDoubt();
  const Record& last = At(sequences.back()).record;
  if (IsEdit(last)) {
    edited_[last.path] = parts_.checkpointer.version();
    if (edited_.size() > kMaxEditedPaths) {
      absl::erase_if(edited_, [this](const auto& entry) {
        return entry.second <= parts_.checkpointer.saved_version();
      });
      if (edited_.size() > kMaxEditedPaths) parts_.checkpointer.Request();
    }
  }
  // What depends on a Rename or Delete starts only when that is recorded as done.
  if (save_first) co_await parts_.checkpointer.WaitSavedOrEnd();
  for (const Sequence sequence : sequences) {
    locks_.Release(sequence, [this](Sequence granted) { Granted(granted); });
    const Entry& entry = At(sequence);
    bytes_waiting_ -= entry.record.payload_length;
    if (entry.has_payload) bytes_held_ -= entry.record.payload.size();
    entries_.erase(sequence);
  }
  beat_.Notify();
}

int64_t Dispatcher::oldest_unapplied_ms() const {
  return entries_.empty() ? 0 : entries_.begin()->second->record.wall_time_ms;
}

}  // namespace tandem
