// Quarantine, second part: what an operator asks for.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/lane/quarantine.h"

namespace tandem {
namespace {

using internal::v1::PendingCommand;
using internal::v1::PendingResult;

// So many are named in an answer; the rest is counted.
constexpr int kMaxOutcomes = 100;

bool Names(const PendingCommand& command, const ParkedWrite& write) {
  if (!command.path().empty()) {
    return write.header.path == command.path() || write.header.new_path == command.path();
  }
  const auto& sequences = command.sequences();
  return sequences.empty() ||
         std::find(sequences.begin(), sequences.end(), write.header.sequence) != sequences.end();
}

}  // namespace

void AddOutcome(const RecordHeader& header, const absl::Status& status, PendingResult* result) {
  if (status.ok()) {
    result->set_done(result->done() + 1);
  } else {
    result->set_left(result->left() + 1);
  }
  if (result->outcomes_size() >= kMaxOutcomes) return;
  internal::v1::PendingOutcome* outcome = result->add_outcomes();
  outcome->set_sequence(header.sequence);
  outcome->set_path(header.path);
  outcome->set_done(status.ok());
  outcome->set_error(std::string(status.message()));
}

bool Quarantine::Refused(const std::vector<Sequence>& chosen, const PendingCommand& command,
                         PendingResult* result) const {
  const std::set<Sequence> named(command.sequences().begin(), command.sequences().end());
  for (const Sequence sequence : named) {
    if (std::binary_search(chosen.begin(), chosen.end(), sequence)) continue;
    result->set_refusal(internal::v1::PENDING_REFUSAL_NOT_FOUND);
    result->set_message(absl::StrCat("write ", sequence, " is not parked"));
    return true;
  }
  if (chosen.empty()) {
    result->set_refusal(internal::v1::PENDING_REFUSAL_NOT_FOUND);
    result->set_message(command.path().empty() ? "nothing is parked"
                                               : "nothing is parked at this path");
    return true;
  }
  if (command.skip() &&
      parts_.parked.skipped().size() + chosen.size() > parts_.parked.max_writes()) {
    result->set_refusal(internal::v1::PENDING_REFUSAL_FULL);
    result->set_message(absl::StrCat(parts_.parked.skipped().size(),
                                     " writes are skipped already, of paths not equal again"));
    return true;
  }
  if (!command.skip() && parts_.keeper.current() == nullptr) {
    result->set_refusal(internal::v1::PENDING_REFUSAL_DOWN);
    result->set_message(absl::StrCat("the target is down: ", parts_.keeper.reason()));
    return true;
  }
  return false;
}

PendingResult NotNow(const PendingCommand& command) {
  PendingResult result;
  result.set_id(command.id());
  result.set_refusal(internal::v1::PENDING_REFUSAL_DOWN);
  result.set_message("the lane is starting or stopping");
  return result;
}

void Quarantine::Resolve(PendingCommand command) {
  if (stopped_) {
    parts_.reporter.Resolved(NotNow(command));
    return;
  }
  ++commands_;
  Spawn(env_.executor, RunCommand(std::move(command)));
}

Awaitable<void> Quarantine::RunCommand(PendingCommand command) {
  PendingResult result;
  result.set_id(command.id());
  co_await TakeTurn();
  std::vector<Sequence> chosen;
  for (const auto& [sequence, write] : parts_.parked.writes()) {
    // One that is applied already is as good as gone.
    if (Names(command, write) && !write.done) chosen.push_back(sequence);
  }
  if (stopped_) {
    result = NotNow(command);
  } else if (!Refused(chosen, command, &result)) {
    if (command.skip()) {
      co_await SkipAll(std::move(chosen), command.reason(), command.caller(), &result);
    } else {
      const Wanted wanted = [&command](const ParkedWrite& write) { return Names(command, write); };
      const bool forced = !command.path().empty() || command.sequences_size() > 0;
      co_await TryAgain(wanted, forced, &result);
    }
    // What waited behind it may go on.
    if (result.done() > 0) again_ = true;
  }
  parts_.reporter.Resolved(std::move(result));
  if (again_) wake_.Notify();
  --commands_;
  GiveTurnBack();
}

Awaitable<void> Quarantine::SkipAll(std::vector<Sequence> sequences, std::string reason,
                                    std::string caller, PendingResult* result) {
  for (const Sequence sequence : sequences) {
    const SkipNote note = {.reason = reason, .caller = caller, .time_ms = env_.clock.WallMs()};
    const RecordHeader header = parts_.parked.writes().at(sequence).header;
    const std::function<Awaitable<absl::Status>()> change = [&note, sequence, this] {
      return parts_.parked.Skip(sequence, note);
    };
    const bool holds = co_await Insist(change, "write_not_skipped", sequence);
    if (!holds) {
      result->set_left(sequences.size() - result->done());
      co_return;
    }
    env_.log.Warning("write_skipped", {{"target", parts_.options.target},
                                       {"sequence", sequence},
                                       {"path", header.path},
                                       {"caller", caller},
                                       {"reason", reason}});
    parts_.reporter.Parked(parts_.parked.skipped().at(sequence));
    AddOutcome(header, absl::OkStatus(), result);
  }
}

}  // namespace tandem
