// What operators ask: the writes that targets lack.
#include <utility>

#include "absl/strings/strip.h"
#include "check.h"
#include "convert.h"
#include "start.h"

namespace tandem::client {
namespace {

template <typename Request>
Request ToRequest(const PendingChoice& choice) {
  Request request;
  request.set_target(choice.target);
  request.set_path(choice.path);
  for (const uint64_t sequence : choice.sequences) request.add_sequences(sequence);
  return request;
}

PendingResult ToResult(const google::protobuf::RepeatedPtrField<v1::PendingOutcome>& outcomes) {
  PendingResult result;
  for (const v1::PendingOutcome& each : outcomes) {
    result.outcomes.push_back({each.sequence(), each.path(), each.done(), each.error()});
  }
  return result;
}

}  // namespace

PendingList FromWire(const v1::ListPendingResponse& wire) {
  PendingList list;
  for (const v1::PendingWrite& each : wire.writes()) {
    PendingWrite write;
    write.target = each.target();
    write.sequence = each.sequence();
    write.path = each.path();
    write.new_path = each.new_path();
    write.type = std::string(absl::StripPrefix(v1::WriteType_Name(each.type()), "WRITE_TYPE_"));
    write.state = static_cast<PendingState>(each.state());
    write.error = each.error();
    write.since = ToTime(each.since_time());
    write.attempts = each.attempts();
    write.skip_reason = each.skip_reason();
    write.skipped_by = each.skipped_by();
    write.skipped_time = ToTime(each.skipped_time());
    write.diverged_paths.assign(each.diverged_paths().begin(), each.diverged_paths().end());
    list.writes.push_back(std::move(write));
  }
  list.next_page_token = wire.next_page_token();
  list.unknown_targets.assign(wire.unknown_targets().begin(), wire.unknown_targets().end());
  return list;
}

PendingResult FromWire(const v1::RetryPendingResponse& wire) {
  PendingResult result = ToResult(wire.outcomes());
  result.done = wire.applied_writes();
  result.left = wire.parked_writes();
  return result;
}

PendingResult FromWire(const v1::SkipPendingResponse& wire) {
  PendingResult result = ToResult(wire.outcomes());
  result.done = wire.skipped_writes();
  result.left = wire.parked_writes();
  return result;
}

absl::StatusOr<PendingList> Client::ListPending(std::string target, uint32_t page_size,
                                                std::string page_token,
                                                const CallOptions& options) {
  v1::ListPendingRequest request;
  request.set_target(std::move(target));
  request.set_page_size(static_cast<int32_t>(page_size));
  request.set_page_token(std::move(page_token));
  return Blocking<PendingList>([&](auto done) {
    StartUnary<v1::ListPendingRequest, v1::ListPendingResponse>(
        SetupOf(*state_, options, Kind::kRead), std::move(request), state_->admin(),
        [](auto& stub, auto... arguments) { stub.async()->ListPending(std::move(arguments)...); },
        [](const v1::ListPendingResponse& response) { return FromWire(response); },
        std::move(done));
  });
}

absl::StatusOr<PendingResult> Client::RetryPending(const PendingChoice& choice,
                                                   const CallOptions& options) {
  if (absl::Status status = CheckPath(choice.path, ""); !status.ok()) return status;
  auto request = ToRequest<v1::RetryPendingRequest>(choice);
  request.set_all(choice.path.empty() && choice.sequences.empty());
  return Blocking<PendingResult>([&](auto done) {
    StartUnary<v1::RetryPendingRequest, v1::RetryPendingResponse>(
        SetupOf(*state_, options, Kind::kOnce), std::move(request), state_->admin(),
        [](auto& stub, auto... arguments) { stub.async()->RetryPending(std::move(arguments)...); },
        [](const v1::RetryPendingResponse& response) { return FromWire(response); },
        std::move(done));
  });
}

absl::StatusOr<PendingResult> Client::SkipPending(const PendingChoice& choice, std::string reason,
                                                  std::string requested_by,
                                                  const CallOptions& options) {
  if (absl::Status status = CheckPath(choice.path, ""); !status.ok()) return status;
  auto request = ToRequest<v1::SkipPendingRequest>(choice);
  request.set_reason(std::move(reason));
  request.set_requested_by(std::move(requested_by));
  return Blocking<PendingResult>([&](auto done) {
    StartUnary<v1::SkipPendingRequest, v1::SkipPendingResponse>(
        SetupOf(*state_, options, Kind::kOnce), std::move(request), state_->admin(),
        [](auto& stub, auto... arguments) { stub.async()->SkipPending(std::move(arguments)...); },
        [](const v1::SkipPendingResponse& response) { return FromWire(response); },
        std::move(done));
  });
}

}  // namespace tandem::client
