// The configuration as the user wrote it: one typed field for each key of the table (keys.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tandem {

// One entry of `targets`.
struct TargetSettings {
  std::string name;
  std::string path;
  std::string target_id;  // "": whatever the target says when it is first seen
  friend bool operator==(const TargetSettings&, const TargetSettings&) = default;
};

// Durations in milliseconds, sizes in bytes. Defaults stand in the table, not here.
struct Settings {
  // Targets and the writer.
  std::vector<TargetSettings> targets;
  std::string local_efs_path;
  std::string corebank_efs_path;
  std::string writer_name;
  std::string writer_root;
  bool require_mount = false;
  bool initialize_targets = false;

  // What callers are promised, and how much they may ask for.
  std::string default_level;
  int64_t dual_write_timeout = 0;
  uint64_t max_write_bytes = 0;
  uint64_t max_batch_operations = 0;
  uint64_t max_file_bytes = 0;
  uint64_t max_upload_bytes = 0;
  uint64_t max_open_uploads = 0;
  int64_t upload_lifetime = 0;
  uint64_t buffer_size = 0;
  uint64_t max_waiting_writes = 0;
  uint64_t max_request_ids = 0;
  int64_t request_id_window = 0;
  uint64_t max_path_states = 0;
  int64_t path_state_limit = 0;

  // Journal.
  std::string journal_directory;
  bool journal_on_volatile = false;
  uint64_t journal_segment_bytes = 0;
  uint64_t batch_size = 0;
  uint64_t journal_max_bytes = 0;
  uint64_t journal_reserve_bytes = 0;
  int64_t journal_retention = 0;
  int64_t journal_idle_mark = 0;
  int64_t heartbeat_interval = 0;
  std::string journal_full_policy;
  uint64_t max_missed_paths = 0;
  std::string rpo_policy;
  int64_t rpo_limit = 0;

  // Lanes: how the journal is applied to a target.
  int64_t efs_sync_timeout = 0;
  int64_t slow_limit = 0;
  int64_t apply_linger = 0;
  int64_t health_check_interval = 0;
  int64_t health_min_stay = 0;
  uint64_t max_retries = 0;
  int64_t retry_initial = 0;
  int64_t retry_max = 0;
  int64_t parked_retry_interval = 0;
  int64_t checkpoint_interval = 0;
  int64_t watermark_interval = 0;
  uint64_t max_parallel_paths = 0;
  uint64_t max_window_writes = 0;
  uint64_t max_window_bytes = 0;
  uint64_t max_merge_bytes = 0;
  uint64_t max_open_directories = 0;
  uint64_t max_open_files = 0;
  uint64_t max_parked_writes = 0;
  uint64_t max_parked_bytes = 0;

  // Listeners.
  std::string socket_path;
  uint64_t socket_mode = 0;
  std::string socket_group;
  std::string tcp_address;
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::string tls_client_ca_file;
  uint64_t max_concurrent_streams = 0;
  uint64_t rpc_memory_bytes = 0;
  std::string http_address;

  // The process.
  std::string io_engine;
  uint64_t io_threads = 0;
  std::string log_level;
  int64_t drain_deadline = 0;
};

}  // namespace tandem
