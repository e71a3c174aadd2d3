#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/config/layers.h"

namespace tandem {
namespace {

Level LevelOf(const std::string& name) {
  for (const Level level : {Level::kJournaled, Level::kLocal, Level::kAll}) {
    if (LevelName(level) == name) return level;
  }
  TANDEM_CHECK(name.empty());  // the table has no other choices
  return Level::kLocal;
}

LogLevel LogLevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

IoEngineChoice EngineOf(const std::string& name) {
  if (name == "io_uring") return IoEngineChoice::kUring;
  return name == "threads" ? IoEngineChoice::kThreads : IoEngineChoice::kAuto;
}

CoreOptions CoreOf(const Settings& s) {
  CoreOptions core;
  core.writer = s.writer_name;
  core.max_write_bytes = s.max_write_bytes;
  core.max_batch_operations = s.max_batch_operations;
  core.max_file_bytes = s.max_file_bytes;
  core.max_upload_bytes = s.max_upload_bytes;
  core.max_open_uploads = s.max_open_uploads;
  core.upload_lifetime_ms = s.upload_lifetime;
  core.max_waiting_writes = s.max_waiting_writes;
  core.max_waiting_bytes = s.buffer_size;
  core.max_request_ids = s.max_request_ids;
  core.max_path_states = s.max_path_states;
  core.request_id_window_ms = s.request_id_window;
  core.path_state_limit_ms = s.path_state_limit;
  core.heartbeat_interval_ms = s.heartbeat_interval;
  core.detach_at_cap = s.journal_full_policy == "detach";
  core.max_missed_paths = s.max_missed_paths;
  core.rpo_refuse = s.rpo_policy == "refuse";
  core.rpo_limit_ms = s.rpo_limit;
  core.journal.directory = s.journal_directory;
  core.journal.segment_bytes = s.journal_segment_bytes;
  core.journal.group_bytes = s.batch_size;
  core.journal.max_bytes = s.journal_max_bytes;
  core.journal.reserve_bytes = s.journal_reserve_bytes;
  core.journal.retention_ms = s.journal_retention;
  core.journal.idle_mark_ms = s.journal_idle_mark;
  for (const TargetSettings& target : s.targets) {
    core.targets.push_back({.name = target.name, .path = target.path});
    core.journal.targets.push_back(target.name);
  }
  return core;
}

LaneOptions LaneOf(const Settings& s, const TargetSettings& target) {
  LaneOptions lane;
  lane.target = target.name;
  lane.target_path = target.path;
  lane.target_id = target.target_id;
  lane.journal_directory = s.journal_directory;
  lane.writer = s.writer_name;
  lane.writer_root = s.writer_root == "." ? "" : s.writer_root;
  lane.initialize_target = s.initialize_targets;
  lane.require_mount = s.require_mount;
  lane.max_parallel_paths = static_cast<uint32_t>(s.max_parallel_paths);
  lane.max_window_writes = s.max_window_writes;
  lane.max_window_bytes = s.max_window_bytes;
  lane.max_merge_bytes = s.max_merge_bytes;
  lane.max_open_directories = static_cast<uint32_t>(s.max_open_directories);
  lane.max_open_files = static_cast<uint32_t>(s.max_open_files);
  lane.max_retries = static_cast<uint32_t>(s.max_retries);
  lane.retry_initial_ms = s.retry_initial;
  lane.retry_max_ms = s.retry_max;
  lane.checkpoint_interval_ms = s.checkpoint_interval;
  lane.watermark_interval_ms = s.watermark_interval;
  lane.slow_limit_ms = s.slow_limit;
  lane.apply_linger_ms = s.apply_linger;
  lane.health_check_interval_ms = s.health_check_interval;
  lane.health_min_stay_ms = s.health_min_stay;
  lane.stall_limit_ms = s.efs_sync_timeout;
  lane.parked_retry_interval_ms = s.parked_retry_interval;
  lane.max_parked_writes = s.max_parked_writes;
  lane.max_parked_bytes = s.max_parked_bytes;
  return lane;
}

RpcConfig RpcOf(const Settings& s) {
  return {.socket_path = s.socket_path,
          .socket_mode = static_cast<uint32_t>(s.socket_mode),
          .socket_group = s.socket_group,
          .tcp_address = s.tcp_address,
          .tls_certificate_file = s.tls_certificate_file,
          .tls_key_file = s.tls_key_file,
          .tls_client_ca_file = s.tls_client_ca_file,
          .max_concurrent_streams = static_cast<uint32_t>(s.max_concurrent_streams),
          .memory_bytes = s.rpc_memory_bytes,
          .max_write_bytes = s.max_write_bytes,
          .default_level = LevelOf(s.default_level),
          .dual_write_timeout_ms = s.dual_write_timeout};
}

}  // namespace

void Assemble(Config& config) {
  const Settings& s = config.settings;
  config.core = CoreOf(s);
  config.lanes.clear();
  for (const TargetSettings& target : s.targets) config.lanes.push_back(LaneOf(s, target));
  config.rpc = RpcOf(s);
  config.control.http_address = s.http_address;
  config.io = {.engine = EngineOf(s.io_engine), .threads = static_cast<uint32_t>(s.io_threads)};
  config.log_level = LogLevelOf(s.log_level);
  config.drain_deadline_ms = s.drain_deadline;
}

}  // namespace tandem
