#include <utility>

#include "daemon/rpc/convert.h"
#include "daemon/rpc/errors.h"

namespace tandem {
namespace {

// Core's levels, targets' states and lanes' health have the API's numbers.
static_assert(static_cast<int>(Level::kJournaled) == v1::DURABILITY_LEVEL_JOURNALED);
static_assert(static_cast<int>(Level::kLocal) == v1::DURABILITY_LEVEL_LOCAL);
static_assert(static_cast<int>(Level::kAll) == v1::DURABILITY_LEVEL_ALL);
static_assert(static_cast<int>(internal::v1::LANE_HEALTH_STARTING) == v1::TARGET_HEALTH_STARTING);
static_assert(static_cast<int>(internal::v1::LANE_HEALTH_HEALTHY) == v1::TARGET_HEALTH_HEALTHY);
static_assert(static_cast<int>(internal::v1::LANE_HEALTH_SLOW) == v1::TARGET_HEALTH_SLOW);
static_assert(static_cast<int>(internal::v1::LANE_HEALTH_STALLED) == v1::TARGET_HEALTH_STALLED);
static_assert(static_cast<int>(internal::v1::LANE_HEALTH_DOWN) == v1::TARGET_HEALTH_DOWN);
static_assert(static_cast<int>(internal::v1::LANE_HEALTH_CATCHING_UP) ==
              v1::TARGET_HEALTH_CATCHING_UP);

v1::TargetState StateOf(TargetWriteState state) {
  switch (state) {
    case TargetWriteState::kPending:
      return v1::TARGET_STATE_PENDING;
    case TargetWriteState::kDurable:
      return v1::TARGET_STATE_DURABLE;
    case TargetWriteState::kFailed:
      return v1::TARGET_STATE_FAILED;
  }
  return v1::TARGET_STATE_UNSPECIFIED;
}

void FillResult(const OperationResult& result, v1::OperationResult* message) {
  message->set_sequence(result.sequence);
  message->set_data_crc32c(result.crc32c);
  message->set_offset(result.offset);
  message->set_size(result.size);
  message->set_existed(result.existed);
}

template <typename Response>
void FillOutcome(const WriteReply& reply, Response* response) {
  response->set_level_reached(static_cast<v1::DurabilityLevel>(reply.level_reached));
  response->mutable_targets()->Reserve(static_cast<int>(reply.targets.size()));
  for (const TargetOutcome& target : reply.targets) {
    v1::TargetOutcome* message = response->add_targets();
    message->set_target(target.target);
    message->set_state(StateOf(target.state));
    if (!target.reason.empty()) message->set_reason(PrintableText(target.reason));
  }
}

template <typename Response>
absl::Status FillSingle(const WriteReply& reply, Response* response) {
  if (reply.results.size() != 1) return absl::InternalError("a write without one result");
  FillResult(reply.results.front(), response->mutable_result());
  FillOutcome(reply, response);
  response->set_earlier_attempt(reply.earlier_attempt);
  return absl::OkStatus();
}

template <typename Timestamp>
void SetTime(int64_t unix_ms, Timestamp* timestamp) {
  timestamp->set_seconds(unix_ms / 1000);
  timestamp->set_nanos(static_cast<int32_t>(unix_ms % 1000) * 1'000'000);
}

void FillTarget(const TargetView& view, v1::TargetStatus* target) {
  target->set_name(view.name);
  target->set_path(PrintableText(view.path));
  target->set_health(static_cast<v1::TargetHealth>(view.status.health()));
  target->set_reason(PrintableText(view.status.reason()));
  SetTime(view.status.since_ms(), target->mutable_since_time());
  target->set_target_id(view.target_id);
  target->set_io_engine(view.io_engine);
  target->set_checkpoint_sequence(view.checkpoint);
  target->set_applied_sequence(view.applied);
  target->set_lag_writes(view.lag_writes);
  target->set_lag_bytes(view.lag_bytes);
  SetTime(view.lag_ms, target->mutable_lag_time());
  target->set_applied_per_second(view.applied_per_s);
  if (view.catch_up_left_ms >= 0) {
    SetTime(view.catch_up_left_ms, target->mutable_catch_up_left());
  }
  target->set_parked_writes(view.parked_count);
  for (const internal::v1::ParkedWrite& write : view.parked) {
    v1::ParkedWriteStatus* parked = target->add_parked();
    parked->set_sequence(write.sequence());
    parked->set_path(write.path());
    parked->set_error(PrintableText(write.error()));
    SetTime(write.since_ms(), parked->mutable_since_time());
  }
  if (view.missed.incomplete) {
    v1::DetachedStatus* detached = target->mutable_detached();
    detached->set_detached(view.missed.detached);
    SetTime(view.missed.since_ms, detached->mutable_since_time());
    detached->set_missed_paths(view.missed.missed_paths);
    detached->set_copied_paths(view.missed.copied_paths);
    detached->set_copied_bytes(view.missed.copied_bytes);
  }
  target->set_skipped_writes(view.skipped_count);
  target->set_diverged_paths(view.diverged_paths);
  for (const internal::v1::ParkedWrite& write : view.skipped) {
    v1::ParkedWriteStatus* skipped = target->add_skipped();
    skipped->set_sequence(write.sequence());
    skipped->set_path(write.path());
    skipped->set_error(PrintableText(write.skip().reason()));
    SetTime(write.skip().time_ms(), skipped->mutable_since_time());
  }
}

}  // namespace

absl::Status ToProto(const WriteReply& reply, v1::WriteResponse* response) {
  return FillSingle(reply, response);
}

absl::Status ToProto(const WriteReply& reply, v1::UploadResponse* response) {
  return FillSingle(reply, response);
}

absl::Status ToProto(const WriteReply& reply, v1::WriteBatchResponse* response) {
  if (reply.results.empty()) return absl::InternalError("a batch without results");
  for (const OperationResult& result : reply.results) FillResult(result, response->add_results());
  FillOutcome(reply, response);
  response->set_earlier_attempt(reply.earlier_attempt);
  return absl::OkStatus();
}

absl::Status ToProto(const WriteReply& reply, v1::WaitDurableResponse* response) {
  if (reply.results.empty()) return absl::InternalError("a write without results");
  response->set_sequence(reply.results.back().sequence);
  FillOutcome(reply, response);
  return absl::OkStatus();
}

absl::Status ToProto(const WriteInfo& info, v1::GetWriteResponse* response) {
  if (info.reply.results.empty()) return absl::InternalError("a write without results");
  response->set_request_id(info.request_id.ToString());
  for (const OperationResult& result : info.reply.results) {
    FillResult(result, response->add_results());
  }
  FillOutcome(info.reply, response);
  SetTime(info.journaled_ms, response->mutable_journaled_time());
  return absl::OkStatus();
}

void ToProto(const CoreView& view, const StatusInfo& info, v1::GetStatusResponse* response) {
  response->set_version(info.version);
  response->set_writer(info.writer);
  SetTime(info.started_ms, response->mutable_started_time());
  response->set_io_engine(info.io_engine);
  response->set_rpo_at_risk(view.rpo_at_risk);
  response->set_rpo_refuse(view.rpo_refuse);
  SetTime(view.rpo_limit_ms, response->mutable_rpo_limit());
  v1::JournalStatus* journal = response->mutable_journal();
  journal->set_directory(PrintableText(info.journal_directory));
  journal->set_state(std::string(JournalStateName(view.journal_state)));
  journal->set_appended_sequence(view.appended);
  journal->set_durable_sequence(view.durable);
  journal->set_retired_sequence(view.retired);
  journal->set_used_bytes(view.journal_bytes);
  journal->set_max_bytes(info.journal_max_bytes);
  journal->set_epoch(view.epoch);
  if (view.journal_state != JournalState::kServing) {
    journal->set_reason(PrintableText(view.journal_reason));
  }
  for (const TargetView& target : view.targets) FillTarget(target, response->add_targets());
}

absl::string_view JournalStateName(JournalState state) {
  switch (state) {
    case JournalState::kServing:
      return "SERVING";
    case JournalState::kFull:
      return "FULL";
    case JournalState::kDiskFull:
      return "DISK_FULL";
    case JournalState::kFailed:
      return "FAILED";
  }
  return "UNKNOWN";
}

}  // namespace tandem
