// Dispatcher, fourth part: records whose paths a detached target misses, and pins.
#include <utility>

#include "daemon/lane/dispatcher.h"
#include "daemon/lane/errors.h"

namespace tandem {

// kMissed: do it again.
Awaitable<Dispatcher::Outcome> Dispatcher::AdmitAndApply(std::vector<Sequence>& sequences) {
  if (!resync_.active()) co_return co_await ApplyOrPark(sequences);
  // Those who wait for a copy keep nobody else waiting.
  ++admitting_;
  Launch();
  Resync::Admission admission = co_await resync_.Admit(At(sequences.front()).record);
  --admitting_;
  switch (admission.verdict) {
    case Resync::Verdict::kStopped:
      co_return Outcome::kStopped;
    case Resync::Verdict::kSuperseded:
      co_return Outcome::kApplied;
    case Resync::Verdict::kPark: {
      KeepOnlyFirst(sequences);
      const bool parked = co_await ParkUntilItHolds(sequences, std::move(admission.why));
      if (parked) co_return Outcome::kParked;
      co_return stopped_ ? Outcome::kStopped : Outcome::kMissed;
    }
    case Resync::Verdict::kApply:
      break;
  }
  size_t superseded = 0;
  while (superseded < sequences.size() && sequences[superseded] <= admission.copied_at) {
    ++superseded;
  }
  if (superseded == sequences.size()) co_return Outcome::kApplied;
  if (superseded > 0) {
    const auto rest = sequences.begin() + static_cast<std::ptrdiff_t>(superseded);
    std::vector<Sequence> done(sequences.begin(), rest);
    sequences.erase(sequences.begin(), rest);
    co_await Settle(std::move(done), /*parked=*/false);
  }
  co_return co_await ApplyOrPark(sequences);
}

// False: stopped, or it cannot be parked: it has to be looked at again.
Awaitable<bool> Dispatcher::ParkUntilItHolds(std::vector<Sequence>& sequences, absl::Status why) {
  uint32_t failures = 0;
  while (!stopped_) {
    const absl::Status parked = co_await ParkRun(sequences, why, 0);
    if (parked.ok()) co_return true;
    ++failures;
    co_await Pause(failures);
    // Over the limit, or what it is made of is gone.
    if (IsOverParkedLimit(parked) || ArePiecesGone(parked)) co_return false;
  }
  co_return false;
}

Awaitable<PathPin> Dispatcher::Pin(std::string path) {
  RecordHeader header;
  header.type = RecordType::kPut;
  header.path = path;
  const PathPin pin{.id = next_pin_++, .at = added_};
  pins_[pin.id] = locks_.Acquire(pin.id, LockKeysOf(header));
  while (!pins_.at(pin.id) && !stopped_) co_await granted_.Wait();
  // One that is not granted stays in the queue: this lane ends.
  if (!pins_.at(pin.id)) co_return PathPin{};
  co_return pin;
}

void Dispatcher::Unpin(Sequence id) {
  pins_.erase(id);
  locks_.Release(id, [this](Sequence granted) { Granted(granted); });
  if (!stopped_) Launch();
}

}  // namespace tandem
