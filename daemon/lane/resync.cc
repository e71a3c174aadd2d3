#include "daemon/lane/resync.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"
#include "daemon/lane/errors.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr size_t kMaxCopies = 8;      // each holds a piece in memory, here and at the source
constexpr size_t kMaxBackground = 4;  // the others are for records that wait
constexpr int64_t kRoundNs = kNsPerSecond;
// So often it may change while it is copied; then the source is asked to hold it, and if it takes
// longer than that does, it waits.
constexpr uint32_t kFreeChanges = 3;
constexpr absl::string_view kNeedsPayload = "tandem/needs_path";

absl::Status Stopped() { return absl::CancelledError("the lane stops"); }

std::vector<std::string> AboveAndItself(const std::string& path) {
  std::vector<std::string> all;
  for (const absl::string_view ancestor : AncestorsOf(path)) all.emplace_back(ancestor);
  all.push_back(path);
  return all;
}

}  // namespace

absl::Status NeedsPath(absl::string_view path) {
  absl::Status status = absl::UnknownError(absl::StrCat(path, " has to be copied first"));
  status.SetPayload(kNeedsPayload, absl::Cord(path));
  return status;
}

std::optional<std::string> NeededPath(const absl::Status& status) {
  const auto path = status.GetPayload(kNeedsPayload);
  if (!path.has_value()) return std::nullopt;
  return std::string(*path);
}

Resync::Resync(DispatcherParts parts, ResyncLink& link, Quarantine& quarantine, uint64_t generation,
               Sequence doubt_limit, Hooks hooks)
    : parts_(parts),
      env_(parts.env),
      link_(link),
      quarantine_(quarantine),
      generation_(generation),
      doubt_limit_(doubt_limit),
      hooks_(std::move(hooks)),
      changed_(parts.env.executor) {}

void Resync::Load(const std::string& path, Sequence first, Sequence copied_at) {
  if (copied_at != 0) {
    copied_[path] = copied_at;
  } else {
    missed_[path] = {.first = first, .at_least = parts_.checkpointer.state().settled.max()};
  }
}

void Resync::Start() {
  ++tasks_;
  Spawn(env_.executor, Background());
}

void Resync::Stop() {
  stopped_ = true;
  while (!turns_.empty()) {
    ++copies_;
    GiveCopyTurnBack();
  }
  changed_.Notify();
}

void Resync::Ended() {
  --tasks_;
  hooks_.ended();
}

bool Resync::IsMissed(const RecordHeader& record) const {
  if (missed_.empty()) return false;
  const std::vector<std::string> paths = PathsOf(record);
  return std::any_of(paths.begin(), paths.end(), [this](const std::string& path) {
    const std::vector<std::string> all = AboveAndItself(path);
    return std::any_of(all.begin(), all.end(),
                       [this](const std::string& each) { return missed_.contains(each); });
  });
}

Sequence Resync::CopiedAt(const std::string& path) const {
  const auto found = copied_.find(path);
  return found == copied_.end() ? 0 : found->second;
}

Awaitable<Resync::Admission> Resync::Admit(RecordHeader record) {
  if (!active()) co_return Admission{};
  const std::vector<std::string> paths = PathsOf(record);
  while (true) {
    for (const std::string& path : paths) {
      absl::Status ready = co_await Need(path);
      if (stopped_) co_return Admission{.verdict = Verdict::kStopped};
      if (!ready.ok()) co_return Admission{.verdict = Verdict::kPark, .why = std::move(ready)};
    }
    if (paths.size() == 1) co_return Admission{.copied_at = CopiedAt(paths[0])};
    const bool from = CopiedAt(paths[0]) >= record.sequence;
    const bool to = CopiedAt(paths[1]) >= record.sequence;
    if (from == to) co_return Admission{.verdict = from ? Verdict::kSuperseded : Verdict::kApply};
    (co_await Miss(from ? paths[1] : paths[0], record.sequence)).IgnoreError();  // only: stopped
  }
}

