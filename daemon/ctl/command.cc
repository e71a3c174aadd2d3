#include "daemon/ctl/command.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/ctl/format.h"

namespace tandem::ctl {
namespace {

constexpr absl::string_view kUsageUrl = "tandemctl/usage";
// Enough for a daemon that is just being restarted; a person waits for the rest.
constexpr int kMaxAttempts = 6;
// A status is there at once, unless core hangs.
constexpr absl::Duration kAnswerLimit = absl::Seconds(10);
// The longest that the daemon takes.
constexpr absl::Duration kMaxWait = absl::Hours(1);

std::string WaitHint(const Globals& globals, const client::ErrorDetail& detail) {
  const std::string key =
      detail.sequence.has_value() ? absl::StrCat(*detail.sequence) : detail.request_id;
  if (key.empty()) return "the write is accepted and goes on";
  return absl::StrCat("the write is accepted and goes on; wait for it: tandemctl wait ", key,
                      globals.level.empty() ? "" : absl::StrCat(" --level ", globals.level));
}

bool StatusSaysWhy(absl::string_view reason) {
  return absl::StartsWith(reason, "JOURNAL_") || reason == "RPO_AT_RISK" ||
         reason == "TARGET_UNAVAILABLE";
}

std::string FirstHint(const Globals& globals, const absl::Status& status,
                      const client::ErrorDetail& detail) {
  if (status.GetPayload(kUsageUrl).has_value()) return "see tandemctl --help";
  if (detail.reason == "DURABILITY_NOT_REACHED") return WaitHint(globals, detail);
  if (detail.reason == "PAYLOAD_TOO_LARGE") return "large files go with: tandemctl upload";
  if (detail.reason == "TARGET_FAILED") return "see which target and why: tandemctl pending";
  if (detail.reason == "PENDING_NOT_FOUND") return "see what is parked: tandemctl pending";
  if (status.code() == absl::StatusCode::kUnavailable && detail.reason.empty() &&
      !detail.outcome_unknown) {
    return absl::StrCat("is tandemd running and serving ", globals.address, "?");
  }
  if (detail.outcome_unknown || (detail.retryable && !detail.request_id.empty())) {
    return absl::StrCat("repeat the same command with --request-id ", detail.request_id,
                        ": it is never applied twice");
  }
  if (detail.reason == "WRITE_NOT_FOUND") {
    return "the write is unknown, or older than what the daemon remembers";
  }
  if (status.code() == absl::StatusCode::kDeadlineExceeded && detail.reason.empty()) {
    return absl::StrCat("no answer from ", globals.address,
                        " in time: tandemd is overloaded, stopped or hangs, see its log; a longer "
                        "--timeout may help");
  }
  return "";
}

std::string HintFor(const Globals& globals, const absl::Status& status,
                    const client::ErrorDetail& detail) {
  std::string hint = FirstHint(globals, status, detail);
  if (!StatusSaysWhy(detail.reason)) return hint;
  return absl::StrCat(hint, hint.empty() ? "" : "; ", "see why: tandemctl status");
}

ExitCode CodeFor(const absl::Status& status, const client::ErrorDetail& detail) {
  if (status.GetPayload(kUsageUrl).has_value()) return kUsage;
  if (detail.reason == "TARGET_FAILED") return kDiverged;
  if (status.code() == absl::StatusCode::kUnavailable && detail.reason.empty() &&
      !detail.outcome_unknown) {
    return kUnavailable;
  }
  return detail.retryable ? kRetryable : kError;
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsageUrl, absl::Cord());
  return status;
}

absl::StatusOr<std::unique_ptr<client::Client>> Connect(const Globals& globals) {
  client::ClientOptions options;
  options.address = globals.address;
  options.tls = globals.tls;
  options.retry.max_attempts = kMaxAttempts;
  absl::StatusOr<std::unique_ptr<client::Client>> client =
      client::Client::Connect(std::move(options));
  if (client.status().code() == absl::StatusCode::kInvalidArgument) {
    return UsageError(client.status().message());
  }
  return client;
}

absl::StatusOr<std::unique_ptr<client::Client>> ConnectToWait(const Globals& globals) {
  absl::StatusOr<std::unique_ptr<client::Client>> client = Connect(globals);
  if (!client.ok() || !globals.timeout.empty()) return client;
  const absl::Status answer = (*client)->GetStatus({.timeout = kAnswerLimit}).status();
  const bool silent = absl::IsDeadlineExceeded(answer) || absl::IsUnavailable(answer);
  if (silent && client::DetailOf(answer).reason.empty()) return answer;
  return client;
}

absl::StatusOr<client::CallOptions> CallOptionsOf(const Globals& globals, absl::Duration timeout) {
  client::CallOptions options;
  options.timeout = timeout;
  if (!globals.timeout.empty() && (!absl::ParseDuration(globals.timeout, &options.timeout) ||
                                   options.timeout <= absl::ZeroDuration())) {
    return UsageError(absl::StrCat("--timeout ", globals.timeout,
                                   " is no duration: write it like 500ms, 10s or 2m"));
  }
  if (!globals.timeout.empty()) options.wait_timeout = std::min(options.timeout, kMaxWait);
  if (!globals.level.empty()) {
    const std::optional<client::Level> level = client::ParseLevel(globals.level);
    if (!level.has_value()) {
      return UsageError(
          absl::StrCat("--level ", globals.level, " is none of JOURNALED, LOCAL, ALL"));
    }
    options.level = *level;
  }
  if (!globals.request_id.empty() && !client::IsRequestId(globals.request_id)) {
    return UsageError(absl::StrCat("--request-id ", globals.request_id, " is no UUID"));
  }
  options.request_id = globals.request_id;
  return options;
}

ExitCode Report(const Globals& globals, const absl::Status& status) {
  return Report(globals, status, client::DetailOf(status));
}

ExitCode Report(const Globals& globals, const absl::Status& status,
                const client::ErrorDetail& detail) {
  const ExitCode code = CodeFor(status, detail);
  const std::string hint = HintFor(globals, status, detail);
  const std::string level(LevelName(detail.level_reached));
  const bool level_known = detail.level_reached != client::Level::kUnspecified;
  if (globals.json) {
    boost::json::object error = {{"code", absl::StatusCodeToString(status.code())},
                                 {"reason", TextOrNull(detail.reason)},
                                 {"message", std::string(status.message())},
                                 {"request_id", TextOrNull(detail.request_id)},
                                 {"sequence", SequenceOrNull(detail.sequence.value_or(0))},
                                 {"retryable", detail.retryable},
                                 {"outcome_unknown", detail.outcome_unknown},
                                 {"level_reached", level_known ? TextOrNull(level) : nullptr},
                                 {"hint", TextOrNull(hint)}};
    std::cerr << boost::json::serialize(boost::json::object{{"error", std::move(error)}}) << "\n";
    return code;
  }
  std::cerr << "tandemctl: " << status.message();
  if (!detail.reason.empty()) std::cerr << " (" << detail.reason << ")";
  std::cerr << "\n";
  if (level_known) std::cerr << "  level reached: " << level << "\n";
  if (detail.sequence.has_value()) std::cerr << "  sequence: " << *detail.sequence << "\n";
  if (!detail.request_id.empty()) std::cerr << "  request-id: " << detail.request_id << "\n";
  if (!hint.empty()) std::cerr << "  " << hint << "\n";
  return code;
}

CLI::Validator WholeNumber() {
  return {[](const std::string& text) -> std::string {
            uint64_t number = 0;
            const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
            return digits && absl::SimpleAtoi(text, &number) ? "" : text + " is no whole number";
          },
          ""};
}

absl::StatusOr<std::string> ReadAll(const std::string& file, size_t max_bytes) {
  const bool standard_input = file == "-";
  const int descriptor = standard_input ? STDIN_FILENO : open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file));
  std::string data;
  ssize_t count = 0;
  do {
    char buffer[65536];
    count = read(descriptor, buffer, sizeof(buffer));
    if (count > 0) data.append(buffer, static_cast<size_t>(count));
  } while ((count > 0 && data.size() <= max_bytes) || (count < 0 && errno == EINTR));
  const int error = count < 0 ? errno : 0;
  if (!standard_input) close(descriptor);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", file));
  if (data.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(file, " is larger than one write can be (",
                                                   max_bytes, " bytes): use tandemctl upload"));
  }
  return data;
}

}  // namespace tandem::ctl
