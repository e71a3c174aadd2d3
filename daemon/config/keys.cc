#include "daemon/config/keys.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace tandem {
namespace {

using S = Settings;
using K = ValueKind;

constexpr int64_t kKiB = 1 << 10;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;
constexpr int64_t kTiB = kGiB << 10;
constexpr int64_t kSecond = 1'000;
constexpr int64_t kHour = 3'600 * kSecond;
constexpr int64_t kDay = 24 * kHour;

Key Text(absl::string_view name, K kind, std::string S::*field, absl::string_view fallback,
         absl::string_view embedded, absl::string_view doc) {
  return {.name = name,
          .kind = kind,
          .field = field,
          .fallback = fallback,
          .embedded = embedded,
          .doc = doc};
}

Key Choice(absl::string_view name, std::string S::*field, absl::string_view fallback,
           std::vector<absl::string_view> choices, bool reloadable, absl::string_view doc) {
  return {.name = name,
          .kind = K::kChoice,
          .field = field,
          .fallback = fallback,
          .choices = std::move(choices),
          .reloadable = reloadable,
          .doc = doc};
}

Key Switch(absl::string_view name, bool S::*field, absl::string_view fallback,
           absl::string_view embedded, absl::string_view doc) {
  return {.name = name,
          .kind = K::kSwitch,
          .field = field,
          .fallback = fallback,
          .embedded = embedded,
          .doc = doc};
}

Key Time(absl::string_view name, int64_t S::*field, absl::string_view fallback, int64_t min,
         int64_t max, absl::string_view doc, bool reloadable = false) {
  return {.name = name,
          .kind = K::kDuration,
          .field = field,
          .fallback = fallback,
          .min = min,
          .max = max,
          .reloadable = reloadable,
          .doc = doc};
}

Key Amount(absl::string_view name, K kind, uint64_t S::*field, absl::string_view fallback,
           int64_t min, int64_t max, absl::string_view doc) {
  return {.name = name,
          .kind = kind,
          .field = field,
          .fallback = fallback,
          .min = min,
          .max = max,
          .doc = doc};
}

void AddTargetKeys(std::vector<Key>& keys) {
  keys.push_back({.name = "targets",
                  .kind = K::kTargets,
                  .field = &S::targets,
                  .doc = "The directories to keep identical: a list of {name, path, target_id}; as "
                         "text name=path[=target_id],..."});
  keys.push_back(Text("local_efs_path", K::kPath, &S::local_efs_path, "", "",
                      "Short form of a target named 'local': the satellite account's own mount"));
  keys.push_back(Text("corebank_efs_path", K::kPath, &S::corebank_efs_path, "", "",
                      "Short form of a target named 'corebank': the CoreBank account's mount"));
  keys.push_back(Text("writer_name", K::kName, &S::writer_name, "", "demo",
                      "Who writes; no two daemons on one target share it. Empty: the host name"));
  keys.push_back(Text("writer_root", K::kText, &S::writer_root, "", "",
                      "Directory on every target that this writer owns. Empty: the writer's name; "
                      "'.': the target itself"));
  keys.push_back(Switch("require_mount", &S::require_mount, "true", "false",
                        "Refuse a target directory that is not a mount point"));
  keys.push_back(Switch("initialize_targets", &S::initialize_targets, "false", "true",
                        "Make a target of an empty directory without being asked"));
}

void AddPromiseKeys(std::vector<Key>& keys) {
  keys.push_back(Choice("default_level", &S::default_level, "LOCAL", {"JOURNALED", "LOCAL", "ALL"},
                        true, "Durability that a request waits for when it names none"));
  keys.push_back(Time("dual_write_timeout", &S::dual_write_timeout, "60s", 1, kHour,
                      "How long a request waits for its level when it does not say", true));
  keys.push_back(Amount("max_write_bytes", K::kBytes, &S::max_write_bytes, "1MiB", kKiB, 32 * kMiB,
                        "Data of one request"));
  keys.push_back(Amount("max_batch_operations", K::kCount, &S::max_batch_operations, "256", 1,
                        65'536, "Operations of one batch"));
  keys.push_back(Amount("max_file_bytes", K::kBytes, &S::max_file_bytes, "1TiB", kMiB, 1024 * kTiB,
                        "A file never grows beyond this"));
  keys.push_back(Amount("max_upload_bytes", K::kBytes, &S::max_upload_bytes, "1GiB", kMiB, kTiB,
                        "One upload; at most a quarter of journal_max_bytes"));
  keys.push_back(Amount("max_open_uploads", K::kCount, &S::max_open_uploads, "64", 1, 65'536,
                        "Uploads under way at once"));
  keys.push_back(Time("upload_lifetime", &S::upload_lifetime, "1h", kSecond, kDay,
                      "An upload still open after this is aborted"));
  keys.push_back(Amount("buffer_size", K::kBytes, &S::buffer_size, "256MiB", kMiB, 64 * kGiB,
                        "Data received and not yet journaled; more is refused with QUEUE_FULL"));
  keys.push_back(Amount("max_waiting_writes", K::kCount, &S::max_waiting_writes, "65536", 1,
                        100'000'000, "Unanswered writes; more are refused with QUEUE_FULL"));
  keys.push_back(Amount("max_request_ids", K::kCount, &S::max_request_ids, "1000000", 1'000,
                        1'000'000'000, "Request ids remembered; more: REQUEST_IDS_FULL"));
  keys.push_back(Time("request_id_window", &S::request_id_window, "15m", kSecond, 7 * kDay,
                      "How long a request id is known; at least journal_retention"));
  keys.push_back(Amount("max_path_states", K::kCount, &S::max_path_states, "262144", 1'024,
                        1'000'000'000,
                        "Paths whose state is remembered; three quarters may be unapplied on all "
                        "targets, more get PATH_STATES_FULL"));
  keys.push_back(Time("path_state_limit", &S::path_state_limit, "5s", 10, 600 * kSecond,
                      "How long a lane may take to say what a path is"));
}

void AddJournalKeys(std::vector<Key>& keys) {
  keys.push_back(Text("journal_directory", K::kPath, &S::journal_directory,
                      "/var/lib/tandem/journal", "var/journal",
                      "The write-ahead journal, on a volume of its own"));
  keys.push_back(Switch("journal_on_volatile", &S::journal_on_volatile, "false", "true",
                        "Allow the journal on tmpfs or overlay, where it dies with the container"));
  keys.push_back(Amount("journal_segment_bytes", K::kBytes, &S::journal_segment_bytes, "64MiB",
                        kMiB, 4 * kGiB, "One segment; at least four times batch_size"));
  keys.push_back(Amount("batch_size", K::kBytes, &S::batch_size, "1MiB", 4 * kKiB, kGiB,
                        "A group of records that is synced at once is cut at about this size"));
  keys.push_back(Amount("journal_max_bytes", K::kBytes, &S::journal_max_bytes, "8GiB", 4 * kMiB,
                        1024 * kTiB, "Cap on the journal; at the cap writes get JOURNAL_FULL"));
  keys.push_back(Amount("journal_reserve_bytes", K::kBytes, &S::journal_reserve_bytes, "16MiB",
                        64 * kKiB, 64 * kGiB, "Kept below the cap for records that free room"));
  keys.push_back(Time("journal_retention", &S::journal_retention, "15m", 0, 7 * kDay,
                      "Records are kept this long after they were applied everywhere"));
  keys.push_back(Time("journal_idle_mark", &S::journal_idle_mark, "50ms", 1, 60 * kSecond,
                      "Quiet this long: a durable mark is written"));
  keys.push_back(
      Choice("journal_full_policy", &S::journal_full_policy, "refuse", {"refuse", "detach"}, false,
             "At the cap: refuse writes, or detach the target that lags: keep only the "
             "paths that it misses, and copy those from another target when it is back"));
  keys.push_back(Amount("max_missed_paths", K::kCount, &S::max_missed_paths, "262144", 1,
                        100'000'000,
                        "Paths that a detached target may miss; with more, writes are refused"));
  keys.push_back(Choice("rpo_policy", &S::rpo_policy, "alert", {"alert", "refuse"}, false,
                        "When a target other than local lags beyond rpo_limit: say so, or refuse "
                        "new writes too"));
  keys.push_back(Time("rpo_limit", &S::rpo_limit, "30s", 100, kDay,
                      "Age of the oldest write that such a target may lack"));
  keys.push_back(Time("heartbeat_interval", &S::heartbeat_interval, "1s", 0, kHour,
                      "Nobody wrote for this long: a heartbeat goes to every target, so that its "
                      "lag in seconds stays true. 0s: none"));
}

void AddLaneKeys(std::vector<Key>& keys) {
  keys.push_back(Time("efs_sync_timeout", &S::efs_sync_timeout, "30s", 100, kHour,
                      "A target with an operation still running after this is STALLED"));
  keys.push_back(Time("slow_limit", &S::slow_limit, "1s", 1, kHour,
                      "A target with an operation still running after this is SLOW"));
  keys.push_back(Time("health_check_interval", &S::health_check_interval, "5s", 100, kHour,
                      "A target is probed this often: create, write, sync, delete"));
  keys.push_back(Time("health_min_stay", &S::health_min_stay, "5s", 0, kHour,
                      "A target stays SLOW, STALLED or DOWN this long after the cause is gone"));
  keys.push_back(
      Amount("max_retries", K::kCount, &S::max_retries, "5", 0, 1'000,
             "How often a write that a target refuses is tried again before its path is parked"));
  keys.push_back(Time("retry_initial", &S::retry_initial, "50ms", 1, 60 * kSecond,
                      "Wait before the first retry; doubles up to retry_max"));
  keys.push_back(Time("retry_max", &S::retry_max, "5s", 1, kHour, "Longest wait between retries"));
  keys.push_back(Time("parked_retry_interval", &S::parked_retry_interval, "30s", 10, kDay,
                      "A parked path is tried again this often"));
  keys.push_back(Time("checkpoint_interval", &S::checkpoint_interval, "200ms", 1, 60 * kSecond,
                      "A lane writes its checkpoint this often"));
  keys.push_back(Time("watermark_interval", &S::watermark_interval, "5s", 100, kHour,
                      "A lane writes its target's watermark file this often"));
  keys.push_back(Amount("max_parallel_paths", K::kCount, &S::max_parallel_paths, "64", 1, 4'096,
                        "Paths being written at once on one target"));
  keys.push_back(Amount("max_window_writes", K::kCount, &S::max_window_writes, "4096", 1, 5'500,
                        "Writes a lane has read from the journal and not applied"));
  keys.push_back(Amount("max_window_bytes", K::kBytes, &S::max_window_bytes, "16MiB", kMiB,
                        16 * kGiB, "Data a lane keeps in memory; at least max_write_bytes"));
  keys.push_back(Time("apply_linger", &S::apply_linger, "100ms", 0, 10 * kSecond,
                      "Writes that nobody waits for on a target are taken up this often"));
  keys.push_back(Amount("max_merge_bytes", K::kBytes, &S::max_merge_bytes, "4MiB", 4 * kKiB, kGiB,
                        "Neighbouring writes are merged up to this size"));
  keys.push_back(Amount("max_open_directories", K::kCount, &S::max_open_directories, "256", 1,
                        65'536, "Directories a lane keeps open"));
  keys.push_back(Amount("max_open_files", K::kCount, &S::max_open_files, "256", 0, 65'536,
                        "Files a lane keeps open between writes"));
  keys.push_back(Amount("max_parked_writes", K::kCount, &S::max_parked_writes, "10000", 1,
                        100'000'000, "Writes parked on one target"));
  keys.push_back(Amount("max_parked_bytes", K::kBytes, &S::max_parked_bytes, "256MiB", kMiB, kTiB,
                        "Data parked on one target"));
}

void AddListenerKeys(std::vector<Key>& keys) {
  keys.push_back(Text("socket_path", K::kPath, &S::socket_path, "/run/tandem/tandem.sock",
                      "var/tandem.sock", "Unix socket of the write API"));
  keys.push_back(Amount("socket_mode", K::kMode, &S::socket_mode, "0660", 0, 0777,
                        "Permission bits of the socket"));
  keys.push_back(Text("socket_group", K::kText, &S::socket_group, "", "",
                      "Group of the socket, by name or number. Empty: the process's own"));
  keys.push_back(Text("tcp_address", K::kAddress, &S::tcp_address, "", "",
                      "TCP address of the write API; needs the three tls files. Empty: none"));
  keys.push_back(Text("tls_certificate_file", K::kPath, &S::tls_certificate_file, "", "",
                      "The server's certificate chain, PEM"));
  keys.push_back(
      Text("tls_key_file", K::kPath, &S::tls_key_file, "", "", "The server's private key, PEM"));
  keys.push_back(Text("tls_client_ca_file", K::kPath, &S::tls_client_ca_file, "", "",
                      "Certificates of those who sign the clients' certificates, PEM"));
  keys.push_back(Amount("max_concurrent_streams", K::kCount, &S::max_concurrent_streams, "1024", 1,
                        1'000'000, "Calls at once on one connection"));
  keys.push_back(Amount("rpc_memory_bytes", K::kBytes, &S::rpc_memory_bytes, "512MiB", 16 * kMiB,
                        64 * kGiB, "Memory of all gRPC connections together"));
  keys.push_back(Text("http_address", K::kAddress, &S::http_address, "127.0.0.1:9464", "",
                      "Address of /metrics, /livez, /readyz and /startupz"));
}

void AddProcessKeys(std::vector<Key>& keys) {
  keys.push_back(Choice("io_engine", &S::io_engine, "auto", {"auto", "io_uring", "threads"}, false,
                        "How files are written; auto takes io_uring where it is allowed"));
  keys.push_back(Amount("io_threads", K::kCount, &S::io_threads, "64", 1, 1'024,
                        "Threads of the thread engine, kernel workers of io_uring"));
  keys.push_back(Choice("log_level", &S::log_level, "info", {"debug", "info", "warning", "error"},
                        true, "Least level that is logged"));
  keys.push_back(Time("drain_deadline", &S::drain_deadline, "20s", 0, kHour,
                      "On SIGTERM, how long targets may take to apply what there is", true));
}

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

const std::vector<Key>& AllKeys() {
  static const std::vector<Key> all = [] {
    std::vector<Key> keys;
    AddTargetKeys(keys);
    AddPromiseKeys(keys);
    AddJournalKeys(keys);
    AddLaneKeys(keys);
    AddListenerKeys(keys);
    AddProcessKeys(keys);
    return keys;
  }();
  return all;
}

const Key* FindKey(absl::string_view name) {
  const auto& keys = AllKeys();
  const auto found =
      std::find_if(keys.begin(), keys.end(), [name](const Key& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::string EnvironmentName(const Key& key) {
  return absl::StrCat("TANDEM_", absl::AsciiStrToUpper(key.name));
}

std::string FlagName(const Key& key) {
  return absl::StrCat("--", absl::StrReplaceAll(key.name, {{"_", "-"}}));
}

std::string NotNeeded(absl::string_view name) {
  if (name == "metrics_interval") {
    return "metrics are made when they are scraped; set the scraper's interval";
  }
  return "";
}

std::string Nearest(absl::string_view text, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, text.size() / 4) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(text, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace tandem
