// What a lane needs to know; config fills it in.
#pragma once

#include <cstdint>
#include <string>

namespace tandem {

struct LaneOptions {
  std::string target;             // its name: "local", "corebank"
  std::string target_path;        // the mount's directory, absolute
  std::string journal_directory;  // absolute
  std::string host;               // where this process runs, and as what: for people
  int64_t pid = 0;
  std::string writer;                  // its root is <target_path>/<writer_root>
  std::string writer_root;             // relative, "" for the target's own directory
  uint64_t writer_epoch = 0;           // core's, for temp names
  bool initialize_target = false;      // write the identity file if the directory is empty
  bool require_mount = false;          // refuse a directory that is not a mount point
  std::string target_id;               // what the identity file must say; "": pin what is found
  uint32_t max_parallel_paths = 64;    // paths under way at once
  uint64_t max_window_writes = 4'096;  // read from the journal, not yet applied
  uint64_t max_window_bytes = 16ull << 20;  // payload kept in memory
  int64_t apply_linger_ms = 100;            // least time between two looks at unwanted writes
  uint64_t max_merge_bytes = 4ull << 20;    // neighbours merged into one write
  uint32_t max_open_directories = 256;
  uint32_t max_open_files = 256;
  uint32_t max_retries = 5;       // of an error of a path, before it is parked
  int64_t retry_initial_ms = 50;  // doubles up to retry_max_ms
  int64_t retry_max_ms = 5'000;
  int64_t checkpoint_interval_ms = 200;
  int64_t watermark_interval_ms = 5'000;      // the target's watermark is written this often
  int64_t slow_limit_ms = 1'000;              // an operation still running this long: SLOW
  int64_t stall_limit_ms = 10'000;            // and this long: STALLED
  int64_t health_check_interval_ms = 5'000;   // between probes of a target that is well
  int64_t health_min_stay_ms = 5'000;         // a bad state is left this long after its cause
  int64_t parked_retry_interval_ms = 30'000;  // a quarantined path is tried again this often
  uint64_t max_parked_writes = 10'000;
  uint64_t max_parked_bytes = 256ull << 20;
};

}  // namespace tandem
