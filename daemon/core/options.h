// What core needs to know; config fills it in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/journal/journal.h"

namespace tandem {

struct CoreTarget {
  std::string name;  // "local", "corebank"
  std::string path;  // for status only
  // What its lane saved last, read from the lane's state before the start; 0: unknown. Everything
  // up to `saved_checkpoint` is applied there (or parked): where the path states begin.
  Sequence saved_checkpoint = 0;
  // The largest sequence that the lane's state proves to have been durable in the journal.
  Sequence witnessed = 0;
};

struct CoreOptions {
  JournalOptions journal;
  int64_t heartbeat_interval_ms = 0;      // nobody wrote for this long: a heartbeat; 0: none
  bool detach_at_cap = false;             // journal_full_policy: detach, not refuse
  uint64_t max_missed_paths = 262'144;    // of a detached target; more are not retired without it
  bool rpo_refuse = false;                // beyond rpo_limit_ms new writes get RPO_AT_RISK
  int64_t rpo_limit_ms = 30'000;          // the most that a target other than local may lag
  std::string writer;                     // the writer's name
  std::vector<CoreTarget> targets;        // the order of replies; LOCAL means the one named "local"
  uint64_t max_write_bytes = 1ull << 20;  // payload of one request
  uint64_t max_batch_operations = 256;
  uint64_t max_file_bytes = 1ull << 40;    // a file never grows beyond this
  uint64_t max_upload_bytes = 4ull << 30;  // one upload; and at most a quarter of the journal's cap
  uint64_t max_open_uploads = 64;
  int64_t upload_lifetime_ms = 3'600'000;     // an open one is aborted after this
  uint64_t max_waiting_writes = 65'536;       // unanswered at once; more get QUEUE_FULL
  uint64_t max_waiting_bytes = 256ull << 20;  // payload not yet journaled; more get QUEUE_FULL
  uint64_t max_request_ids = 1'000'000;
  uint64_t max_path_states = 262'144;      // remembered; see PathStates for what goes beyond
  int64_t request_id_window_ms = 900'000;  // at least journal.retention_ms
  int64_t path_state_limit_ms = 5'000;     // a lane's answer takes longer: PATH_STATE_UNKNOWN
};

}  // namespace tandem
