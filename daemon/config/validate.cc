#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/config/layers.h"
#include "daemon/config/value.h"
#include "daemon/journal/record_format.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

// Of "host:port" or "[host]:port": an IP address, not a name that would have to be resolved.
bool IsNumericHost(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  in6_addr parsed;
  if (host.size() > 2 && host.front() == '[') {
    return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &parsed) == 1;
  }
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1;
}

// It is made under a longer name (".new") and then renamed.
constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - sizeof(".new");

// Owner: the thread that loads the configuration; lives for one call.
class Validator {
 public:
  Validator(const Settings& settings, const Origins& origins, const Places& places,
            Problems& problems)
      : settings_(settings), origins_(origins), places_(places), problems_(problems) {}

  void Run() {
    if (Known({"targets", "local_efs_path", "corebank_efs_path"})) {
      CheckTargets();
      CheckPlaces();
    }
    CheckJournalPlace();
    CheckWriterRoot();
    CheckSizes();
    CheckTimes();
    CheckListeners();
  }

 private:
  void Error(absl::string_view key, absl::string_view what) {
    const auto origin = origins_.find(key);
    problems_.Add(
        absl::StrCat(origin == origins_.end() ? "default" : origin->second, ": ", key, ": ", what));
  }

  [[nodiscard]] bool Known(std::initializer_list<absl::string_view> keys) const {
    if (problems_.all_doubtful) return false;
    return std::none_of(keys.begin(), keys.end(),
                        [this](absl::string_view key) { return problems_.doubtful.contains(key); });
  }

  // The key that gave this target, for messages.
  [[nodiscard]] absl::string_view KeyOf(const TargetSettings& target) const {
    if (origins_.contains("targets")) return "targets";
    return target.name == "local" ? "local_efs_path" : "corebank_efs_path";
  }

  void CheckTargets() {
    if (settings_.targets.empty()) {
      Error("targets",
            "no target is configured: give targets, or local_efs_path and "
            "corebank_efs_path");
      return;
    }
    std::set<std::string> names;
    std::set<std::string> ids;
    for (const TargetSettings& target : settings_.targets) {
      if (!names.insert(target.name).second) {
        Error(KeyOf(target), absl::StrCat("two targets are named '", target.name, "'"));
      }
      if (!target.target_id.empty() && !ids.insert(target.target_id).second) {
        Error(KeyOf(target), absl::StrCat("two targets have the identity ", target.target_id));
      }
    }
    if (Known({"default_level"}) && settings_.default_level == "LOCAL" &&
        !names.contains("local")) {
      Error("default_level", "LOCAL needs a target named 'local'");
    }
  }

  void CheckPlaces() {
    const auto& targets = settings_.targets;
    for (size_t i = 0; i < targets.size(); ++i) {
      const Place place = Resolve(places_, targets[i].path);
      if (Known({"journal_directory"}) && !settings_.journal_directory.empty()) {
        CheckAgainstJournal(targets[i], place);
      }
      for (size_t j = 0; j < i; ++j) CheckPair(targets[j], targets[i], place);
    }
  }

  void CheckAgainstJournal(const TargetSettings& target, const Place& place) {
    const Place journal = Resolve(places_, settings_.journal_directory);
    if (IsWithin(journal, place)) {
      Error("journal_directory", absl::StrCat(settings_.journal_directory, " is inside target '",
                                              target.name, "' (", target.path, ")"));
    } else if (IsWithin(place, journal)) {
      Error(KeyOf(target),
            absl::StrCat("target '", target.name, "' (", target.path,
                         ") is inside the journal's directory ", settings_.journal_directory));
    }
  }

  void CheckJournalPlace() {
    if (!Known({"journal_directory"})) return;
    if (settings_.journal_directory.empty()) return Error("journal_directory", "must not be empty");
    if (!Known({"journal_on_volatile"})) return;
    const Place journal = Resolve(places_, settings_.journal_directory);
    static constexpr std::array<absl::string_view, 3> kVolatile = {"tmpfs", "ramfs", "overlay"};
    if (!settings_.journal_on_volatile &&
        std::find(kVolatile.begin(), kVolatile.end(), journal.file_system) != kVolatile.end()) {
      Error("journal_directory",
            absl::StrCat(settings_.journal_directory, " lies on ", journal.file_system,
                         ", which dies with the container; set journal_on_volatile if that is "
                         "meant"));
    }
  }

  void CheckPair(const TargetSettings& a, const TargetSettings& b, const Place& place_of_b) {
    const Place place_of_a = Resolve(places_, a.path);
    const bool in_a = IsWithin(place_of_b, place_of_a);
    const bool in_b = IsWithin(place_of_a, place_of_b);
    if (!in_a && !in_b) return;
    // One export at both mount points is an outage of one of the two: its lane tells by the
    // identity.
    if (in_a && in_b && place_of_a.path != place_of_b.path && place_of_a.network_mount &&
        place_of_b.network_mount) {
      return;
    }
    const absl::string_view relation =
        in_a && in_b ? "are the same directory" : "lie one inside the other";
    Error(KeyOf(b), absl::StrCat("targets '", a.name, "' (", a.path, ") and '", b.name, "' (",
                                 b.path, ") ", relation));
  }

