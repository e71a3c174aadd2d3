#include "daemon/core/pending_commands.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

constexpr int64_t kRetryMs = 1'000;

using internal::v1::PendingResult;

absl::Status Unavailable(absl::string_view message) {
  return Refuse(Reason::kTargetUnavailable, message, {.retry_after_ms = kRetryMs});
}

absl::Status NoTarget(absl::string_view target) {
  return Refuse(Reason::kArgumentInvalid, absl::StrCat("there is no target '", target, "'"));
}

internal::v1::PendingCommand ToMessage(uint64_t id, const PendingRequest& request) {
  internal::v1::PendingCommand message;
  message.set_id(id);
  message.set_path(request.path);
  for (const Sequence sequence : request.sequences) message.add_sequences(sequence);
  message.set_skip(request.skip);
  message.set_reason(request.reason);
  message.set_caller(request.caller);
  return message;
}

absl::StatusOr<PendingResult> ToAnswer(const std::string& target, const PendingResult& result) {
  switch (result.refusal()) {
    case internal::v1::PENDING_REFUSAL_NOT_FOUND:
      return Refuse(Reason::kPendingNotFound, absl::StrCat(target, ": ", result.message()));
    case internal::v1::PENDING_REFUSAL_DOWN:
      return Unavailable(absl::StrCat(target, ": ", result.message()));
    case internal::v1::PENDING_REFUSAL_FULL:
      return Refuse(Reason::kDivergedFull, absl::StrCat(target, ": ", result.message()));
    default:
      return result;
  }
}

}  // namespace

PendingCommands::PendingCommands(Env& env)
    : env_(env), timeouts_(env.clock, [this](uint64_t id) {
        Answer(id, Unavailable(absl::StrCat(
                       "the lane of ", commands_.at(id).target,
                       " does not answer; what was asked for may still be done: see what is "
                       "pending before asking again")));
      }) {}

void PendingCommands::Add(std::optional<size_t> lane, LaneEndpoint* endpoint,
                          PendingRequest request, PendingDone done) {
  absl::Status status;
  const uint64_t id = next_id_++;
  if (!lane.has_value()) {
    status = NoTarget(request.target);
  } else if (!endpoint->attached() || !endpoint->greeted()) {
    status = Unavailable(absl::StrCat("the lane of ", request.target,
                                      " is not there (yet): ", endpoint->Status().reason()));
  } else if (std::count_if(commands_.begin(), commands_.end(),
                           [&](const auto& entry) { return entry.second.lane == *lane; }) >=
                 static_cast<int64_t>(kMaxOutstanding) ||
             !endpoint->SendCommand(ToMessage(id, request))) {
    status = Refuse(Reason::kQueueFull,
                    absl::StrCat("the lane of ", request.target,
                                 " has not answered what was asked of it before"),
                    {.retry_after_ms = kRetryMs});
  }
  if (!status.ok()) {
    boost::asio::post(env_.executor,
                      [done = std::move(done), status]() mutable { done(std::move(status)); });
    return;
  }
  env_.log.Info("pending_command", {{"target", request.target},
                                    {"skip", request.skip ? "true" : "false"},
                                    {"path", request.path},
                                    {"writes", request.sequences.size()},
                                    {"caller", request.caller},
                                    {"reason", request.reason}});
  const int64_t deadline_ns = env_.clock.MonotonicNs() + request.wait_timeout_ms * kNsPerMs;
  commands_.emplace(id, Command{.lane = *lane,
                                .deadline_ns = deadline_ns,
                                .target = request.target,
                                .done = std::move(done)});
  timeouts_.Add(deadline_ns, id);
}

void PendingCommands::OnResult(size_t lane, const PendingResult& result) {
  const auto found = commands_.find(result.id());
  if (found == commands_.end() || found->second.lane != lane) return;
  timeouts_.Remove(found->second.deadline_ns, result.id());
  Answer(result.id(), ToAnswer(found->second.target, result));
  commands_.erase(result.id());
}

void PendingCommands::OnLaneLost(size_t lane) {
  std::vector<uint64_t> lost;
  for (const auto& [id, command] : commands_) {
    if (command.lane == lane) lost.push_back(id);
  }
  for (const uint64_t id : lost) {
    timeouts_.Remove(commands_.at(id).deadline_ns, id);
    Answer(id, Unavailable(absl::StrCat("the lane of ", commands_.at(id).target,
                                        " is gone; what was asked for may have been done")));
    commands_.erase(id);
  }
}

void PendingCommands::Answer(uint64_t id, absl::StatusOr<PendingResult> result) {
  PendingDone done = std::exchange(commands_.at(id).done, nullptr);
  if (!done) return;
  boost::asio::post(env_.executor, [done = std::move(done), result = std::move(result)]() mutable {
    done(std::move(result));
  });
}

absl::StatusOr<PendingPage> ListPending(const Progress& progress, const std::string& target,
                                        PendingPlace after, size_t limit) {
  const std::optional<size_t> only = progress.IndexOf(target);
  if (!target.empty() && !only.has_value()) return NoTarget(target);
  PendingPage page;
  for (size_t i = after.target; i < progress.size(); ++i) {
    if (only.has_value() && i != *only) continue;
    const TargetProgress& each = progress.target(i);
    if (!each.known()) page.unknown.push_back(progress.name(i));
    const Sequence begin = i == after.target ? after.sequence + 1 : 0;
    auto parked = each.parked().lower_bound(begin);
    auto skipped = each.skipped().lower_bound(begin);
    while (parked != each.parked().end() || skipped != each.skipped().end()) {
      if (page.entries.size() == limit) {
        return page;
      }
      const bool take_parked = skipped == each.skipped().end() ||
                               (parked != each.parked().end() && parked->first < skipped->first);
      auto& next = take_parked ? parked : skipped;
      page.entries.push_back({.target = progress.name(i), .write = next->second});
      page.next = PendingPlace{.target = i, .sequence = next->first};
      ++next;
    }
  }
  page.next.reset();
  return page;
}

}  // namespace tandem
