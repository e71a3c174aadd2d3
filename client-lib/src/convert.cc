#include "convert.h"

#include <utility>

#include "crc32c.h"

namespace tandem::client {
namespace {

// A level that this library does not know is at least what it knows of it: nothing.
Level ToLevel(v1::DurabilityLevel level) {
  switch (level) {
    case v1::DURABILITY_LEVEL_JOURNALED:
      return Level::kJournaled;
    case v1::DURABILITY_LEVEL_LOCAL:
      return Level::kLocal;
    case v1::DURABILITY_LEVEL_ALL:
      return Level::kAll;
    default:
      return Level::kUnspecified;
  }
}

TargetState ToState(v1::TargetState state) {
  switch (state) {
    case v1::TARGET_STATE_PENDING:
      return TargetState::kPending;
    case v1::TARGET_STATE_DURABLE:
      return TargetState::kDurable;
    case v1::TARGET_STATE_FAILED:
      return TargetState::kFailed;
    default:
      return TargetState::kUnspecified;
  }
}

TargetHealth ToHealth(v1::TargetHealth health) {
  return v1::TargetHealth_IsValid(health) ? static_cast<TargetHealth>(health)
                                          : TargetHealth::kUnspecified;
}

OperationResult ToResult(const v1::OperationResult& wire) {
  return {wire.sequence(), wire.data_crc32c(), wire.offset(), wire.size(), wire.existed()};
}

// What the responses have in common.
template <typename Wire>
WriteResult Common(const Wire& wire) {
  WriteResult result;
  result.level_reached = ToLevel(wire.level_reached());
  for (const v1::TargetOutcome& target : wire.targets()) {
    result.targets.push_back({target.target(), ToState(target.state()), target.reason()});
  }
  return result;
}

TargetStatus ToTarget(const v1::TargetStatus& wire) {
  TargetStatus target;
  target.name = wire.name();
  target.path = wire.path();
  target.health = ToHealth(wire.health());
  target.reason = wire.reason();
  target.since = ToTime(wire.since_time());
  target.target_id = wire.target_id();
  target.io_engine = wire.io_engine();
  target.checkpoint_sequence = wire.checkpoint_sequence();
  target.applied_sequence = wire.applied_sequence();
  target.lag_writes = wire.lag_writes();
  target.lag_bytes = wire.lag_bytes();
  target.lag_time = FromWire(wire.lag_time());
  target.applied_per_second = wire.applied_per_second();
  if (wire.has_catch_up_left()) target.catch_up_left = FromWire(wire.catch_up_left());
  for (const v1::ParkedWriteStatus& parked : wire.parked()) {
    target.parked.push_back(
        {parked.sequence(), parked.path(), parked.error(), ToTime(parked.since_time())});
  }
  target.parked_writes = wire.parked_writes();
  for (const v1::ParkedWriteStatus& skipped : wire.skipped()) {
    target.skipped.push_back(
        {skipped.sequence(), skipped.path(), skipped.error(), ToTime(skipped.since_time())});
  }
  target.skipped_writes = wire.skipped_writes();
  target.diverged_paths = wire.diverged_paths();
  if (wire.has_detached()) {
    const v1::DetachedStatus& detached = wire.detached();
    target.detached = DetachedStatus{.detached = detached.detached(),
                                     .since = ToTime(detached.since_time()),
                                     .missed_paths = detached.missed_paths(),
                                     .copied_paths = detached.copied_paths(),
                                     .copied_bytes = detached.copied_bytes()};
  }
  return target;
}

}  // namespace

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration FromWire(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

v1::DurabilityLevel ToWire(Level level) {
  switch (level) {
    case Level::kJournaled:
      return v1::DURABILITY_LEVEL_JOURNALED;
    case Level::kLocal:
      return v1::DURABILITY_LEVEL_LOCAL;
    case Level::kAll:
      return v1::DURABILITY_LEVEL_ALL;
    case Level::kUnspecified:
      break;
  }
  return v1::DURABILITY_LEVEL_UNSPECIFIED;
}

void ToWire(Operation&& operation, v1::Operation* wire) {
  switch (operation.type) {
    case OperationType::kPut: {
      v1::Put* put = wire->mutable_put();
      put->set_path(std::move(operation.path));
      put->set_data(std::move(operation.data));
      put->set_mode(operation.mode);
      put->set_if_absent(operation.if_absent);
      return;
    }
    case OperationType::kAppend: {
      v1::Append* append = wire->mutable_append();
      append->set_path(std::move(operation.path));
      append->set_data(std::move(operation.data));
      append->set_mode(operation.mode);
      return;
    }
    case OperationType::kWriteAt: {
      v1::WriteAt* write_at = wire->mutable_write_at();
      write_at->set_path(std::move(operation.path));
      write_at->set_data(std::move(operation.data));
      write_at->set_offset(operation.offset);
      write_at->set_mode(operation.mode);
      return;
    }
    case OperationType::kTruncate:
      wire->mutable_truncate()->set_path(std::move(operation.path));
      wire->mutable_truncate()->set_size(operation.size);
      return;
    case OperationType::kDelete:
      wire->mutable_delete_()->set_path(std::move(operation.path));
      return;
    case OperationType::kRename:
      wire->mutable_rename()->set_path(std::move(operation.path));
      wire->mutable_rename()->set_new_path(std::move(operation.new_path));
      wire->mutable_rename()->set_if_absent(operation.if_absent);
      return;
  }
}

v1::WriteRequest ToWriteRequest(Operation&& operation, const std::string& request_id, Level level,
                                bool checksum) {
  v1::WriteRequest request;
  request.set_request_id(request_id);
  request.set_level(ToWire(level));
  if (checksum && !operation.data.empty()) request.set_data_crc32c(Crc32c(operation.data));
  ToWire(std::move(operation), request.mutable_operation());
  return request;
}

v1::WriteBatchRequest ToBatchRequest(std::vector<Operation>&& operations,
                                     const std::string& request_id, Level level) {
  v1::WriteBatchRequest request;
  request.set_request_id(request_id);
  request.set_level(ToWire(level));
  for (Operation& operation : operations) ToWire(std::move(operation), request.add_operations());
  return request;
}

WriteResult FromWire(const v1::WriteResponse& wire, const std::string& request_id) {
  WriteResult result = Common(wire);
  result.request_id = request_id;
  result.results.push_back(ToResult(wire.result()));
  result.earlier_attempt = wire.earlier_attempt();
  return result;
}

WriteResult FromWire(const v1::WriteBatchResponse& wire, const std::string& request_id) {
  WriteResult result = Common(wire);
  result.request_id = request_id;
  for (const v1::OperationResult& each : wire.results()) result.results.push_back(ToResult(each));
  result.earlier_attempt = wire.earlier_attempt();
  return result;
}

WriteResult FromWire(const v1::UploadResponse& wire, const std::string& request_id) {
  WriteResult result = Common(wire);
  result.request_id = request_id;
  result.results.push_back(ToResult(wire.result()));
  result.earlier_attempt = wire.earlier_attempt();
  return result;
}

WriteResult FromWire(const v1::WaitDurableResponse& wire) {
  WriteResult result = Common(wire);
  result.results.push_back({.sequence = wire.sequence()});
  return result;
}

WriteInfo FromWire(const v1::GetWriteResponse& wire) {
  WriteInfo info;
  info.write = Common(wire);
  info.write.request_id = wire.request_id();
  for (const v1::OperationResult& each : wire.results()) {
    info.write.results.push_back(ToResult(each));
  }
  info.journaled_time = ToTime(wire.journaled_time());
  return info;
}

DaemonStatus FromWire(const v1::GetStatusResponse& wire) {
  DaemonStatus status;
  status.version = wire.version();
  status.writer = wire.writer();
  status.started = ToTime(wire.started_time());
  status.io_engine = wire.io_engine();
  status.rpo_at_risk = wire.rpo_at_risk();
  status.rpo_refuse = wire.rpo_refuse();
  status.rpo_limit = FromWire(wire.rpo_limit());
  const v1::JournalStatus& journal = wire.journal();
  status.journal = {journal.directory(),
                    journal.state(),
                    journal.appended_sequence(),
                    journal.durable_sequence(),
                    journal.retired_sequence(),
                    journal.used_bytes(),
                    journal.max_bytes(),
                    journal.epoch(),
                    journal.reason()};
  for (const v1::TargetStatus& target : wire.targets()) status.targets.push_back(ToTarget(target));
  return status;
}

}  // namespace tandem::client