  void CheckWriterRoot() {
    const std::string& root = settings_.writer_root;
    // Empty: no name is known either.
    if (!Known({"writer_root"}) || root.empty() || root == ".") return;
    if (const absl::Status status = ValidatePath(root); !status.ok()) {
      Error("writer_root", absl::StrCat("'", root, "': ", status.message()));
    }
  }

  // Requires that `small` is at most `large` / `divisor`.
  void CheckAtMost(absl::string_view small_key, uint64_t small, absl::string_view large_key,
                   uint64_t large, uint64_t divisor) {
    if (!Known({small_key, large_key}) || small <= large / divisor) return;
    const std::string part = divisor == 1 ? "" : absl::StrCat("1/", divisor, " of ");
    // The error stands where the user wrote something.
    const absl::string_view at = origins_.contains(small_key) ? small_key : large_key;
    Error(at, absl::StrCat(small_key, " (", FormatBytes(small), ") must be at most ", part,
                           large_key, " (", FormatBytes(large), ")"));
  }

  void CheckSizes() {
    const Settings& s = settings_;
    if (Known({"journal_segment_bytes"}) && (s.journal_segment_bytes % kSegmentHeaderBytes != 0 ||
                                             s.journal_segment_bytes > UINT32_MAX)) {
      Error("journal_segment_bytes", absl::StrCat(FormatBytes(s.journal_segment_bytes),
                                                  " must be a multiple of 4KiB below 4GiB"));
    }
    CheckAtMost("batch_size", s.batch_size, "journal_segment_bytes", s.journal_segment_bytes, 4);
    CheckAtMost("max_write_bytes", s.max_write_bytes, "journal_segment_bytes",
                s.journal_segment_bytes, 4);
    CheckAtMost("journal_segment_bytes", s.journal_segment_bytes, "journal_max_bytes",
                s.journal_max_bytes, 4);
    CheckAtMost("journal_reserve_bytes", s.journal_reserve_bytes, "journal_max_bytes",
                s.journal_max_bytes, 4);
    CheckAtMost("max_upload_bytes", s.max_upload_bytes, "journal_max_bytes", s.journal_max_bytes,
                4);
    CheckAtMost("max_upload_bytes", s.max_upload_bytes, "max_file_bytes", s.max_file_bytes, 1);
    CheckAtMost("max_write_bytes", s.max_write_bytes, "max_window_bytes", s.max_window_bytes, 1);
    CheckAtMost("max_write_bytes", s.max_write_bytes, "buffer_size", s.buffer_size, 1);
  }

  void CheckNotLonger(absl::string_view short_key, int64_t short_ms, absl::string_view long_key,
                      int64_t long_ms) {
    if (!Known({short_key, long_key}) || short_ms <= long_ms) return;
    const absl::string_view at = origins_.contains(short_key) ? short_key : long_key;
    Error(at, absl::StrCat(short_key, " (", FormatDurationMs(short_ms), ") must be at most ",
                           long_key, " (", FormatDurationMs(long_ms), ")"));
  }

  void CheckTimes() {
    const Settings& s = settings_;
    CheckNotLonger("journal_retention", s.journal_retention, "request_id_window",
                   s.request_id_window);
    CheckNotLonger("retry_initial", s.retry_initial, "retry_max", s.retry_max);
    CheckNotLonger("slow_limit", s.slow_limit, "efs_sync_timeout", s.efs_sync_timeout);
  }

  void CheckListeners() {
    const Settings& s = settings_;
    if (Known({"socket_path"}) && s.socket_path.empty()) {
      Error("socket_path", "must not be empty");
    } else if (s.socket_path.size() > kMaxSocketPath) {
      Error("socket_path", absl::StrCat(s.socket_path, " is longer than a socket's name can be (",
                                        kMaxSocketPath, " bytes)"));
    }
    if (Known({"http_address"}) && !IsNumericHost(s.http_address)) {
      Error("http_address", absl::StrCat("'", s.http_address,
                                         "' must have a numeric host, such as 127.0.0.1:9464"));
    }
    if (!Known({"tcp_address"}) || s.tcp_address.empty()) return;
    const auto need = [this](absl::string_view key, const std::string& file) {
      if (Known({key}) && file.empty()) {
        Error(key, "must be set: TCP is served only with mutual TLS (tcp_address is set)");
      }
    };
    need("tls_certificate_file", s.tls_certificate_file);
    need("tls_key_file", s.tls_key_file);
    need("tls_client_ca_file", s.tls_client_ca_file);
  }

  const Settings& settings_;
  const Origins& origins_;
  const Places& places_;
  Problems& problems_;
};

}  // namespace

void Validate(const Settings& settings, const Origins& origins, const Places& places,
              Problems& problems) {
  Validator(settings, origins, places, problems).Run();
}

}  // namespace tandem