Awaitable<absl::Status> Resync::Miss(std::string path, Sequence at_least) {
  const Sequence settled = parts_.checkpointer.state().settled.max();
  const auto [it, fresh] = missed_.try_emplace(path);
  it->second.at_least = std::max({it->second.at_least, at_least, settled});
  if (!fresh) co_return absl::OkStatus();
  // Nobody copies it before core has noted it: if this process dies, its records must wait again.
  it->second.busy = true;
  copied_.erase(path);
  absl::Status noted = co_await link_.NoteMissed(path);
  missed_.at(path).busy = false;
  changed_.Notify();
  co_return noted;
}

Awaitable<absl::Status> Resync::Need(std::string path) {
  if (missed_.empty()) co_return absl::OkStatus();
  const std::vector<std::string> all = AboveAndItself(path);
  for (const std::string& each : all) CO_RETURN_IF_ERROR(co_await NeedOne(each));
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Resync::NeedOne(std::string path) {
  while (true) {
    const auto found = missed_.find(path);
    if (found == missed_.end()) co_return absl::OkStatus();
    if (stopped_) co_return Stopped();
    if (!found->second.stuck.ok()) co_return found->second.stuck;
    if (found->second.busy) {
      co_await changed_.Wait();
      continue;
    }
    found->second.busy = true;
    co_await Work(path);
    if (const auto left = missed_.find(path); left != missed_.end()) left->second.busy = false;
    changed_.Notify();
  }
}

Awaitable<void> Resync::Work(std::string path) {
  uint32_t tries = 0;
  uint32_t refusals = 0;
  uint32_t changes = 0;
  while (!stopped_) {
    co_await TakeCopyTurn();
    absl::Status status = Stopped();
    if (!stopped_) status = co_await Copy(path, changes == kFreeChanges);
    GiveCopyTurnBack();
    if (status.ok() || stopped_) co_return;
    if (const auto above = NeededPath(status); above.has_value()) {
      status = co_await Miss(*above, 0);
      if (status.ok()) status = co_await NeedOne(*above);
    } else if (absl::IsAborted(status) && ErrnoOf(status) == 0 && ++changes > kFreeChanges) {
      status = absl::FailedPreconditionError("it changes while it is copied, and takes long");
    } else {
      status = co_await Judge(status, &tries, &refusals);
    }
    if (status.ok() || stopped_) continue;
    env_.log.Warning("path_not_copied",
                     {{"target", parts_.options.target}, {"path", path}, {"error", status}});
    missed_.at(path).stuck =
        absl::FailedPreconditionError(absl::StrCat("cannot be copied yet: ", status.message()));
    co_return;
  }
}

Awaitable<absl::Status> Resync::Judge(absl::Status failure, uint32_t* tries, uint32_t* refusals) {
  const bool of_link = ErrnoOf(failure) == 0 && !IsForeignChange(failure);
  if (of_link && absl::IsFailedPrecondition(failure)) co_return failure;
  if (!of_link && ScopeOf(failure) == FailureScope::kPath) {
    ++parts_.counters.failed_attempts;
    if (*refusals >= parts_.options.max_retries) {
      const bool well = co_await parts_.keeper.IsWell();
      if (well) {
        parts_.keeper.WriteSucceeded();
        co_return failure;
      }
      *refusals = 0;
    }
    ++*refusals;
  }
  ++*tries;
  co_await Pause(*tries);
  co_return absl::OkStatus();
}

Awaitable<void> Resync::Pause(uint32_t attempt) {
  const uint32_t doublings = std::min(attempt, 20u) - 1;
  const int64_t delay_ns =
      std::min(parts_.options.retry_initial_ms << doublings, parts_.options.retry_max_ms) *
      kNsPerMs;
  const int64_t until_ns = env_.clock.MonotonicNs() + delay_ns;
  for (int64_t left_ns = delay_ns; !stopped_ && left_ns > 0;
       left_ns = until_ns - env_.clock.MonotonicNs()) {
    (void)co_await changed_.WaitFor(env_.clock, left_ns);
  }
}

Awaitable<void> Resync::TakeCopyTurn() {
  if (copies_ < kMaxCopies || stopped_) {
    ++copies_;
    co_return;
  }
  // Handed over by who is done.
  (void)co_await AwaitCallback<int>(
      [this](absl::AnyInvocable<void(int)> done) { turns_.push_back(std::move(done)); });
}

void Resync::GiveCopyTurnBack() {
  if (turns_.empty()) {
    --copies_;
    return;
  }
  boost::asio::post(env_.executor, [next = std::move(turns_.front())]() mutable { next(0); });
  turns_.pop_front();
}

Awaitable<absl::Status> Resync::Finish(std::string path, Sequence at, uint64_t bytes) {
  RecordHeader copy;  // as if a full write behind that record had been applied
  copy.type = RecordType::kPut;
  copy.sequence = at + 1;
  copy.path = path;
  const bool healed = co_await quarantine_.Heal(copy);
  if (!healed) co_return Stopped();
  CO_RETURN_IF_ERROR(co_await UnparkRenames(path, at));
  missed_.erase(path);
  copied_[path] = at;
  link_.Copied(path, at, bytes);
  changed_.Notify();
  co_return absl::OkStatus();
}

// A parked rename of which one end is copied beyond it can never be applied.
Awaitable<absl::Status> Resync::UnparkRenames(std::string path, Sequence at) {
  std::vector<RecordHeader> renames;
  for (const auto& [sequence, write] : parts_.parked.writes()) {
    const RecordHeader& header = write.header;
    if (header.type != RecordType::kRename || sequence > at) continue;
    if (header.path == path || header.new_path == path) renames.push_back(header);
  }
  for (const RecordHeader& rename : renames) {
    const std::string& other = rename.path == path ? rename.new_path : rename.path;
    if (CopiedAt(other) >= rename.sequence) {
      CO_RETURN_IF_ERROR(co_await quarantine_.Supersede(rename.sequence));
    } else {
      CO_RETURN_IF_ERROR(co_await Miss(other, rename.sequence));
    }
  }
  co_return absl::OkStatus();
}

// Records up to the prefix never come again; parked renames may.
void Resync::ForgetCopied() {
  const Sequence prefix = parts_.checkpointer.state().settled.prefix();
  std::set<std::string> kept;
  for (const auto& [sequence, write] : parts_.parked.writes()) {
    if (write.header.type != RecordType::kRename) continue;
    kept.insert(write.header.path);
    kept.insert(write.header.new_path);
  }
  std::erase_if(copied_, [&](const auto& entry) {
    return entry.second <= prefix && !kept.contains(entry.first);
  });
}

void Resync::TryStuckAgain() {
  const int64_t now_ns = env_.clock.MonotonicNs();
  if (now_ns - stuck_ns_ < parts_.options.parked_retry_interval_ms * kNsPerMs) return;
  stuck_ns_ = now_ns;
  for (auto& [path, missed] : missed_) missed.stuck = absl::OkStatus();
}

std::optional<std::string> Resync::NextInBackground() {
  // One beneath a directory that is stuck cannot be copied either.
  const auto is_free = [this](const auto& entry) {
    if (entry.second.busy || pinned_.contains(entry.first)) return false;
    const std::vector<std::string> all = AboveAndItself(entry.first);
    return std::all_of(all.begin(), all.end(), [this](const std::string& each) {
      const auto found = missed_.find(each);
      return found == missed_.end() || found->second.stuck.ok();
    });
  };
  auto next = std::find_if(missed_.upper_bound(next_), missed_.end(), is_free);
  if (next == missed_.end()) next = std::find_if(missed_.begin(), missed_.end(), is_free);
  if (next == missed_.end()) return std::nullopt;
  next_ = next->first;
  return next_;
}

Awaitable<void> Resync::Background() {
  while (!stopped_) {
    ForgetCopied();
    TryStuckAgain();
    while (!stopped_ && pinned_.size() < kMaxBackground) {
      const std::optional<std::string> path = NextInBackground();
      if (!path.has_value()) break;
      pinned_.insert(*path);
      ++tasks_;
      Spawn(env_.executor, CopyPinned(*path));
    }
    if (!stopped_) (void)co_await changed_.WaitFor(env_.clock, kRoundNs);
  }
  Ended();
}

Awaitable<void> Resync::CopyPinned(std::string path) {
  const PathPin pin = co_await hooks_.pin(path);
  if (pin.id != 0) {
    // Stuck or stopped: whoever needs it is told the same.
    (co_await Need(path)).IgnoreError();
    hooks_.unpin(pin.id);
  }
  pinned_.erase(path);
  changed_.Notify();
  Ended();
}

}  // namespace tandem
